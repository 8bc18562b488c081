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

local function list(value)
  return type(value) == "string" and { value } or value
end

--- Prepares an adapter's `usage` for req:attempt(); what it leaves out is as OpenAI writes it.
function M.compile(spec)
  spec = spec or {}
  local places = {}
  for name, default in pairs(DEFAULT) do places[name] = list(spec[name] or default) end
  places.input_more = list(spec.input_more)
  return core.usage(places, spec.reasoning_excluded or false, spec.cache_excluded or false)
end

return M
