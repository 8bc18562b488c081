-- The library `coroutine` of scripts. What waits inside a coroutine that a script made suspends the
-- whole task: the wait is passed outward from one resume to the next, the answer inward again.
local core = require("core")

local raw = { create = coroutine.create, resume = coroutine.resume, running = coroutine.running,
  status = coroutine.status, yield = coroutine.yield }

-- What a wait yields; no script ever gets to see it.
local WAITS = core.wait_mark
-- Who resumed a coroutine last: C follows it to see whether everything in between can be suspended.
local resumers = core.coroutines.resumers
-- Coroutines with a wait in them: only the task that waits may go on with them.
local waiting = setmetatable({}, { __mode = "k" })

local M = {}

local function check(co, name)
  if type(co) ~= "thread" then
    error("bad argument #1 to '" .. name .. "' (coroutine expected, got " .. type(co) .. ")", 3)
  end
end

local resume_with

local function pass_on(co, ...)
  if select(2, ...) ~= WAITS then return ... end
  waiting[co] = true
  return resume_with(co, raw.yield(WAITS))
end

function resume_with(co, ...)
  waiting[co] = nil
  return pass_on(co, raw.resume(co, ...))
end

local function resume(co, ...)
  if waiting[co] then return false, "cannot resume a coroutine that waits for something" end
  core.check_stack()
  resumers[co] = raw.running()
  return pass_on(co, raw.resume(co, ...))
end

function M.create(fn)
  if type(fn) ~= "function" then
    error("bad argument #1 to 'create' (function expected, got " .. type(fn) .. ")", 2)
  end
  return raw.create(fn)
end

function M.resume(co, ...)
  check(co, "resume")
  return resume(co, ...)
end

local function unwrap(ok, ...)
  if ok then return ... end
  error((...), 0)
end

function M.wrap(fn)
  if type(fn) ~= "function" then
    error("bad argument #1 to 'wrap' (function expected, got " .. type(fn) .. ")", 2)
  end
  local co = raw.create(fn)
  return function(...) return unwrap(resume(co, ...)) end
end

function M.status(co)
  check(co, "status")
  return waiting[co] and "normal" or raw.status(co)
end

--- The coroutine that runs; nil in a task's own, which is not the script's to resume.
function M.running()
  local co = raw.running()
  return co and resumers[co] and co or nil
end

M.yield = core.coroutines.yield

return M
