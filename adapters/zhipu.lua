-- Zhipu (GLM) in China. Z.ai, its international side, has base_url https://api.z.ai/api/paas/v4.
return tide.adapter {
  name = "zhipu",
  extends = "openai",
  dialects = { "openai-chat", "anthropic-messages" },
  base_url = "https://open.bigmodel.cn/api/paas/v4",
  auth = { type = "bearer", secret = "ZHIPU_API_KEY" },
  ops = {
    chat = {
      path = "/chat/completions",
      -- From the root: that of the coding plan, /api/coding/paas/v4, has no other one.
      paths = { ["anthropic-messages"] = "../../../../api/anthropic/v1/messages" },
    },
    complete = false, count = false,
  },
  params = { rename = { max_completion_tokens = "max_tokens" }, inject_stream = false },
  families = {
    {
      models = { "*" },
      traits = {
        reasoning_back = "reasoning_content", reasoning = "thinking", forced_tools = false,
        structured = false,
      },
    },
  },
  errors = {
    map = { -- codes are numbers in strings
      ["1000"] = "auth", ["1001"] = "auth", ["1002"] = "auth", ["1003"] = "auth", ["1004"] = "auth",
      ["1113"] = "quota", ["1304"] = "quota", ["1308"] = "quota", ["1309"] = "quota",
      ["1310"] = "quota",
      ["1261"] = "context_length",
      ["1301"] = "content_filter",
      ["1302"] = "rate_limited", ["1303"] = "rate_limited",
      ["1305"] = "overloaded", ["1211"] = "no_target",
      -- Where Anthropic's protocol is spoken.
      authentication_error = "auth", rate_limit_error = "rate_limited",
      overloaded_error = "overloaded", not_found_error = "no_target",
    },
  },
  models = { ["glm-4.7"] = { reasoning = true }, ["glm-4.6"] = { reasoning = true } },
}
