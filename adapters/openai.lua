-- OpenAI. Adapters of compatible services extend this one.

-- Every reasoning model wants the newer name, which counts what is thought as well.
local RENAME = { max_tokens = "max_completion_tokens" }

-- What the first generations refuse at any effort; later ones take it where nothing is thought.
local NO_SAMPLING = {
  "temperature", "top_p", "logprobs", "top_logprobs", "presence_penalty", "frequency_penalty",
  "logit_bias",
}
local NO_STOP = {
  "temperature", "top_p", "logprobs", "top_logprobs", "presence_penalty", "frequency_penalty",
  "logit_bias", "stop",
}

-- Chat completions refuse some of what these do; Responses have no such gaps.
local RESPONSES = { dialect = "openai-responses", when = "always" }
local WITH_TOOLS = { dialect = "openai-responses", when = "tools" }
local WITH_TOOLS_AND_EFFORT = { dialect = "openai-responses", when = "tools_and_reasoning" }

-- What stands for an effort that a model does not know; `none` where thinking can be switched off.
local PRO = {
  none = "high", minimal = "high", low = "high", medium = "high", xhigh = "high", max = "high",
}
local LOW_TO_HIGH = { none = "low", minimal = "low", xhigh = "high", max = "high" }
local LOW_TO_XHIGH = { none = "low", minimal = "low", max = "xhigh" }
local MINIMAL_TO_HIGH = { none = "minimal", xhigh = "high", max = "high" }
local NONE_TO_HIGH = { none = "none", minimal = "low", xhigh = "high", max = "high" }
local NONE_TO_XHIGH = { none = "none", minimal = "low", max = "xhigh" }
local NONE_TO_MAX = { none = "none", minimal = "low" }

local function reasoning(efforts, more)
  local traits = {
    efforts = efforts, system_role = "developer", custom_tools = true, allowed_tools = true,
    encrypted_reasoning = true,
  }
  for name, value in pairs(more or {}) do traits[name] = value end
  return traits
end

return tide.adapter {
  name = "openai",
  dialects = { "openai-chat", "openai-responses" },
  base_url = "https://api.openai.com/v1",
  auth = { type = "bearer", secret = "OPENAI_API_KEY" },
  ops = {
    chat = { path = "/chat/completions", paths = { ["openai-responses"] = "/responses" } },
    complete = { path = "/completions" },
    embed = { path = "/embeddings" },
    moderate = { path = "/moderations" },
  },
  params = { inject_stream = { stream_options = { include_usage = true } } },
  families = {
    {
      models = { "gpt-5*-chat*" },
      traits = { reasoning = false, custom_tools = true, allowed_tools = true },
    },
    {
      models = { "gpt-5*-pro*" }, reasoning = true, params = { rename = RENAME }, via = RESPONSES,
      traits = reasoning(PRO),
    },
    {
      models = { "gpt-5.6*" }, reasoning = true, params = { rename = RENAME }, via = WITH_TOOLS,
      traits = reasoning(NONE_TO_MAX, { sampling = "no_effort", cache_breakpoints = true }),
    },
    {
      models = { "gpt-5*-codex-max*" }, reasoning = true, params = { rename = RENAME },
      via = RESPONSES, traits = reasoning(LOW_TO_XHIGH),
    },
    {
      models = { "gpt-5*-codex*", "codex-mini*" }, reasoning = true, params = { rename = RENAME },
      via = RESPONSES, traits = reasoning(LOW_TO_HIGH),
    },
    {
      models = { "gpt-5.5*" }, reasoning = true, params = { rename = RENAME }, via = WITH_TOOLS,
      traits = reasoning(NONE_TO_XHIGH, { sampling = "no_effort" }),
    },
    {
      models = { "gpt-5.4*" }, reasoning = true, params = { rename = RENAME }, via = WITH_TOOLS,
      traits = reasoning(NONE_TO_XHIGH, { sampling = "no_effort", default_effort = "none" }),
    },
    {
      models = { "gpt-5.2*", "gpt-5.3*" }, reasoning = true, params = { rename = RENAME },
      via = WITH_TOOLS_AND_EFFORT,
      traits = reasoning(NONE_TO_XHIGH, { sampling = "no_effort", default_effort = "none" }),
    },
    {
      models = { "gpt-5.1*" }, reasoning = true, params = { rename = RENAME },
      traits = reasoning(NONE_TO_HIGH, { sampling = "no_effort", default_effort = "none" }),
    },
    {
      models = { "gpt-5", "gpt-5-*" }, reasoning = true,
      params = { rename = RENAME, drop = NO_STOP },
      traits = reasoning(MINIMAL_TO_HIGH),
    },
    {
      models = { "o1-pro*", "o3-pro*", "*-deep-research*" }, reasoning = true,
      params = { rename = RENAME, drop = NO_SAMPLING }, via = RESPONSES,
      traits = reasoning(LOW_TO_HIGH),
    },
    {
      models = { "o3", "o3-2*", "o4-mini*" }, reasoning = true,
      params = { rename = RENAME, drop = NO_STOP },
      traits = reasoning(LOW_TO_HIGH),
    },
    {
      models = { "o1-mini*", "o1-preview*" }, reasoning = true,
      params = { rename = RENAME, drop = NO_SAMPLING },
      traits = { reasoning = false, system_role = "user" },
    },
    {
      models = { "o1*", "o3*", "o4*" }, reasoning = true,
      params = { rename = RENAME, drop = NO_SAMPLING },
      traits = reasoning(LOW_TO_HIGH),
    },
    {
      models = { "gpt-4*", "gpt-3.5*", "chatgpt-*", "ft:gpt-4*", "ft:gpt-3.5*" },
      traits = { reasoning = false, custom_tools = true, allowed_tools = true },
    },
  },
  errors = {
    map = {
      insufficient_quota = "quota",
      credit_balance_exhausted = "quota",
      billing_hard_limit_reached = "quota",
      invalid_api_key = "auth",
      model_not_found = "no_target",
      context_length_exceeded = "context_length",
      content_filter = "content_filter",
      content_policy_violation = "content_filter",
      server_is_overloaded = "overloaded",
    },
    match = { -- in the words of many that speak the same without these codes
      { status = 400, contains = "maximum context length", kind = "context_length" },
      { status = 400, contains = "max context length", kind = "context_length" },
    },
  },
  models = {
    ["gpt-5.6"] = { reasoning = true }, ["gpt-5.6-sol"] = { reasoning = true },
    ["gpt-5.6-terra"] = { reasoning = true }, ["gpt-5.6-luna"] = { reasoning = true },
    ["gpt-5.5"] = { reasoning = true }, ["gpt-5.4"] = { reasoning = true },
    ["gpt-5.2"] = { reasoning = true }, ["gpt-5.1"] = { reasoning = true },
    ["gpt-5"] = { reasoning = true }, ["gpt-5-mini"] = { reasoning = true },
    ["gpt-5-nano"] = { reasoning = true }, ["o3"] = { reasoning = true },
    ["o4-mini"] = { reasoning = true },
    ["gpt-4.1"] = {}, ["gpt-4.1-mini"] = {}, ["gpt-4.1-nano"] = {}, ["gpt-4o"] = {},
    ["gpt-4o-mini"] = {},
    ["text-embedding-3-small"] = {}, ["text-embedding-3-large"] = {},
  },
}
