-- Timers of scripts: functions that run later, without a request. They belong to a file as it was
-- loaded: what is made meanwhile starts when the first generation with it is committed, and all
-- ends when one without it takes over.
local core = require("core")

local M = {}

local SHORTEST = 0.01 -- seconds between two runs
local MOST_RUNNING = 256
local RETRY = 0.1 -- seconds, when so many run that one more has to wait

-- Of this worker, all generations together; those of files that are not in force do not count.
local pending, running = 0, 0

local Timer = {}
Timer.__index = Timer
Timer.__metatable = false

-- Out of a script's reach: what the timer that it holds stands for.
local states = setmetatable({}, { __mode = "k" })

local function most_pending()
  local scripts = core.config.scripts or {}
  return scripts.timers or 1024
end

-- By script, the table of loader.load().
local lists = setmetatable({}, { __mode = "k" })

local function list_of(script)
  local list = lists[script]
  if not list then
    list = { is_started = false, is_stopped = false, all = {}, size = 0 }
    lists[script] = list
  end
  return list
end

local function forget(state)
  if state.is_counted then
    state.is_counted = false
    pending = pending - 1
  end
  if state.alarm then state.alarm:cancel() end
  state.alarm = nil
  state.is_over = true
  state.list.all[state] = nil
  state.list.size = state.list.size - 1
end

local run

local function arm(state, seconds)
  state.alarm = core.alarm(seconds, function() run(state) end)
end

local function interval(state)
  local jitter = state.jitter
  if jitter == 0 then return state.seconds end
  return math.max(SHORTEST, state.seconds * (1 + jitter * (2 * math.random() - 1)))
end

-- Runs that overlap are left out: the next one is armed before this one begins.
local function execute(state)
  if state.is_running then return end
  state.is_running = true
  running = running + 1
  local ok, err = core.run(state.fn, unpack(state.arguments, 1, state.arguments.n))
  running = running - 1
  state.is_running = false
  if not ok then
    core.log("error", "a timer of " .. state.script .. " failed: " .. tostring(err.message))
  end
end

function run(state)
  state.alarm = nil
  if state.is_over then return end
  local is_full = running >= MOST_RUNNING
  if state.every then
    arm(state, interval(state))
    if is_full then
      core.log("warn", "a timer of " .. state.script .. " was left out: " .. MOST_RUNNING
        .. " are running")
    end
  elseif is_full then
    return arm(state, RETRY)
  else
    forget(state)
  end
  if not is_full then execute(state) end
end

local function begin(state)
  pending = pending + 1
  state.is_counted = true
  if state.single and core.worker ~= 0 then return end
  arm(state, state.every and interval(state) or state.seconds)
end

--- Ends it. A run that has begun goes on to its end.
function Timer:cancel()
  local state = states[self]
  if not state then error("call it as timer:cancel()", 2) end
  if not state.is_over then forget(state) end
end

local function refuse()
  local most = most_pending()
  return nil, {
    kind = "budget", limit = "timers",
    message = "the scripts of one worker may have " .. most .. " timers (scripts.timers)",
  }
end

--- Makes a timer.
-- @tparam table script of loader.load()
-- @tparam table what { seconds =, fn =, arguments = { n =, ... }, every =, jitter =, single = }
-- @treturn table|nil a handle with :cancel()
-- @treturn nil|table err
function M.new(script, what)
  local list = list_of(script)
  if pending + (list.is_started and 0 or list.size) >= most_pending() then return refuse() end
  local state = {
    list = list, script = script.path, fn = what.fn, arguments = what.arguments,
    seconds = math.max(SHORTEST, what.seconds), every = what.every, jitter = what.jitter or 0,
    single = what.single,
  }
  local timer = setmetatable({}, Timer)
  states[timer] = state
  if list.is_stopped then
    state.is_over = true
    return timer
  end
  list.all[state] = true
  list.size = list.size + 1
  if list.is_started then begin(state) end
  return timer
end

--- Starts the timers of a script, what it made while it was loaded included. Harmless twice.
function M.start_script(script)
  local list = list_of(script)
  if list.is_started then return end
  list.is_started = true
  for state in pairs(list.all) do
    if pending < most_pending() then
      begin(state)
    else
      local _, err = refuse()
      core.log("error", "a timer of " .. state.script .. " does not start: " .. err.message)
      forget(state)
    end
  end
end

--- Ends all timers of a script; runs that have begun go on to their end.
function M.stop_script(script)
  local list = list_of(script)
  list.is_stopped = true
  for state in pairs(list.all) do forget(state) end
end

--- Called when a generation is committed.
-- @tparam table generation its `files` are { path = { script = of loader.load(), ... } }
function M.start(generation)
  for _, file in pairs(generation.files) do
    if file.script then M.start_script(file.script) end
  end
end

--- Called when another generation has taken over.
-- @tparam table generation the replaced one
-- @tparam table next the one in force: what it has kept goes on
function M.stop(generation, next)
  for path, file in pairs(generation.files) do
    if file.script and next.files[path] ~= file then M.stop_script(file.script) end
  end
end

return M
