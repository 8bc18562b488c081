-- What a client is warned of: in x-tidegate-warnings, behind the head in a comment of the stream.
local M = {}

local HEADER = "x-tidegate-warnings"

--- Adds a header, once for each target: a header once set stays, so it says for which target it
-- holds; failover may go on to another.
-- @tparam table call of body.read()
-- @tparam table lane
-- @tparam string|nil text "dropped seed"; nil: nothing to say
function M.say(call, lane, text)
  call.warned = call.warned or {}
  local key = lane.target .. " " .. (text or "")
  if not text or call.warned[key] then return end
  call.warned[key] = true
  call.req:set_header(HEADER, key)
end

local List = {}
List.__index = List

--- What one attempt leaves out, each thing once.
function M.list()
  return setmetatable({ names = {}, seen = {}, told = 0 }, List)
end

function List:add(name)
  if type(name) ~= "string" or self.seen[name] then return end
  self.seen[name] = true
  self.names[#self.names + 1] = (name:gsub("[%c,]", " "))
end

--- "dropped seed, top_k": what has not been told yet; nil when there is nothing.
function List:take()
  if self.told == #self.names then return nil end
  local text = "dropped " .. table.concat(self.names, ", ", self.told + 1)
  self.told = #self.names
  return text
end

return M
