-- What a provider said it counted, in the gateway's terms: input (everything read, cached
-- included), output (reasoning included), cached, cache_write, reasoning. Unknown is nil, never 0.
local M = {}

local DEFAULT = {
  input = "prompt_tokens",
  output = "completion_tokens",
  cached = { "prompt_tokens_details.cached_tokens", "cached_tokens" },
  cache_write = "prompt_tokens_details.cache_write_tokens",
  reasoning = "completion_tokens_details.reasoning_tokens",
}

local function split(path)
  local steps = {}
  for step in path:gmatch("[^.]+") do steps[#steps + 1] = step end
  return steps
end

local function paths(value)
  if type(value) == "string" then return { split(value) } end
  local result = {}
  for i, path in ipairs(value) do result[i] = split(path) end
  return result
end

--- Prepares an adapter's `usage`; what it leaves out is as OpenAI writes it.
function M.compile(spec)
  spec = spec or {}
  local compiled = { reasoning_excluded = spec.reasoning_excluded or false }
  for name, default in pairs(DEFAULT) do compiled[name] = paths(spec[name] or default) end
  return compiled
end

local function follow(value, steps)
  for i = 1, #steps do
    if type(value) ~= "table" then return nil end
    value = value[steps[i]]
  end
  if type(value) == "number" and value >= 0 then return value end
end

local function first(value, alternatives)
  for i = 1, #alternatives do
    local count = follow(value, alternatives[i])
    if count then return count end
  end
end

--- Reads the decoded usage of one answer.
-- @param raw what req:attempt returned as `usage`, or nil
-- @tparam table compiled of compile()
-- @treturn number|nil input, then output, cached, cache_write and reasoning likewise
function M.read(raw, compiled)
  if type(raw) ~= "table" then return nil end
  local output, reasoning = first(raw, compiled.output), first(raw, compiled.reasoning)
  if compiled.reasoning_excluded and output and reasoning then output = output + reasoning end
  return first(raw, compiled.input), output, first(raw, compiled.cached),
    first(raw, compiled.cache_write), reasoning
end

return M
