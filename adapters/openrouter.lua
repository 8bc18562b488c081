-- OpenRouter: usage is always on; 403 is moderation, not a refused key.
return tide.adapter {
  name = "openrouter",
  extends = "openai",
  base_url = "https://openrouter.ai/api/v1",
  auth = { type = "bearer", secret = "OPENROUTER_API_KEY" },
  params = { inject_stream = false },
  errors = {
    status = { [403] = "content_filter" },
    match = {
      { status = 400, contains = "maximum context length", kind = "context_length" },
      { status = 400, contains = "does not exist", kind = "no_target" },
    },
  },
  models = {
    ["openrouter/auto"] = { reasoning = true }, ["openai/gpt-4o-mini"] = {},
    ["meta-llama/llama-3.3-70b-instruct"] = {},
  },
}
