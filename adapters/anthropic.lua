-- Anthropic: Claude, by the Messages API.
local families = require("dialects.anthropic-messages.families")

return tide.adapter {
  name = "anthropic",
  dialect = "anthropic-messages",
  base_url = "https://api.anthropic.com",
  auth = { type = "header", name = "x-api-key", secret = "ANTHROPIC_API_KEY" },
  forward_headers = { "anthropic-beta", "anthropic-version" },
  families = families.list(),
  errors = {
    map = {
      overloaded_error = "overloaded",
      rate_limit_error = "rate_limited",
      authentication_error = "auth",
      permission_error = "auth",
      billing_error = "quota",
      not_found_error = "no_target",
      request_too_large = "too_large",
      timeout_error = "timeout",
      enforced_spend_limit_reached = "quota",
    },
    match = {
      { status = 400, contains = "credit balance is too low", kind = "quota" },
      { status = 400, contains = "reached your specified API usage limits", kind = "quota" },
      { status = 400, contains = "prompt is too long", kind = "context_length" },
      { status = 400, contains = "exceed context limit", kind = "context_length" },
    },
  },
  models = {
    ["claude-opus-5-5"] = { reasoning = true }, ["claude-sonnet-5-5"] = { reasoning = true },
    ["claude-haiku-5-5"] = { reasoning = true }, ["claude-fable-5-1"] = { reasoning = true },
    ["claude-opus-5"] = { reasoning = true }, ["claude-sonnet-5"] = { reasoning = true },
    ["claude-fable-5"] = { reasoning = true }, ["claude-opus-4-8"] = { reasoning = true },
    ["claude-opus-4-7"] = { reasoning = true }, ["claude-opus-4-6"] = { reasoning = true },
    ["claude-sonnet-4-6"] = { reasoning = true }, ["claude-opus-4-5"] = {},
    ["claude-sonnet-4-5"] = {}, ["claude-haiku-4-5"] = {}, ["claude-opus-4-1"] = {},
  },
}
