-- Takes the events of one attempt's stream through a plan's on_event: the chunks of openai-chat
-- that are passed through, for req:attempt, which gives it the data of each; and the canonical
-- events of a translation, between decoder and encoder.
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

-- Shows one event; returns "same", "changed" or "dropped", and the event; or nil and an error for
-- the client.
local function show_one(plan, event)
  local before = edit.copy(event)
  local after, failure = plan.on_event(event)
  if after == false and failure then return nil, failure end
  local outcome, problem = edit.judge(before, after)
  if outcome then return outcome, after end
  local is_fine
  is_fine, failure = goes_on(plan, problem)
  if not is_fine then return nil, failure end
  return "same", before
end

-- Shows one chunk's events; returns what became of each and whether all are the same, or nil and a
-- error for the client.
local function show(plan, found)
  local outcomes, is_same = {}, true
  for i, event in ipairs(found.events) do
    local outcome, after = show_one(plan, event)
    if not outcome then return nil, after end
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

-- ---- canonical events ---------------------------------------------------------------------------

-- What scripts are shown of an event; the rest of it stays as it is. Types that are not here pass.
local SHOWN = {
  text = { "delta" }, refusal = { "delta" }, reasoning = { "delta" },
  tool_start = { "i", "id", "name" }, tool_args = { "i", "delta" }, tool_end = { "i" },
  finish = { "reason" },
}

local function shown_of(event)
  local result = { type = event.type, choice = event.choice }
  if event.type == "usage" then
    for name, value in pairs(event) do result[name] = value end
  end
  for _, name in ipairs(SHOWN[event.type] or {}) do result[name] = event[name] end
  return result
end

local function is_shown(event)
  if event.type == "usage" then return not event.early end -- the whole comes with the end
  if event.delta == nil or event.delta == "" then
    return SHOWN[event.type] ~= nil and SHOWN[event.type][1] ~= "delta"
  end
  return SHOWN[event.type] ~= nil
end

local function write(event, after)
  event.raw, event.logprobs = nil, nil -- they spoke of what it was
  for _, name in ipairs(SHOWN[event.type]) do event[name] = after[name] end
  if after.delta == "" and not (event.signature or event.redacted) then return nil end
  return event
end

-- Without its start there is no call whose arguments could go out.
local function is_of_dropped(dropped, event)
  local key = event.i and (event.choice or 1) .. " " .. event.i
  return key and dropped[key], key
end

--- The function for one attempt's canonical events, as the grammar lets them pass.
-- @tparam table call as of new()
-- @tparam table plan likewise
-- @treturn function event -> the event, changed in place; nil to leave it out; nil and an error
--   { kind =, message = } to fail the stream
function M.canonical(call, plan)
  local dropped = {}
  return function(event)
    if not is_shown(event) then return event end
    local is_gone, key = is_of_dropped(dropped, event)
    if is_gone then return nil end
    local outcome, after = show_one(plan, shown_of(event))
    if not outcome then
      call.script_error = after
      return nil, { kind = "script", message = after.message }
    end
    if outcome == "same" then return event end
    if outcome == "changed" then return write(event, after) end
    if event.type == "tool_start" then dropped[key] = true end
    return nil
  end
end

return M
