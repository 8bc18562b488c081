-- Puts the events of a stream together to the answer that they tell. Pure.
local core = require("core")
local canonical = require("tide.canonical")

local Fold = {}
Fold.__index = Fold

local M = {}

function M.new()
  return setmetatable({ text = {}, reasoning = {}, tools = {}, order = {} }, Fold)
end

function Fold:tool(event)
  local tool = self.tools[event.i]
  if not tool then
    tool = { pieces = {} }
    self.tools[event.i] = tool
    self.order[#self.order + 1] = tool
  end
  return tool
end

local TAKE = {
  text = function(self, event) self.text[#self.text + 1] = event.delta end,
  reasoning = function(self, event) self.reasoning[#self.reasoning + 1] = event.delta end,
  tool_start = function(self, event)
    local tool = self:tool(event)
    tool.id, tool.name = event.id, event.name
  end,
  tool_args = function(self, event)
    local pieces = self:tool(event).pieces
    pieces[#pieces + 1] = event.delta
  end,
  finish = function(self, event) self.finish_reason = event.reason end,
  usage = function(self, event)
    self.usage = self.usage or {}
    for name, value in pairs(event) do
      if name ~= "type" then self.usage[name] = math.max(value, self.usage[name] or 0) end
    end
  end,
}

--- Takes one event; those of the second and later answers are left out.
function Fold:add(event)
  local take = TAKE[event.type]
  if take and not event.choice then take(self, event) end
end

-- As the next request of the conversation would send it.
local function message_of(text, reasoning, tools)
  local calls = {}
  for i, tool in ipairs(tools) do
    calls[i] = {
      id = tool.id, type = "function",
      ["function"] = { name = tool.name, arguments = tool.arguments_text },
    }
  end
  return {
    role = "assistant",
    content = (text ~= "" or #calls == 0) and text or core.null,
    reasoning_content = reasoning,
    tool_calls = #calls > 0 and core.array(calls) or nil,
  }
end

--- The answer so far: { text, reasoning, message, tool_calls, finish_reason, usage }.
function Fold:result()
  local text, reasoning = table.concat(self.text), table.concat(self.reasoning)
  if reasoning == "" then reasoning = nil end
  local tools = {}
  for i, tool in ipairs(self.order) do
    tools[i] = canonical.tool_call(tool.id, tool.name, table.concat(tool.pieces))
  end
  return {
    text = text, reasoning = reasoning, message = message_of(text, reasoning, tools),
    tool_calls = tools, finish_reason = self.finish_reason, usage = self.usage,
  }
end

return M
