-- An adapter's `families`: what is peculiar about models, by their names. Pure.
local params = require("tide.params")

local M = {}

local NONE = { traits = {} }

-- `*` stands for any characters, also none; everything else for itself.
local function pattern_of(glob)
  return "^" .. glob:gsub("[%^%$%(%)%%%.%[%]%+%-%?]", "%%%0"):gsub("%*", ".*") .. "$"
end

local function merged_map(under, over)
  local result = {}
  for key, value in pairs(under or {}) do result[key] = value end
  for key, value in pairs(over or {}) do result[key] = value end
  return result
end

local function joined(first, second)
  local result = {}
  for _, item in ipairs(first or {}) do result[#result + 1] = item end
  for _, item in ipairs(second or {}) do result[#result + 1] = item end
  return result
end

-- What a family adds to the adapter's own rules; a list of drops grows, maps are laid over.
local function merged_params(under, over)
  if not over then return under end
  under = under or {}
  return {
    rename = merged_map(under.rename, over.rename),
    drop = joined(under.drop, over.drop),
    clamp = merged_map(under.clamp, over.clamp),
    default = merged_map(under.default, over.default),
  }
end

--- Prepares the families of an adapter.
-- @tparam table|nil list as in the adapter file
-- @tparam table|nil own the adapter's `params`
-- @tparam table dialects those of the adapter, by name: a `via` to another one is left out
-- @treturn table for find()
function M.compile(list, own, dialects)
  local compiled = { list = {}, none = { traits = NONE.traits, params = params.compile(own) } }
  for _, family in ipairs(list or {}) do
    local patterns = {}
    for i, glob in ipairs(family.models or {}) do patterns[i] = pattern_of(glob) end
    local via = family.via
    compiled.list[#compiled.list + 1] = {
      patterns = patterns,
      reasoning = family.reasoning,
      traits = family.traits or NONE.traits,
      params = params.compile(merged_params(own, family.params)),
      via = via and dialects[via.dialect] and { dialect = dialects[via.dialect], when = via.when }
        or nil,
    }
  end
  return compiled
end

--- The first family that a model's name matches; where none does, one without peculiarities.
-- @treturn table { params = of params.compile() or nil, traits =, reasoning =, via = }
function M.find(compiled, model)
  for _, family in ipairs(compiled.list) do
    for _, pattern in ipairs(family.patterns) do
      if model:find(pattern) then return family end
    end
  end
  return compiled.none
end

return M
