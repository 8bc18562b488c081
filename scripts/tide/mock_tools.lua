-- Which of the offered tools the mock calls, and with what arguments.
local core = require("core")
local schema = require("tide.mock_schema")
local text = require("tide.mock_text")

local M = {}

local MOST_CALLS = 8

local function is_offered(request, last_role)
  local tools = request.tools
  return type(tools) == "table" and #tools > 0 and last_role == "user"
    and request.tool_choice ~= "none"
end

-- How many words of the tool's name and description the prompt has.
local function score(fn, prompt)
  local about = (fn.name .. " " .. (type(fn.description) == "string" and fn.description or ""))
    :gsub("_", " "):lower()
  local points = 0
  for word in about:gmatch("%a%a%a+") do
    if prompt:find(word, 1, true) then points = points + 1 end
  end
  return points
end

local function wanted_name(choice)
  local fn = type(choice) == "table" and choice["function"]
  return type(fn) == "table" and fn.name or nil
end

local function choose(request, prompt)
  local wanted, lower = wanted_name(request.tool_choice), prompt:lower()
  local best, best_score = request.tools[1]["function"], -1
  for _, tool in ipairs(request.tools) do
    local fn = tool["function"]
    if fn.name == wanted then return fn end
    local points = score(fn, lower)
    if points > best_score then best, best_score = fn, points end
  end
  return best
end

-- The thing that this call is about goes into every text; without one, the prompt itself.
local function arguments(fn, prompt, thing)
  local parameters = type(fn.parameters) == "table" and fn.parameters or { type = "object" }
  local fallback = #prompt > 60 and prompt:sub(1, 60) or prompt
  local value = schema.sample(parameters, prompt, function() return thing or fallback end)
  if type(value) ~= "table" then value = {} end
  return core.encode(value)
end

--- The tool calls for a request, or nil: { { id =, name =, arguments = JSON text }, ... }.
-- @tparam table request decoded
-- @tparam string last_role of the last message
-- @tparam string prompt text of the last message
-- @tparam string seed what ids are made of
function M.calls(request, last_role, prompt, seed)
  if not is_offered(request, last_role) then return nil end
  local fn = choose(request, prompt)
  local things = text.names(prompt)
  local count = math.max(1, math.min(#things, MOST_CALLS))
  if request.parallel_tool_calls == false then count = 1 end
  local calls = {}
  for i = 1, count do
    calls[i] = {
      id = "call_mock_" .. text.hex(seed .. i),
      name = fn.name,
      arguments = arguments(fn, prompt, things[i]),
    }
  end
  return calls
end

return M
