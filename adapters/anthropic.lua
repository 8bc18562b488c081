-- Anthropic: Claude, by the Messages API.
local ALL_LEVELS = { "low", "medium", "high", "xhigh", "max" }

-- Every one of these refuses them with 400, with or without thinking.
local NO_SAMPLING = { drop = { "temperature", "top_p", "top_k" } }

-- From Opus 4.7 on: thinking by effort alone, told only on request, and no sampling.
local function adaptive(more)
  local traits = {
    thinking = "adaptive", effort = ALL_LEVELS, display = true, sampling = "none", prefill = false,
    max_tokens = 128000,
  }
  for name, value in pairs(more or {}) do traits[name] = value end
  return traits
end

local function budget(max_tokens, more)
  local traits = { thinking = "budget", max_tokens = max_tokens }
  for name, value in pairs(more or {}) do traits[name] = value end
  return traits
end

return tide.adapter {
  name = "anthropic",
  dialect = "anthropic-messages",
  base_url = "https://api.anthropic.com",
  auth = { type = "header", name = "x-api-key", secret = "ANTHROPIC_API_KEY" },
  forward_headers = { "anthropic-beta", "anthropic-version" },
  families = {
    {
      models = { "claude-opus-5-5*", "claude-fable-*", "claude-mythos-*" },
      reasoning = true, params = NO_SAMPLING,
      traits = adaptive { thinking_off = false, forced_tools = false, mid_system = true },
    },
    {
      models = { "claude-sonnet-5-5*" }, reasoning = true, params = NO_SAMPLING,
      traits = adaptive {
        thinking_off = "between_tools", forced_tools = false, mid_system = true,
      },
    },
    {
      models = { "claude-opus-5*", "claude-haiku-5*" }, reasoning = true, params = NO_SAMPLING,
      traits = adaptive { thinking_off = "disabled", mid_system = true },
    },
    {
      models = { "claude-sonnet-5*" }, reasoning = true, params = NO_SAMPLING,
      traits = adaptive { thinking_off = "disabled" },
    },
    {
      models = { "claude-opus-4-8*" }, reasoning = true, params = NO_SAMPLING,
      traits = adaptive { mid_system = true },
    },
    {
      models = { "claude-opus-4-7*" }, reasoning = true, params = NO_SAMPLING,
      traits = adaptive(),
    },
    {
      models = { "claude-opus-4-6*", "claude-sonnet-4-6*" }, reasoning = true,
      traits = {
        thinking = "adaptive", effort = { "low", "medium", "high", "max" }, sampling = "one",
        prefill = false, max_tokens = 128000,
      },
    },
    {
      models = { "claude-opus-4-5*" },
      traits = budget(64000, { effort = { "low", "medium", "high" }, sampling = "one" }),
    },
    {
      models = { "claude-sonnet-4-5*", "claude-haiku-4-5*" },
      traits = budget(64000, { sampling = "one" }),
    },
    { models = { "claude-opus-4-1*" }, traits = budget(32000, { sampling = "one" }) },
    { models = { "claude-opus-4*" }, traits = budget(32000, { structured = false }) },
    {
      models = { "claude-sonnet-4*", "claude-3-7*" },
      traits = budget(64000, { structured = false }),
    },
    {
      models = { "claude-3-5*" },
      traits = { thinking = "none", max_tokens = 8192, structured = false },
    },
    {
      models = { "claude-3-*", "claude-2*", "claude-instant*" },
      traits = { thinking = "none", max_tokens = 4096, structured = false },
    },
    -- What comes next is most like the newest; what it refuses is not known.
    { models = { "claude-*" }, reasoning = true, traits = adaptive() },
  },
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
