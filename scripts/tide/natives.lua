-- Which lanes lead to a provider that speaks a client's dialect itself. Pure.
local M = {}

--- True when the lane's provider speaks the dialect.
function M.has(lane, dialect)
  local provider = lane.provider
  if provider.dialects then return provider.dialects[dialect.name] ~= nil end
  return provider.adapter.dialect.name == dialect.name
end

--- Those of the lanes that do, in the same order.
function M.only(lanes, dialect)
  local result = {}
  for _, lane in ipairs(lanes) do
    if M.has(lane, dialect) then result[#result + 1] = lane end
  end
  return result
end

return M
