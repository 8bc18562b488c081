-- Moonshot (Kimi), international. In China base_url is https://api.moonshot.cn/v1, with other keys.
return tide.adapter {
  name = "moonshot",
  extends = "openai",
  base_url = "https://api.moonshot.ai/v1",
  auth = { type = "bearer", secret = "MOONSHOT_API_KEY" },
  ops = { complete = false, embed = false },
  errors = {
    map = {
      exceeded_current_quota_error = "quota",
      engine_overloaded_error = "overloaded",
      rate_limit_reached_error = "rate_limited",
      invalid_authentication_error = "auth",
      permission_denied = "auth",
    },
  },
  usage = { cached = { "cached_tokens", "prompt_tokens_details.cached_tokens" } },
  models = { ["kimi-k2.6"] = { reasoning = true }, ["kimi-k2.5"] = { reasoning = true } },
}
