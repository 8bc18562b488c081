-- tide.spawn and its kin, tide.timer: what scripts do at the same time, or later.
local core = require("core")
local schema = require("tide.schema")
local timers = require("tide.timers")

local EVERY = { fields = { jitter = "number", single = "boolean" } }

local function pack(...)
  return { n = select("#", ...), ... }
end

local function check(name, seconds, fn)
  if type(seconds) ~= "number" or seconds ~= seconds then
    error(name .. " needs a number of seconds, not a " .. type(seconds), 3)
  end
  if type(fn) ~= "function" then
    error(name .. " needs a function, not a " .. type(fn), 3)
  end
end

local function check_options(options)
  local found = schema.check(options, EVERY)
  if found then error("tide.timer.every: " .. found.message, 3) end
  if options.jitter and not (options.jitter >= 0 and options.jitter <= 1) then
    error("tide.timer.every: jitter must be between 0 and 1", 3)
  end
end

-- While a script is loaded nobody looks at a second result. A tail call: level 2 is the script.
local function made(timer, err)
  if not timer and core.is_loading() then error(err.message, 2) end
  return timer, err
end

return function(tide, script)
  tide.sleep, tide.yield = core.sleep, core.yield
  tide.spawn, tide.all, tide.race, tide.any = core.spawn, core.all, core.race, core.any
  tide.timer = {
    after = function(seconds, fn, ...)
      check("tide.timer.after", seconds, fn)
      return made(timers.new(script, { seconds = seconds, fn = fn, arguments = pack(...) }))
    end,
    every = function(seconds, fn, options)
      check("tide.timer.every", seconds, fn)
      options = options or {}
      check_options(options)
      return made(timers.new(script, {
        seconds = seconds, fn = fn, arguments = pack(), every = true,
        jitter = options.jitter, single = options.single,
      }))
    end,
  }
end
