-- Moonshot (Kimi), international. In China base_url is https://api.moonshot.cn/v1, with other keys.
return tide.adapter {
  name = "moonshot",
  extends = "openai",
  dialects = { "openai-chat", "anthropic-messages" },
  base_url = "https://api.moonshot.ai/v1",
  auth = { type = "bearer", secret = "MOONSHOT_API_KEY" },
  ops = {
    chat = {
      path = "/chat/completions",
      paths = { ["anthropic-messages"] = "../anthropic/v1/messages" },
    },
    complete = false, embed = false, count = false,
  },
  params = { rename = { max_completion_tokens = "max_tokens" } },
  families = {
    {
      -- These think at will, sample in one way, and take their thoughts back with tool calls.
      models = { "kimi-k3*" }, reasoning = true,
      params = {
        drop = { "temperature", "top_p", "n", "presence_penalty", "frequency_penalty" },
      },
      traits = {
        reasoning_back = "reasoning_content",
        efforts = { none = "low", minimal = "low", medium = "high", xhigh = "max" },
        forced_tools = false,
      },
    },
    {
      models = { "kimi-k2.5*", "kimi-k2.6*", "kimi-k2-thinking*" }, reasoning = true,
      traits = {
        reasoning_back = "reasoning_content", reasoning = "thinking", forced_tools = false,
      },
    },
    { models = { "*" }, traits = { reasoning = false } },
  },
  errors = {
    map = {
      exceeded_current_quota_error = "quota",
      engine_overloaded_error = "overloaded",
      rate_limit_reached_error = "rate_limited",
      invalid_authentication_error = "auth",
      permission_denied = "auth",
      -- Where Anthropic's protocol is spoken.
      authentication_error = "auth", rate_limit_error = "rate_limited",
      overloaded_error = "overloaded", not_found_error = "no_target",
    },
  },
  usage = { cached = { "cached_tokens", "prompt_tokens_details.cached_tokens" } },
  models = { ["kimi-k2.6"] = { reasoning = true }, ["kimi-k2.5"] = { reasoning = true } },
}
