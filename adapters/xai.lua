-- xAI: errors are { code, error = "text" } with few codes; the output tokens of chat completions
-- leave reasoning out.
return tide.adapter {
  name = "xai",
  extends = "openai",
  dialects = { "openai-chat", "openai-responses" },
  base_url = "https://api.x.ai/v1",
  auth = { type = "bearer", secret = "XAI_API_KEY" },
  ops = { complete = false, embed = false },
  params = { inject_stream = false },
  families = {
    {
      models = { "grok-3-mini*" }, reasoning = true,
      params = { drop = { "presence_penalty", "frequency_penalty", "stop" } },
      traits = {
        reasoning_excluded = true,
        efforts = {
          none = "low", minimal = "low", medium = "high", xhigh = "high", max = "high",
        },
      },
    },
    {
      models = { "grok-3*", "grok-2*" },
      traits = { reasoning_excluded = true, reasoning = false },
    },
    {
      models = { "grok-4-*", "grok-4" }, reasoning = true,
      params = { drop = { "presence_penalty", "frequency_penalty", "stop" } },
      traits = { reasoning_excluded = true, reasoning = false, encrypted_reasoning = true },
    },
    {
      models = { "grok-*" }, reasoning = true,
      params = { drop = { "presence_penalty", "frequency_penalty", "stop" } },
      traits = {
        reasoning_excluded = true, encrypted_reasoning = true,
        efforts = { minimal = "low", xhigh = "high", max = "high" },
      },
    },
  },
  errors = {
    match = {
      { status = 400, contains = "Incorrect API key", kind = "auth" },
      { status = 400, contains = "Model not found", kind = "no_target" },
      { status = 400, contains = "maximum prompt length", kind = "context_length" },
      { status = 403, contains = "credits or licenses", kind = "quota" },
      { contains = "spending limit", kind = "quota" },
      { status = 403, contains = "usage guidelines", kind = "content_filter" },
    },
  },
  usage = { reasoning_excluded = true },
  models = {
    ["grok-4.3"] = { reasoning = true }, ["grok-4"] = { reasoning = true }, ["grok-3"] = {},
    ["grok-3-mini"] = { reasoning = true },
  },
}
