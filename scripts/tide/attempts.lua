-- The attempt loop: tries lanes until one answers. The chooser decides, this executes.
local core = require("core")
local chooser = require("tide.chooser")
local classify = require("tide.classify")
local later = require("tide.later")
local model_facts = require("tide.model_facts")
local options = require("tide.options")

local gcp = later("tide.gcp")
local held = later("tide.held")
local on_status = later("tide.on_status")
local own_protocol = later("tide.own_protocol")
local pieces = later("tide.pieces")
local sigv4 = later("tide.sigv4")

local M = {}

local GONE = { action = "gone", kind = "canceled" }

local COMPLETE = { committed = true, complete = true }

-- What the provider said, in the words of its dialect; a hook of the adapter may know better.
local function refused(call, lane, summary)
  local way = options.way(call, lane)
  local adapter = lane.provider.adapter
  local verdict = classify.summary(summary, adapter.errors, core.time(), way.dialect.read_error)
  if call.token then verdict = gcp.judge(call, lane, verdict) end
  if adapter.auth.type == "sigv4" then verdict = sigv4.judge(call, lane, verdict, summary) end
  if way.hooks and way.hooks.on_status and summary.status and summary.status >= 300 then
    return on_status.ask(call, lane, way, summary, verdict)
  end
  return verdict
end

local function judge(call, lane, summary)
  if summary.held then
    local verdict = held.settle(call, summary, lane)
    return verdict and summary or COMPLETE, verdict
  end
  if call.req:is_gone() then return summary, GONE end
  if call.script_error then
    return summary, { action = "script", kind = "script", err = call.script_error }
  end
  return summary, refused(call, lane, summary)
end

-- The pieces of a request that the provider does not take at once come first.
local function ask(call, chosen, extra)
  local summary, err
  if extra and extra.pieces then summary, err = pieces.run(call, extra.pieces, chosen, extra) end
  if summary == false then return nil, err end
  if not summary then summary, err = call.req:attempt(chosen, extra) end
  return summary or { kind = err and err.kind or "canceled" }
end

local function try(call, lane, fresh)
  local chosen, extra = options.of(call, lane, fresh)
  if not chosen then
    extra.label = lane.label
    return nil, extra
  end
  local summary, verdict = ask(call, chosen, extra)
  if verdict then
    verdict.label = lane.label
    return nil, verdict
  end
  if summary.kind == "protocol" and extra and extra.codec and extra.codec.tells then
    own_protocol.note(lane, summary)
  end
  if summary.committed then return summary end
  summary, verdict = judge(call, lane, summary)
  if verdict then verdict.label = lane.label end
  return summary, verdict
end

local function pause(seconds)
  if seconds <= 0 then return true end
  local _, err = core.sleep(seconds)
  return not (err and err.kind == "canceled")
end

local function window_of(lane)
  return model_facts.of(lane).context
end

-- What ends the request: nil when another lane may be tried.
local ENDS = { gone = "gone", client = "client", script = "script" }

-- Tells the chooser what became of a lane; returns how the request ends, or nil.
local function settle(choose, index, verdict, tries)
  local ended = ENDS[verdict.action]
  if ended then return ended end
  if verdict.action == "larger" then
    if index and choose:outgrown(index, window_of) then return nil end
    return "client"
  end
  tries[#tries + 1] = verdict
  if not index then return "failed" end
  choose:failed(index, verdict, core.now())
end

-- What run() returns.
local function finish(ended, summary, lane, verdict, tries)
  if ended == "failed" then return "failed", nil, lane, tries end
  return ended, summary, lane, ended == "script" and verdict.err or verdict
end

--- Runs one request.
-- @tparam table call of body.read()
-- @tparam table lanes in order of preference
-- @tparam number limit attempts in all
-- @tparam number deadline on core.now()'s clock
-- @treturn string how it ended: "committed", "client" (the provider refuses the request itself),
--   "script" (one failed, and that ends the request), "gone" or "failed"
-- @treturn table|nil summary of the last try
-- @treturn table|nil the lane that was tried last
-- @treturn table|nil all verdicts, for "failed"; the one verdict for "client"; the client's error
--   for "script"
function M.run(call, lanes, limit, deadline)
  -- Most requests are served by the first lane: a chooser is made when that one has failed.
  local lane = lanes[1]
  local summary, verdict = try(call, lane, false)
  if not verdict then return "committed", summary, lane end
  local choose = chooser.new(lanes, limit, deadline, math.random)
  local index, tries = choose:next(core.now()), {}
  while true do
    local ended = settle(choose, index, verdict, tries)
    if ended then return finish(ended, summary, lane, verdict, tries) end
    local wait, fresh
    index, wait, fresh = choose:next(core.now())
    if not index then
      ended = verdict.action == "larger" and "client" or "failed"
      return finish(ended, summary, lane, verdict, tries)
    end
    if not pause(wait) then return "gone", nil, lane end
    lane = lanes[index]
    summary, verdict = try(call, lane, fresh)
    if not verdict then return "committed", summary, lane end
  end
end

return M
