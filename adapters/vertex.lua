-- Google's Vertex AI. `credentials` is the file of a service account; an access token as a key will
-- do for an hour. Gemini's and Claude's models are called by their names alone
-- (claude-sonnet-4-5@20250929), those that speak as OpenAI does by their makers' names as well
-- (meta/llama-4-scout-17b-16e-instruct-maas).
local claude = require("dialects.anthropic-messages.families")
local gemini = require("dialects.gemini.families")

local LOCATION = "/v1/projects/{project}/locations/{location|global}"
local MODEL = LOCATION .. "/publishers/google/models/{model}"
local CLAUDE = LOCATION .. "/publishers/anthropic/models/"

-- Locations that are continents have names of another kind.
local CONTINENTS = { eu = true, us = true }

local CLAUDE_OPS = {
  chat = {
    paths = { ["anthropic-messages"] = CLAUDE .. "{model}:rawPredict" },
    stream_paths = { ["anthropic-messages"] = CLAUDE .. "{model}:streamRawPredict" },
  },
  count = { paths = { ["anthropic-messages"] = CLAUDE .. "count-tokens:rawPredict" } },
  embed = false,
}

-- Nothing is fetched for these here, and JSON by a schema is for those whose organisation allows
-- it.
local function traits_of_claude(traits)
  traits.urls, traits.structured = false, false
  return traits
end

-- The address names the model; the version of the API is a field of the body.
local function of_claude(family)
  local drop = { "model" }
  for _, name in ipairs((family.params or {}).drop or {}) do drop[#drop + 1] = name end
  family.params = { drop = drop, default = { anthropic_version = "vertex-2023-10-16" } }
  family.dialects, family.ops = { "anthropic-messages" }, CLAUDE_OPS
  return family
end

-- Llama, DeepSeek, Qwen and others, at one address.
local OPENAI = {
  models = { "*/*" }, reasoning = true, dialects = { "openai-chat" },
  params = {
    rename = { max_completion_tokens = "max_tokens" },
    inject_stream = { stream_options = { include_usage = true } },
  },
  traits = { reasoning = false },
  ops = {
    chat = { paths = { ["openai-chat"] = LOCATION .. "/endpoints/openapi/chat/completions" } },
    count = false, embed = false,
  },
}

-- Embeddings have a protocol of their own here, but for the newest models.
local function families()
  local result = {
    {
      models = { "gemini-embedding-2*" },
      ops = { embed = { path = MODEL .. ":embedContent", batch = 1 } },
      traits = { embed = "content", embed_task = "prefix" },
    },
    {
      models = { "gemini-embedding*" }, ops = { embed = { batch = 1 } },
      traits = { embed = "predict" },
    },
    { models = { "*embedding*" }, traits = { embed = "predict" } },
  }
  for _, family in ipairs(claude.list(nil, traits_of_claude)) do
    result[#result + 1] = of_claude(family)
  end
  result[#result + 1] = OPENAI
  for _, family in ipairs(gemini.list({ labels = true, service_tier = false })) do
    result[#result + 1] = family
  end
  return result
end

return tide.adapter {
  name = "vertex",
  extends = "gemini",
  config = { project = "string!", location = "string?", credentials = "string?" },
  base_url = function(config)
    local location = config.location or "global"
    if location == "global" then return "https://aiplatform.googleapis.com" end
    if CONTINENTS[location] then
      return "https://aiplatform." .. location .. ".rep.googleapis.com"
    end
    return "https://" .. location .. "-aiplatform.googleapis.com"
  end,
  auth = { type = "gcp" },
  ops = {
    chat = {
      path = MODEL .. ":generateContent", stream_path = MODEL .. ":streamGenerateContent?alt=sse",
    },
    count = { path = MODEL .. ":countTokens" },
    embed = { path = MODEL .. ":predict", translate = true, batch = 250 },
  },
  forward_headers = { "anthropic-beta" },
  families = families(),
  errors = {
    -- Of Claude, in Anthropic's words.
    map = {
      overloaded_error = "overloaded", rate_limit_error = "rate_limited",
      authentication_error = "auth", permission_error = "auth", not_found_error = "no_target",
      request_too_large = "too_large", timeout_error = "timeout",
    },
    match = {
      { status = 400, contains = "prompt is too long", kind = "context_length" },
      { status = 400, contains = "exceed context limit", kind = "context_length" },
    },
  },
  models = {
    ["gemini-3.5-flash"] = { reasoning = true, context = 1048576 },
    ["gemini-3.1-pro-preview"] = { reasoning = true, context = 1048576 },
    ["gemini-2.5-pro"] = { reasoning = true, context = 1048576 },
    ["gemini-2.5-flash"] = { reasoning = true, context = 1048576 },
    ["gemini-2.5-flash-lite"] = { reasoning = true, context = 1048576 },
    ["claude-opus-5-5"] = { reasoning = true }, ["claude-sonnet-5-5"] = { reasoning = true },
    ["claude-opus-4-6"] = { reasoning = true }, ["claude-sonnet-4-6"] = { reasoning = true },
    ["claude-sonnet-4-5@20250929"] = {}, ["claude-haiku-4-5@20251001"] = {},
    ["meta/llama-4-maverick-17b-128e-instruct-maas"] = {},
    ["gemini-embedding-001"] = {}, ["gemini-embedding-2"] = {},
    ["text-multilingual-embedding-002"] = {},
  },
}
