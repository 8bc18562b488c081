-- Google's Gemini API (AI Studio).
local families = require("dialects.gemini.families")

return tide.adapter {
  name = "gemini",
  dialect = "gemini",
  base_url = "https://generativelanguage.googleapis.com",
  auth = { type = "header", name = "x-goog-api-key", secret = "GEMINI_API_KEY" },
  ops = { chat = {}, count = {}, embed = { batch = 100 } },
  errors = {
    map = {
      API_KEY_INVALID = "auth", API_KEY_SERVICE_BLOCKED = "auth", UNAUTHENTICATED = "auth",
      ACCESS_TOKEN_EXPIRED = "auth", ACCESS_TOKEN_TYPE_UNSUPPORTED = "auth",
      BILLING_DISABLED = "quota", QUOTA_PER_DAY = "quota", QUOTA_PER_MINUTE = "rate_limited",
      RESOURCE_EXHAUSTED = "rate_limited", NOT_FOUND = "no_target", UNAVAILABLE = "overloaded",
      DEADLINE_EXCEEDED = "timeout",
    },
    retry_after = { "error.details[].retryDelay" },
    match = {
      { status = 400, contains = "exceeds the maximum number of tokens", kind = "context_length" },
      { status = 400, contains = "User location is not supported", kind = "no_target" },
      { status = 400, contains = "Responsible AI practices", kind = "content_filter" },
    },
  },
  families = families.list(),
  models = {
    ["gemini-3.5-flash"] = { reasoning = true, context = 1048576 },
    ["gemini-3.1-pro-preview"] = { reasoning = true, context = 1048576 },
    ["gemini-3-flash-preview"] = { reasoning = true, context = 1048576 },
    ["gemini-2.5-pro"] = { reasoning = true, context = 1048576 },
    ["gemini-2.5-flash"] = { reasoning = true, context = 1048576 },
    ["gemini-2.5-flash-lite"] = { reasoning = true, context = 1048576 },
    ["gemini-embedding-001"] = {}, ["gemini-embedding-2"] = {},
  },
}
