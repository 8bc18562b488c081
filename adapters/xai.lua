-- xAI: errors are { code, error = "text" } with few codes; output tokens leave reasoning out.
return tide.adapter {
  name = "xai",
  extends = "openai",
  base_url = "https://api.x.ai/v1",
  auth = { type = "bearer", secret = "XAI_API_KEY" },
  params = { inject_stream = false },
  errors = {
    match = {
      { status = 400, contains = "Incorrect API key", kind = "auth" },
      { status = 400, contains = "Model not found", kind = "no_target" },
      { status = 403, contains = "credits or licenses", kind = "quota" },
      { status = 403, contains = "usage guidelines", kind = "content_filter" },
    },
  },
  usage = { reasoning_excluded = true },
  models = { ["grok-4"] = { reasoning = true }, ["grok-3"] = {}, ["grok-3-mini"] = {} },
}
