-- Takes the events of one attempt's stream through a plan's on_event: for req:attempt, which gives
-- it the data of each event.
local core = require("core")
local view = require("tide.canonical_view")
local edit = require("tide.canonical_edit")

local M = {}

-- What the script returned is no event that could go out.
local function goes_on(plan, problem)
  if plan.on_event_failed then return plan.on_event_failed(problem) end
  core.log("error", problem)
  return true
end

-- Shows one chunk's events; returns what became of each and whether all are the same, or nil and a
-- error for the client.
local function show(plan, found)
  local outcomes, is_same = {}, true
  for i, event in ipairs(found.events) do
    local before = edit.copy(event)
    local after, failure = plan.on_event(event)
    if after == false and failure then return nil, failure end
    local outcome, problem = edit.judge(before, after)
    if not outcome then
      local is_fine
      is_fine, failure = goes_on(plan, problem)
      if not is_fine then return nil, failure end
      outcome, after = "same", before
    end
    outcomes[i] = { outcome, after }
    is_same = is_same and outcome == "same"
  end
  return outcomes, is_same
end

--- The function for one attempt: from an event's data to nil (it goes out as it is), other data,
-- false (it is left out), or true and why the stream is to fail.
-- @tparam table call of body.read(); gets `script_error`, of errors.lua, when a script fails it
-- @tparam table plan on_event(event) -> event | nil | false, err (of errors.lua);
--   on_event_failed(message) -> true, or nil, err: what the script returned is no event
function M.new(call, plan)
  local state = view.new_state()
  return function(data)
    local chunk = core.decode(data)
    if type(chunk) ~= "table" then return nil end
    local found = view.events(state, chunk)
    if #found.events == 0 then return nil end
    local outcomes, is_same = show(plan, found)
    if not outcomes then
      call.script_error = is_same
      return true, is_same.message
    end
    if is_same then return nil end
    return edit.apply(chunk, found, outcomes) and core.encode(chunk)
  end
end

return M
