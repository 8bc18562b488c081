-- Says in the log whose hook it is when an answer in an adapter's own protocol makes no sense: an
-- answer without its finish, content behind it, no answer at all.
local core = require("core")
local guarded = require("tide.guarded")

local M = {}

--- Of one attempt that has failed.
-- @tparam table lane
-- @tparam table summary of req:attempt(), of kind protocol
function M.note(lane, summary)
  local hooks = lane.provider.adapter.hooks or {}
  local name = hooks.on_event and "on_event" or "decode"
  local place = hooks[name] and guarded.place(hooks[name])
  if not place then return end
  core.log("error", place .. ": what " .. name .. " made of an answer of " .. lane.target
    .. " is none: " .. tostring(summary.message))
end

return M
