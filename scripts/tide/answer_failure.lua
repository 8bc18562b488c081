-- Why an answer that was to be translated fails its attempt, as C takes it: false, kind, message.
local core = require("core")
local guarded = require("tide.guarded")

local M = {}

--- A function of a dialect or an adapter has failed: the log says where.
-- @tparam table lane
-- @param raised what it raised
function M.raised(lane, raised)
  local err = guarded.failure(raised)
  core.log("error", "an answer of " .. lane.target .. " could not be translated: "
    .. guarded.text_of(raised))
  return false, err and "script" or "protocol",
    err and "a script of its adapter failed" or "the answer could not be translated"
end

--- The provider's own error. What a decoder has no word for, the adapter's table may know.
-- @tparam table lane
-- @tparam table err { kind =, code =, type =, message = }
-- @tparam string usual the kind of an error without one
function M.told(lane, err, usual)
  local kind = err.kind
  if not kind or kind == "upstream_5xx" then
    local map = lane.provider.adapter.errors.map
    kind = map[err.code] or map[err.type] or kind or usual
  end
  return false, kind, core.redact(tostring(err.message or ""))
end

return M
