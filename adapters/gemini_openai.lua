-- Google's Gemini API as OpenAI's clients know it, for those who want it so: `gemini` says more.
return tide.adapter {
  name = "gemini_openai",
  extends = "openai",
  models_of = "gemini",
  base_url = "https://generativelanguage.googleapis.com/v1beta/openai",
  auth = { type = "bearer", secret = "GEMINI_API_KEY" },
  ops = { complete = false },
  families = {
    {
      models = { "gemini-3*", "gemini-2.5*" }, reasoning = true,
      traits = { extra_content = true, efforts = { xhigh = "high", max = "high" } },
    },
    { models = { "*" }, traits = { reasoning = false } },
  },
  errors = {
    path = { "error" }, type = "status", code = "details[].reason",
    retry_after = { "error.details[].retryDelay" },
    map = {
      API_KEY_INVALID = "auth", UNAUTHENTICATED = "auth", PERMISSION_DENIED = "auth",
      RESOURCE_EXHAUSTED = "rate_limited", NOT_FOUND = "no_target", UNAVAILABLE = "overloaded",
      DEADLINE_EXCEEDED = "timeout",
    },
    match = {
      { status = 400, contains = "API key not valid", kind = "auth" },
      { status = 400, contains = "exceeds the maximum number of tokens", kind = "context_length" },
      { status = 400, contains = "User location is not supported", kind = "no_target" },
    },
  },
}
