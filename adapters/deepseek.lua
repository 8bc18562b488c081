-- DeepSeek: no embeddings; text completion stands under /beta; usage comes unasked in streams. A
-- turn with tool calls must have its reasoning with it when it is sent back.
return tide.adapter {
  name = "deepseek",
  extends = "openai",
  dialects = { "openai-chat", "openai-responses", "anthropic-messages" },
  base_url = "https://api.deepseek.com",
  auth = { type = "bearer", secret = "DEEPSEEK_API_KEY" },
  ops = {
    chat = {
      path = "/chat/completions",
      paths = { ["anthropic-messages"] = "/anthropic/v1/messages" },
    },
    complete = { path = "/beta/completions" }, embed = false, count = false,
  },
  params = { rename = { max_completion_tokens = "max_tokens" }, inject_stream = false },
  families = {
    {
      models = { "*" },
      traits = {
        reasoning_back = "reasoning_content", reasoning_when = "tools", reasoning_text = true,
        reasoning = "thinking", efforts = { minimal = "low", medium = "high", xhigh = "max" },
        forced_tools = false,
      },
    },
  },
  errors = {
    map = {
      authentication_error = "auth", rate_limit_reached_error = "rate_limited",
      service_unavailable_error = "overloaded",
    },
    -- An unknown model is a 400 without a code of its own.
    match = {
      { status = 400, contains = "supported API model names are", kind = "no_target" },
    },
  },
  usage = { cached = { "prompt_cache_hit_tokens", "prompt_tokens_details.cached_tokens" } },
  models = {
    ["deepseek-v4-pro"] = { reasoning = true }, ["deepseek-v4-flash"] = { reasoning = true },
  },
}
