-- The conformance kit for one stream: the same bytes in other pieces, told otherwise, and broken.
local bytes_of = require("tide.kit_bytes")
local core = require("core")
local expect = require("tide.kit_expect")
local framing = require("tide.framing")
local kit_case = require("tide.kit_case")
local synthetic = require("tide.kit_synthetic")

local M = {}

local MOST_SPLITS = 1200 -- of one stream, for the first client
local MOST_NULLS = 100   -- members of events that become null

local function events_of(run)
  run.events = run.events or bytes_of.events(run.case.framing, run.bytes)
  return run.events
end

local function in_pieces(run)
  run:in_pieces(events_of(run), MOST_SPLITS)
end

local function told_otherwise(run)
  local form = run.case.framing
  for _, variant in ipairs(bytes_of.variants(form, run.bytes, events_of(run))) do
    if run:is_worth() then run:same(variant[1], { variant[2] }) end
  end
  if not run:is_worth() then return end
  local unknown = bytes_of.unknown(form) or core.event_frame("tidegateUnknown", '{"a":[null]}')
  run:same("with events that nobody knows", { bytes_of.before_each(events_of(run), unknown) })
end

-- ---- broken -------------------------------------------------------------------------------------

-- A success that is not the whole one, whatever its counts are.
local function is_false_success(run, outcome)
  return outcome.ok
    and expect.lacks(run.kit:said(run.request, outcome), run.kit:said(run.request, run.base))
end

-- Who told the finish is to blame.
local function mind_success(run, what, outcome)
  if not is_false_success(run, outcome) then return run:mind_hooks(what) end
  run.culprit = run.kit.hooks.finisher or run.culprit
  run:complain(what, "the client is told a success")
end

local function cut_behind(run, count, ending)
  local pieces = {}
  for i = 1, count do pieces[i] = run.events[i] end
  mind_success(run, (ending.cut and "lost" or "ended") .. " behind event " .. count .. " of "
    .. #run.events, run:ask(pieces, ending))
end

-- Without an end of its own a protocol ends when the bytes do: what is missing cannot be known.
local function endings(run)
  if run.culprit == "on_end" then return { { cut = true } } end
  return { { cut = true }, {} }
end

local function truncated(run)
  if not run.base.ok then return end
  for count = 0, #events_of(run) - 1 do
    for _, ending in ipairs(endings(run)) do
      if run:is_worth() then cut_behind(run, count, ending) end
    end
  end
  if not run:is_worth() then return end
  local middle = math.floor(#run.bytes / 2)
  mind_success(run, "lost behind byte " .. middle,
    run:ask({ run.bytes:sub(1, middle) }, { cut = true }))
end

-- Before the first event, in the middle, and before the last.
local function with_errors(run)
  local told = synthetic.error_event(run.case.dialect, "it broke, the key was " .. run.kit.secret)
  if not (told and run.base.ok) then return end
  local events = events_of(run)
  for _, place in ipairs({ 0, math.floor(#events / 2), #events - 1 }) do
    if not run:is_worth() then return end
    mind_success(run, "with an error behind event " .. place,
      run:ask({ table.concat(events, "", 1, place), told }))
  end
end

local function without_each(run)
  for i = 1, #events_of(run) do
    if not run:is_worth() then return end
    local bytes = table.concat(bytes_of.with(run.events, i))
    run:look_for_zero("without event " .. i, run:ask({ bytes }), bytes)
  end
end

local function changed(run, i, change)
  local event = bytes_of.changed(run.case.framing, run.events[i], change)
  return event and table.concat(bytes_of.with(run.events, i, event))
end

-- The names of the members of an event's object, in order.
local function members_of(run, event)
  local names = {}
  bytes_of.changed(run.case.framing, event, function(data)
    local value = core.decode(data)
    for name in pairs(type(value) == "table" and value or {}) do names[#names + 1] = name end
  end)
  table.sort(names, function(a, b) return tostring(a) < tostring(b) end)
  return names
end

local function with_null(run, i, name)
  local bytes = changed(run, i, function(data)
    local value = core.decode(data)
    value[name] = core.null
    return core.encode(value)
  end)
  run:look_for_zero("with `" .. name .. "` of event " .. i .. " null", run:ask({ bytes }), bytes)
end

local function with_nulls(run)
  local left = MOST_NULLS
  for i, event in ipairs(events_of(run)) do
    local more = changed(run, i, bytes_of.with_null)
    if more and run:is_worth() then run:same("with one member more in event " .. i, { more }) end
    for _, name in ipairs(members_of(run, event)) do
      left = left - 1
      if left < 0 or not run:is_worth() then return end
      with_null(run, i, name)
    end
  end
end

local STEPS = {
  function(run) run:begin() end,
  in_pieces, told_otherwise, truncated, with_errors, without_each, with_nulls,
}

--- Runs all of it (y), as kit_case.run().
-- @treturn table for which clients all is well
-- @treturn number how many events it has
function M.run(kit, case, requests, clients, fail)
  local results = kit_case.run(kit, case, requests, clients, fail, STEPS,
    framing.types[case.framing])
  return results, #bytes_of.events(case.framing, case.answer)
end

return M
