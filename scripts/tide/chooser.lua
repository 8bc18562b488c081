-- Which lane a request tries next. A pure state machine: it is told what happened and what time it
-- is; the attempt loop executes. Breakers, budgets and hedges plug in here.
--
-- First every lane once, in order; then, after a back-off, the one that is ready soonest, until the
-- attempts, the deadline or the lanes are used up.
local Chooser = {}
Chooser.__index = Chooser

local M = {}

-- queue.wait: a lane that asks for a longer pause is closed for this request.
local LONGEST_WAIT = 2
local BACKOFF = 0.25
local BACKOFF_MAX = 2

--- A chooser for one request.
-- @tparam table lanes in order of preference
-- @tparam number attempts how many tries are allowed in all
-- @tparam number deadline on the clock that next() and failed() are given
-- @tparam function random returns a number in [0, 1)
function M.new(lanes, attempts, deadline, random)
  return setmetatable({
    lanes = lanes, left = attempts, deadline = deadline, random = random,
    untried = 1,  -- lanes before this one have been tried or given up
    again = nil,  -- a lane to be sent to at once, on a fresh connection
    states = nil, -- per lane { tries, ready_at, closed }, made with the first failure
  }, Chooser)
end

function Chooser:is_closed(index)
  local state = self.states and self.states[index]
  return state ~= nil and state.closed
end

function Chooser:next_untried()
  while self.untried <= #self.lanes do
    local index = self.untried
    self.untried = index + 1
    if not self:is_closed(index) then return index end
  end
end

function Chooser:next_ready(now)
  local best, best_at
  for index = 1, #self.lanes do
    local state = self.states[index]
    if state and not state.closed and (not best or state.ready_at < best_at) then
      best, best_at = index, state.ready_at
    end
  end
  if best and best_at < self.deadline then return best, math.max(0, best_at - now) end
end

--- The next try: position of a lane, seconds to wait before it, whether on a fresh connection; nil
-- when the request has failed.
function Chooser:next(now)
  if self.left <= 0 or now >= self.deadline then return nil end
  local index, wait, fresh = self.again, 0, self.again ~= nil
  self.again = nil
  if not index then index = self:next_untried() end
  if not index then index, wait = self:next_ready(now) end
  if not index then return nil end
  self.left = self.left - 1
  return index, wait, fresh
end

function Chooser:state(index)
  self.states = self.states or {}
  local state = self.states[index]
  if not state then
    state = { tries = 0, ready_at = 0, closed = false }
    self.states[index] = state
  end
  return state
end

function Chooser:close_credential(credential)
  for index, lane in ipairs(self.lanes) do
    if lane.credential == credential then self:state(index).closed = true end
  end
end

--- Tells that a lane's model cannot read so much: no failure, but from now on only lanes are of use
-- whose model is known to read more.
-- @tparam number index
-- @tparam function window_of gives the tokens that a lane's model can read, or nil
-- @treturn boolean whether there is such a lane
function Chooser:outgrown(index, window_of)
  local window, is_any = window_of(self.lanes[index]), false
  for i, lane in ipairs(self.lanes) do
    local other = window and window_of(lane)
    local is_larger = other and other > window and not self:is_closed(i)
    if not is_larger then self:state(i).closed = true end
    is_any = is_any or is_larger or false
  end
  return is_any
end

--- Tells what became of the last try of a lane.
-- @tparam number index
-- @tparam table verdict of classify: action, retry_after
-- @tparam number now
function Chooser:failed(index, verdict, now)
  local state = self:state(index)
  if verdict.phase == "total" then self.left = 0 end
  if verdict.action == "again" then
    self.again = index
    return
  end
  if verdict.action == "credential" then self:close_credential(self.lanes[index].credential) end
  local wait = verdict.retry_after
  if verdict.action == "never" or (wait and wait > LONGEST_WAIT) then state.closed = true end
  if not wait then
    wait = self.random() * math.min(BACKOFF_MAX, BACKOFF * 2 ^ state.tries)
  end
  state.tries = state.tries + 1
  state.ready_at = now + wait
end

return M
