-- An answer that is held, as a policy's accept sees it, and what becomes of it.
local core = require("core")
local view = require("tide.canonical_view")
local fold = require("tide.canonical_fold")

local M = {}

local GONE = { action = "gone", kind = "canceled" }

local function of_stream(body)
  local state, folded = view.new_state(), fold.new()
  for _, data in ipairs(core.event_data(body)) do
    local chunk = core.decode(data)
    if type(chunk) == "table" then
      for _, event in ipairs(view.events(state, chunk).events) do folded:add(event) end
    end
  end
  return folded:result()
end

--- The answer as a result of tide.chat(), with its status, headers and body.
-- @tparam table call of body.read()
-- @tparam table summary of req:attempt() with `held`
-- @tparam table lane
function M.result(call, summary, lane)
  local result
  if call.stream then
    result = of_stream(summary.body)
  else
    local answer = core.decode(summary.body)
    result = view.answer(type(answer) == "table" and answer or {})
  end
  result.usage = summary.usage and next(summary.usage) and summary.usage or nil
  result.target = lane.target
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
