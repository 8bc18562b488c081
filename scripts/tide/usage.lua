-- Where a provider writes what it counted, in the gateway's terms: input (everything read, cached
-- and cache_write included), output (reasoning included), cached, cache_write, reasoning. Unknown
-- is never 0.
local core = require("core")

local M = {}

local DEFAULT = {
  input = "prompt_tokens",
  output = "completion_tokens",
  cached = { "prompt_tokens_details.cached_tokens", "cached_tokens" },
  cache_write = "prompt_tokens_details.cache_write_tokens",
  reasoning = "completion_tokens_details.reasoning_tokens",
}

local NAMES = {
  "input", "output", "cached", "cache_write", "reasoning", "input_more", "total", "billed_input",
  "billed_output",
}

local function list(value)
  return type(value) == "string" and { value } or value
end

local function flag(name, spec, under)
  if spec[name] ~= nil then return spec[name] end
  return under[name] or false
end

--- Prepares `usage` for req:attempt().
-- @tparam table|nil spec the adapter's
-- @tparam table|nil under its dialect's, which counts where the adapter says nothing; what neither
--   says is as OpenAI writes it, unless the dialect says where its counts are
function M.compile(spec, under)
  spec, under = spec or {}, under or {}
  local base = next(under) and under or DEFAULT
  local places = {}
  for _, name in ipairs(NAMES) do places[name] = list(spec[name] or base[name]) end
  return core.usage(places, flag("reasoning_excluded", spec, under),
    flag("cache_excluded", spec, under))
end

return M
