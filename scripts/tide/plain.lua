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

return M
