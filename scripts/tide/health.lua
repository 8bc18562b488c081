-- Takes a script that runs away again and again out of service.
--
-- A runaway (stopped at a limit) has cost its worker a slice. Three in a row, on one worker, and
-- the script counts as failed without being called, until its file changes. C is told of it, and of
-- a script whose calls fail too often: it takes a new generation back.
local core = require("core")

local M = {}

local RUNAWAYS = 3

-- A script fails too often when so many calls have failed, and more than this share of all.
local FAILURES, SHARE = 5, 0.2

-- What a call of a script that is out of service fails with.
local OUT = { kind = "script", limit = "out_of_service", message = "the script is out of service" }

--- The health of one script of this generation.
-- @tparam string path "scripts/policies/x.lua"
function M.new(path)
  return { path = path, runaways = 0, is_out = false, calls = 0, failures = 0 }
end

local function take_out(health)
  health.is_out = true
  core.log("error", health.path .. " ran into its limits " .. RUNAWAYS .. " times in a row and is "
    .. "OUT OF SERVICE on this worker until it changes; see the errors before this line")
  core.report_bad_script(health.path)
end

local function count_failure(health)
  health.failures = health.failures + 1
  if not health.is_reported and health.failures >= FAILURES
    and health.failures > SHARE * health.calls then
    health.is_reported = true
    core.report_bad_script(health.path)
  end
end

local function note(health, ok, ...)
  health.calls = health.calls + 1
  if ok then
    if health.runaways > 0 then health.runaways = 0 end
  else
    local err = ...
    health.runaways = err.limit and health.runaways + 1 or 0
    if health.runaways >= RUNAWAYS and not health.is_out then take_out(health) end
    count_failure(health)
  end
  return ok, ...
end

--- Calls a function of the script (y), unless it is out of service.
-- @treturn boolean
-- @return results, or the error
function M.run(health, fn, ...)
  if health.is_out then return false, OUT end
  return note(health, core.run(fn, ...))
end

--- The same for places where nothing may wait.
function M.run_now(health, fn, ...)
  if health.is_out then return false, OUT end
  return note(health, core.run_now(fn, ...))
end

return M
