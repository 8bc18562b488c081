-- Ids of tool calls for providers that take each of them for one call of the conversation. A
-- provider that counts from anew in each turn gives the same id again: results are for the latest.
-- Pure.
local canonical = require("tide.canonical")

local Ids = {}
Ids.__index = Ids

local M = {}

--- The ids of one request.
-- @tparam function|nil clean of canonical.tool_ids(), where not every id will do
function M.new(clean)
  return setmetatable({
    used = {}, latest = {}, calls = 0, clean = clean or function(id) return id end,
  }, Ids)
end

--- The id of the next call.
-- @tparam string|nil id what its own provider calls it
function Ids:of_call(id)
  id = id or canonical.call_id(self.calls)
  self.calls = self.calls + 1
  local unique, n = id, 1
  while self.used[unique] do
    n = n + 1
    unique = id .. "_" .. n
  end
  self.used[unique], self.latest[id] = true, unique
  return self.clean(unique)
end

--- The id of the call that a result is for.
function Ids:of_result(id)
  return self.clean(self.latest[id] or id or "unknown")
end

return M
