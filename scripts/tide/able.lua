-- Which lanes can serve a request: those whose provider speaks the client's dialect, or can be
-- translated to, with all that the request asks for.
local errors = require("tide.errors")
local operations = require("tide.operations")
local ways = require("tide.ways")

local M = {}

-- The way that a request takes to the lane when nothing is known of its tools.
local function why_not(call, lane)
  local way = ways.find(lane, call.op.name, call.dialect, call.op.endpoint)
  if call.of_provider and (way.translates_request or not way.can) then return "of_provider" end
  if not way.can then return "dialect" end
  if not way.translates_request then return nil end
  if call.choices and not ways.gives_choices(way, call) then return "choices" end
end

local SAY = {
  dialect = function(call)
    return "the model `" .. call.model .. "` offers no "
      .. (operations.words[call.op.name] or call.op.name) .. " here", "model",
      "unsupported_operation"
  end,
  of_provider = function(call)
    return call.of_provider .. " needs a provider that speaks " .. call.dialect.name
      .. " itself, which none of the model `" .. call.model .. "` does: send the whole "
      .. "conversation, without " .. call.of_provider, call.of_provider, "unsupported_parameter"
  end,
  choices = function(call)
    return "the model `" .. call.model .. "` gives one answer to a request, not "
      .. call.choices .. ": ask as many times", call.form and call.form.choices or "n",
      "unsupported_parameter"
  end,
}

--- The lanes that can, in the same order.
-- @tparam table call of body.read()
-- @tparam table lanes
-- @treturn table|nil the list itself when all can
-- @treturn nil|table an error of errors.lua, when none can
function M.lanes(call, lanes)
  local able, reason
  for i, lane in ipairs(lanes) do
    local why = why_not(call, lane)
    if why and not able then
      able = {}
      for k = 1, i - 1 do able[k] = lanes[k] end
    end
    if why then
      if not reason or reason == "dialect" then reason = why end
    elseif able then
      able[#able + 1] = lane
    end
  end
  if not able then able = lanes end
  if #able > 0 then return able end
  return nil, errors.bad_request(SAY[reason or "dialect"](call))
end

return M
