-- An answer that is held, as a policy's accept sees it, and what becomes of it.
local call_info = require("tide.call_info")
local client_answer = require("tide.client_answer")
local core = require("core")

local M = {}

local GONE = { action = "gone", kind = "canceled" }

--- The answer as a result of tide.chat(), with its status, headers and body.
-- @tparam table call of body.read()
-- @tparam table summary of req:attempt() with `held`
-- @tparam table lane
function M.result(call, summary, lane)
  local result, problem =
    client_answer.read(call.dialect, summary.body, call, call_info.of(call))
  if problem then core.log("error", "an answer could not be read for `accept`: " .. problem) end
  result.usage = summary.usage and next(summary.usage) and summary.usage or nil
  result.cost, result.target = summary.cost, lane.target
  result.status, result.headers, result.body = summary.status, summary.headers, summary.body
  return result
end

-- True to release it, false to try on, nil and an error of errors.lua when a script failed.
local function judge(call, summary, lane)
  local accept = call.plan and call.plan.accept
  if not accept or call.req:is_gone() then return true end
  return accept(M.result(call, summary, lane))
end

--- Releases a held answer, or drops it (y).
-- @treturn table|nil a verdict as of classify.lua when it was dropped: action "next", "gone", or
--   "script" with `err`, what the client is told
function M.settle(call, summary, lane)
  local is_accepted, err = judge(call, summary, lane)
  local req = call.req
  if is_accepted == nil then
    req:discard("script")
    return { action = "script", kind = "script", err = err }
  end
  if not is_accepted then
    req:discard("rejected")
    if req:is_gone() then return GONE end
    return { action = "next", kind = "rejected", message = "the policy did not accept the answer" }
  end
  if not req:release() then return GONE end
end

return M
