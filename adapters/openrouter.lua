-- OpenRouter: usage is always on; 403 is moderation, not a refused key, unless it is that of a
-- provider behind.
return tide.adapter {
  name = "openrouter",
  extends = "openai",
  dialects = { "openai-chat", "openai-responses", "anthropic-messages" },
  base_url = "https://openrouter.ai/api/v1",
  auth = { type = "bearer", secret = "OPENROUTER_API_KEY" },
  ops = {
    chat = { path = "/chat/completions", paths = { ["anthropic-messages"] = "/messages" } },
    rerank = { path = "/rerank", translate = true }, count = false,
  },
  params = { inject_stream = false },
  families = {
    {
      models = { "*" },
      traits = {
        reasoning_back = "reasoning_details", reasoning = "object", cache_control = true,
        images_back = true, top_k = true,
      },
    },
  },
  errors = {
    status = { [403] = "content_filter" },
    match = {
      { status = 403, contains = "Provider returned error", kind = "auth" },
      { status = 400, contains = "maximum context length", kind = "context_length" },
      { status = 400, contains = "does not exist", kind = "no_target" },
    },
  },
  models = {
    ["openrouter/auto"] = { reasoning = true }, ["openai/gpt-4o-mini"] = {},
    ["meta-llama/llama-3.3-70b-instruct"] = {},
  },
}
