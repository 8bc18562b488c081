-- What a client is warned of: in x-tidegate-warnings, behind the head in a comment of the stream.
local M = {}

local HEADER = "x-tidegate-warnings"

-- Names of what is left out come from clients and providers, who may write anything.
local NAME = 64 -- bytes
local NAMES = 40 -- of one target
local LINES = 12 -- of one answer

--- Adds a header, once for each target: a header once set stays, so it says for which target it
-- holds; failover may go on to another.
-- @tparam table call of body.read()
-- @tparam table lane
-- @tparam string|nil text "dropped seed"; nil: nothing to say
function M.say(call, lane, text)
  call.warned = call.warned or {}
  local key = lane.target .. " " .. (text or "")
  call.warnings = call.warnings or 0
  if not text or call.warned[key] or call.warnings == LINES then return end
  call.warned[key], call.warnings = true, call.warnings + 1
  call.req:set_header(HEADER, key)
end

local List = {}
List.__index = List

--- What one attempt leaves out, each thing once.
function M.list()
  return setmetatable({ names = {}, seen = {}, told = 0 }, List)
end

-- Cut between two characters of UTF-8.
local function shortened(name)
  if #name <= NAME then return name end
  local start = name:sub(1, NAME)
  if name:find("^[\128-\191]", NAME + 1) then start = start:gsub("[\192-\255][\128-\191]*$", "") end
  return start .. "..."
end

function List:add(name)
  if type(name) ~= "string" then return end
  name = shortened((name:gsub("[%c,]", " ")))
  if self.seen[name] or #self.names > NAMES then return end
  self.seen[name] = true
  self.names[#self.names + 1] = #self.names < NAMES and name or "and more"
end

--- "dropped seed, top_k": what has not been told yet; nil when there is nothing.
function List:take()
  if self.told == #self.names then return nil end
  local text = "dropped " .. table.concat(self.names, ", ", self.told + 1)
  self.told = #self.names
  return text
end

return M
