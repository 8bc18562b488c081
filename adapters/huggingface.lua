-- Hugging Face's router: a model is called "owner/name", or "owner/name:provider" of one who serves
-- it. Answers are those of whoever that is.
return tide.adapter {
  name = "huggingface",
  extends = "openai",
  base_url = "https://router.huggingface.co/v1",
  auth = { type = "bearer", secret = "HF_TOKEN" },
  ops = { complete = false, embed = false },
  params = { rename = { max_completion_tokens = "max_tokens" } },
  families = {
    {
      models = { "*gpt-oss*" }, reasoning = true,
      traits = { efforts = { none = "low", minimal = "low", xhigh = "high", max = "high" } },
    },
    { models = { "*" }, reasoning = true, traits = { reasoning = false, top_k = true } },
  },
  errors = {
    map = { model_not_supported = "no_target" },
    match = {
      { contains = "monthly included credits", kind = "quota" },
      { status = 400, contains = "is not supported by", kind = "no_target" },
    },
  },
  models = {
    ["openai/gpt-oss-120b"] = { reasoning = true }, ["deepseek-ai/DeepSeek-V3.2"] = {},
    ["moonshotai/Kimi-K2-Instruct-0905"] = {}, ["Qwen/Qwen3-235B-A22B-Instruct-2507"] = {},
  },
}
