-- Tables put together. Pure; nil counts as an empty table, and none of the arguments changes.
local M = {}

--- A new table with the fields of both; those of `over` win.
function M.merged(under, over)
  local result = {}
  for key, value in pairs(under or {}) do result[key] = value end
  for key, value in pairs(over or {}) do result[key] = value end
  return result
end

--- A new list with the items of both, in order.
function M.joined(first, second)
  local result = {}
  for _, item in ipairs(first or {}) do result[#result + 1] = item end
  for _, item in ipairs(second or {}) do result[#result + 1] = item end
  return result
end

return M
