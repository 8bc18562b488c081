-- An adapter's `families`: what is peculiar about models, by their names. Pure.
local params = require("tide.params")
local tables = require("tide.tables")

local merged, joined = tables.merged, tables.joined

local M = {}

local NONE = { traits = {} }

-- `*` stands for any characters, also none; everything else for itself.
local function pattern_of(glob)
  return "^" .. glob:gsub("[%^%$%(%)%%%.%[%]%+%-%?]", "%%%0"):gsub("%*", ".*") .. "$"
end

-- What a family adds to the adapter's own rules; a list of drops grows, maps are laid over.
local function merged_params(under, over)
  if not over then return under end
  under = under or {}
  return {
    rename = merged(under.rename, over.rename),
    drop = joined(under.drop, over.drop),
    clamp = merged(under.clamp, over.clamp),
    default = merged(under.default, over.default),
  }
end

-- What models speak that do not speak what the provider's others do; nil where they do.
local function dialects_of(names, known)
  if not names then return nil end
  local result = { by_name = {} }
  for _, name in ipairs(names) do
    local dialect = known[name]
    result.first = result.first or dialect
    result.by_name[name] = dialect
  end
  return result.first and result
end

--- Prepares the families of an adapter.
-- @tparam table|nil list as in the adapter file
-- @tparam table|nil own the adapter's `params`
-- @tparam table dialects those of the adapter, by name: a `via` to another one is left out
-- @tparam table|nil known every dialect by name, for families that speak others
-- @treturn table for find()
function M.compile(list, own, dialects, known)
  local compiled = { list = {}, none = { traits = NONE.traits, params = params.compile(own) } }
  for _, family in ipairs(list or {}) do
    local patterns = {}
    for i, glob in ipairs(family.models or {}) do patterns[i] = pattern_of(glob) end
    local via = family.via
    compiled.list[#compiled.list + 1] = {
      patterns = patterns,
      reasoning = family.reasoning,
      traits = family.traits or NONE.traits,
      dialects = dialects_of(family.dialects, known or dialects),
      ops = family.ops,
      params = params.compile(merged_params(own, family.params)),
      asks_usage = params.asks_usage(family.params),
      via = via and dialects[via.dialect] and { dialect = dialects[via.dialect], when = via.when }
        or nil,
    }
  end
  return compiled
end

--- The first family that a model's name matches; where none does, one without peculiarities.
-- @treturn table { params = of params.compile() or nil, traits =, reasoning =, via =, ops = or nil,
--   dialects = { first = dialect, by_name = } or nil, asks_usage = in streams of these dialects }
function M.find(compiled, model)
  for _, family in ipairs(compiled.list) do
    for _, pattern in ipairs(family.patterns) do
      if model:find(pattern) then return family end
    end
  end
  return compiled.none
end

return M
