-- Google's Gemini API (AI Studio). Rules of families: how much a model is to think is said with a
-- level from Gemini 3 on, with a budget of tokens before; calls have ids and signatures, and JSON
-- Schema goes with tools, from Gemini 3 on; full JSON Schema is understood from 2.5 on.
local LEVELS = { "minimal", "low", "medium", "high" }

-- Gemini 3: a call of its history without a signature is refused; penalties are refused.
local function third(levels)
  return {
    thinking = levels and "level" or nil, levels = levels, signatures = "required",
    penalties = false,
  }
end

-- 2.5: `lowest` and `highest` budget; is_off = false where thinking cannot be switched off.
local function before_third(lowest, highest, is_off)
  return {
    thinking = lowest and "budget" or nil, budget_min = lowest, budget_max = highest,
    budget_off = is_off, call_ids = false, schema_with_tools = false, penalties = false,
  }
end

local OLDER = { schema = "openapi", call_ids = false, schema_with_tools = false }

return tide.adapter {
  name = "gemini",
  dialect = "gemini",
  base_url = "https://generativelanguage.googleapis.com",
  auth = { type = "header", name = "x-goog-api-key", secret = "GEMINI_API_KEY" },
  errors = {
    map = {
      API_KEY_INVALID = "auth", API_KEY_SERVICE_BLOCKED = "auth", UNAUTHENTICATED = "auth",
      ACCESS_TOKEN_EXPIRED = "auth", ACCESS_TOKEN_TYPE_UNSUPPORTED = "auth",
      BILLING_DISABLED = "quota", QUOTA_PER_DAY = "quota", QUOTA_PER_MINUTE = "rate_limited",
      RESOURCE_EXHAUSTED = "rate_limited", NOT_FOUND = "no_target", UNAVAILABLE = "overloaded",
      DEADLINE_EXCEEDED = "timeout",
    },
    match = {
      { status = 400, contains = "exceeds the maximum number of tokens", kind = "context_length" },
      { status = 400, contains = "User location is not supported", kind = "no_target" },
    },
  },
  families = {
    { models = { "gemini-2.5-flash-image*", "gemini-2.5*-tts*" }, traits = before_third() },
    { models = { "gemini-2.5-pro*" }, reasoning = true, traits = before_third(128, 32768, false) },
    { models = { "gemini-2.5-flash-lite*" }, reasoning = true, traits = before_third(512, 24576) },
    { models = { "gemini-2.5*", "gemini-robotics-er-1.5*" }, reasoning = true,
      traits = before_third(0, 24576) },
    { models = { "gemini-2*", "gemini-1*", "learnlm*" }, traits = OLDER },
    { models = { "gemma*" },
      traits = { system = false, schema = "openapi", call_ids = false, schema_with_tools = false,
        penalties = false } },
    { models = { "gemini-*-image*", "nano-banana*" }, traits = third() },
    { models = { "gemini-3-pro*" }, reasoning = true, traits = third({ "low", "high" }) },
    { models = { "gemini-*-pro*", "gemini-pro-latest" }, reasoning = true,
      traits = third({ "low", "medium", "high" }) },
    { models = { "gemini-*" }, reasoning = true, traits = third(LEVELS) },
  },
  models = {
    ["gemini-3.5-flash"] = { reasoning = true, context = 1048576 },
    ["gemini-3.1-pro-preview"] = { reasoning = true, context = 1048576 },
    ["gemini-3-flash-preview"] = { reasoning = true, context = 1048576 },
    ["gemini-2.5-pro"] = { reasoning = true, context = 1048576 },
    ["gemini-2.5-flash"] = { reasoning = true, context = 1048576 },
    ["gemini-2.5-flash-lite"] = { reasoning = true, context = 1048576 },
  },
}
