-- Refuses what OpenAI would refuse, so that a client's mistake shows before it costs money.
local core = require("core")

local M = {}

local ROLES = {
  system = true, developer = true, user = true, assistant = true, tool = true, ["function"] = true,
}

local function wrong(param, message)
  return { param = param, message = message }
end

local function given(value)
  return value ~= nil and value ~= core.null
end

local function check_parts(parts, param)
  for i, part in ipairs(parts) do
    if type(part) ~= "table" or type(part.type) ~= "string" then
      local where = param .. ".content[" .. (i - 1) .. "].type"
      return wrong(where, "Missing required parameter: '" .. where .. "'.")
    end
  end
end

local function check_content(message, param)
  local content = message.content
  if type(content) == "string" then return nil end
  if type(content) == "table" then return check_parts(content, param) end
  local may_be_empty = message.role == "assistant"
    and (given(message.tool_calls) or given(message.function_call) or given(message.refusal))
  if not given(content) and may_be_empty then return nil end
  return wrong(param .. ".content", "Invalid value for 'content': expected a string, got "
    .. (given(content) and type(content) or "null") .. ".")
end

-- Every call of an assistant is answered before anybody else speaks, and only calls are answered.
local function check_tool_turn(message, param, open)
  if message.role == "tool" then
    local id = message.tool_call_id
    if not given(id) then
      return wrong(param .. ".tool_call_id", "Missing parameter 'tool_call_id' of a tool message.")
    end
    if not open[id] then
      return wrong(param .. ".role", "Invalid parameter: messages with role 'tool' must be a "
        .. "response to a preceding message with 'tool_calls'.")
    end
    open[id] = nil
    return nil
  end
  local id = next(open)
  if id then
    return wrong(param .. ".role", "An assistant message with 'tool_calls' must be followed by "
      .. "tool messages responding to each 'tool_call_id'. No response for: " .. id)
  end
  for _, call in ipairs(given(message.tool_calls) and message.tool_calls or {}) do
    if type(call) ~= "table" or type(call.id) ~= "string" or type(call["function"]) ~= "table" then
      return wrong(param .. ".tool_calls", "A tool call needs 'id' and 'function'.")
    end
    open[call.id] = true
  end
end

local function check_message(message, param, open)
  if type(message) ~= "table" then
    return wrong(param, "Invalid type for '" .. param .. "': expected an object.")
  end
  if type(message.role) ~= "string" then
    return wrong(param .. ".role", "Missing required parameter: '" .. param .. ".role'.")
  end
  if not ROLES[message.role] then
    return wrong(param .. ".role", "Invalid value: '" .. message.role .. "'. Supported values are: "
      .. "'system', 'assistant', 'user', 'function', 'tool', and 'developer'.")
  end
  return check_tool_turn(message, param, open) or check_content(message, param)
end

local RANGES = {
  { "temperature", 0, 2 }, { "top_p", 0, 1 }, { "presence_penalty", -2, 2 },
  { "frequency_penalty", -2, 2 }, { "top_logprobs", 0, 20 }, { "max_tokens", 1, 1e9 },
  { "max_completion_tokens", 1, 1e9 },
}

--- The numbers that every text operation takes.
function M.numbers(request)
  for _, range in ipairs(RANGES) do
    local name, value = range[1], request[range[1]]
    if given(value) and type(value) ~= "number" then
      return wrong(name, "Invalid type for '" .. name .. "': expected a number.")
    end
    if given(value) and (value < range[2] or value > range[3]) then
      return wrong(name, "Invalid '" .. name .. "': expected a value from " .. range[2] .. " to "
        .. range[3] .. ", got " .. value .. ".")
    end
  end
end

local function check_tools(tools)
  if not given(tools) then return nil end
  for i, tool in ipairs(tools) do
    local fn = type(tool) == "table" and tool["function"]
    if type(fn) ~= "table" or type(fn.name) ~= "string" then
      local param = "tools[" .. (i - 1) .. "].function.name"
      return wrong(param, "Missing required parameter: '" .. param .. "'.")
    end
  end
end

--- A whole chat request; nil when it is fine, else { param =, message = }.
function M.chat(request)
  local messages, open = request.messages, {}
  if #messages == 0 then return wrong("messages", "Invalid 'messages': empty array.") end
  for i, message in ipairs(messages) do
    local problem = check_message(message, "messages[" .. (i - 1) .. "]", open)
    if problem then return problem end
  end
  local id = next(open)
  if id then
    return wrong("messages", "An assistant message with 'tool_calls' must be followed by tool "
      .. "messages responding to each 'tool_call_id'. No response for: " .. id)
  end
  return M.numbers(request) or check_tools(request.tools)
end

return M
