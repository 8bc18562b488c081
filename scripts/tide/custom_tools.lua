-- Custom tools, whose input is any text, for providers that have functions alone: a function whose
-- only argument is that text. What the model calls so is told to the client as it knows it. Pure.
local canonical = require("tide.canonical")
local core = require("core")

local M = {}

--- The schema of the function.
M.PARAMETERS =
  '{"type":"object","properties":{"input":{"type":"string"}},"required":["input"]}'

--- What the function does, and what its input must look like.
function M.description(tool)
  if not tool.grammar then return tool.description end
  local note = "The input follows this format: " .. canonical.json_text(tool.grammar)
  return tool.description and tool.description .. "\n" .. note or note
end

--- The arguments of a call.
function M.arguments(input)
  return core.encode({ input = input or "" })
end

-- ---- on the way back ----------------------------------------------------------------------------

local HEAD = '^%s*{%s*"input"%s*:%s*"()'

-- How much of a JSON string's inside can be decoded by itself: not half an escape, nor half a pair
-- of surrogates.
local function decodable(text)
  local at = 1
  while true do
    local stop = text:find('["\\]', at)
    if not stop then return #text, false end
    if text:byte(stop) == 34 then return stop - 1, true end
    local size = text:byte(stop + 1) == 117 and 6 or 2
    if size == 6 and text:find("^[dD][89abAB]", stop + 2) then size = 12 end
    if stop + size - 1 > #text then return stop - 1, false end
    at = stop + size
  end
end

-- The text that one more piece of the arguments adds, as far as it is known.
local function take(call, piece)
  if call.is_over then return "" end
  local rest = call.rest .. piece
  if not call.is_inside then
    local start = rest:match(HEAD)
    if not start then
      call.rest = rest
      return ""
    end
    call.is_inside, rest = true, rest:sub(start)
  end
  local stop, is_end = decodable(rest)
  call.is_over, call.rest = is_end, rest:sub(stop + 1)
  return stop > 0 and core.decode('"' .. rest:sub(1, stop) .. '"') or ""
end

-- What was no object with an input first.
local function remainder(call)
  if call.is_inside or call.rest == "" then return "" end
  local value = core.decode(call.rest)
  if type(value) ~= "table" then return call.rest end
  if next(value) == nil then return "" end
  return type(value.input) == "string" and value.input or call.rest
end

local function tell(sink, call, delta)
  if delta == "" then return end
  sink({ type = "tool_args", i = call.i, choice = call.choice, delta = delta })
end

local function names_of(rq)
  local names
  for _, tool in ipairs(rq and rq.tools or {}) do
    if tool.type == "custom" then
      names = names or {}
      names[tool.name] = true
    end
  end
  return names
end

--- Stands between the grammar and an encoder: calls of the client's custom tools are such calls
-- again. The sink itself where the client has none.
-- @tparam function sink
-- @tparam table|nil rq the client's request
function M.restoring(sink, rq)
  local names, open = names_of(rq), nil
  if not names then return sink end
  return function(event)
    local kind = event.type
    if kind == "tool_start" and names[event.name] and event.kind ~= "custom" then
      event.kind = "custom"
      open = { i = event.i, choice = event.choice, rest = "" }
    elseif open and event.i == open.i and event.choice == open.choice then
      if kind == "tool_args" then return tell(sink, open, take(open, event.delta)) end
      if kind == "tool_end" then
        tell(sink, open, remainder(open))
        open = nil
      end
    end
    return sink(event)
  end
end

return M
