-- An answer that is held, as a policy's accept sees it, and what becomes of it.
local call_info = require("tide.call_info")
local core = require("core")
local fold = require("tide.canonical_fold")
local grammar = require("tide.canonical_grammar")
local view = require("tide.canonical_view")

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

local function decoded_events(call, body, raw)
  if not call.as_array then return core.event_data(body) end
  return core.decode(body, raw) or {}
end

local function tell_events(call, body, emit, info)
  local dialect, state = call.dialect, {}
  for _, data in ipairs(decoded_events(call, body, dialect.raw)) do
    if type(data) == "string" then
      local value = core.decode(data, dialect.raw)
      if value ~= nil then data = value end
    end
    dialect.decode_event({ data = data }, emit, state, info)
  end
  if dialect.end_events then dialect.end_events(emit, state, info) end
end

-- The bytes are the client's, in its dialect, whoever has made them.
local function tell(call, body, told)
  local info, dialect = call_info.of(call), call.dialect
  if call.stream then return tell_events(call, body, told.emit, info) end
  local answer = core.decode(body, dialect.raw)
  if type(answer) == "table" then dialect.decode_answer(answer, told.emit, info) end
end

local function by_dialect(call, body)
  local folded = fold.new()
  local told = grammar.new(function(event)
    if event.type ~= "error" and event.type ~= "dropped" then folded:add(event) end
  end, call.req:id())
  local ok, raised = pcall(tell, call, body, told)
  if not ok then
    local err = type(raised) == "table" and raised.err or { message = raised }
    core.log("error", "an answer could not be read for `accept`: " .. tostring(err.message))
  end
  told.finish()
  return folded:result()
end

local function of_openai(call, body)
  if call.stream then return of_stream(body) end
  local answer = core.decode(body)
  return view.answer(type(answer) == "table" and answer or {})
end

--- The answer as a result of tide.chat(), with its status, headers and body.
-- @tparam table call of body.read()
-- @tparam table summary of req:attempt() with `held`
-- @tparam table lane
function M.result(call, summary, lane)
  local read = call.dialect.name == "openai-chat" and of_openai or by_dialect
  local result = read(call, summary.body)
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
