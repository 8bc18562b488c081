-- Tables that scripts hand over. A metatable may run the script's functions when the gateway reads
-- a field: outside the script's limits. So a table is read only if it has none, or raw.
local core = require("core")

local M = {}

local ARRAY = getmetatable(core.array({})) -- of arrays, which tide.json makes

--- True when reading the table runs nothing.
function M.is(value)
  local meta = getmetatable(value)
  return meta == nil or meta == ARRAY
end

--- The name of a field whose table is not plain, or nil.
function M.find_other(value)
  for name, item in next, value do
    if type(item) == "table" and not M.is(item) then return tostring(name) end
  end
end

--- The fields of a table, whatever metatable it has; {} for another value.
function M.fields(value)
  local result = {}
  if type(value) == "table" then
    for name, item in next, value do result[name] = item end
  end
  return result
end

local DEPTH = 128

local function copy(value, depth)
  if type(value) ~= "table" or value == core.null or core.is_raw(value) then return value end
  if depth > DEPTH then error("a script handed over a table that is nested too deeply", 0) end
  local result = {}
  for name, item in next, value do result[name] = copy(item, depth + 1) end
  if getmetatable(value) == ARRAY then return core.array(result) end
  return result
end

--- A copy of a value with all that is in it, without metatables but those of tide.json.
function M.copy(value)
  return copy(value, 1)
end

return M
