-- Qwen on Alibaba's DashScope. Keys belong to a region: elsewhere set base_url, for example
-- https://dashscope-intl.aliyuncs.com/compatible-mode/v1.
return tide.adapter {
  name = "qwen",
  extends = "openai",
  base_url = "https://dashscope.aliyuncs.com/compatible-mode/v1",
  auth = { type = "bearer", secret = "DASHSCOPE_API_KEY" },
  families = {
    {
      models = { "*" },
      traits = { reasoning_back = "reasoning_content", reasoning = "enable_thinking" },
    },
  },
  params = { rename = { max_completion_tokens = "max_tokens" } },
  errors = {
    map = {
      Arrearage = "quota",
      ModelNotFound = "no_target",
      data_inspection_failed = "content_filter",
      limit_burst_rate = "rate_limited",
      limit_requests = "rate_limited",
    },
  },
  models = {
    ["qwen3-max"] = {}, ["qwen-plus"] = {}, ["qwen-flash"] = {}, ["text-embedding-v4"] = {},
  },
}
