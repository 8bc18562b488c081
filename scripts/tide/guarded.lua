-- Functions of adapter and dialect files. Those of a user's file run under the guard, and what they
-- hand over is copied: reading it runs nothing of theirs. A failure is raised as a table that
-- M.failure() knows; the shipped ones are called as they are.
local health = require("tide.health")
local plain = require("tide.plain")

local M = {}

local Failure = {}

--- The error of core.run in what was raised, or nil: then it is no failure of a user's file.
function M.failure(raised)
  if type(raised) == "table" and getmetatable(raised) == Failure then return raised.err end
end

--- What was raised, for the log.
function M.text_of(raised)
  local err = M.failure(raised)
  return tostring(err and err.message or raised)
end

local function results(path, ok, first, second)
  if not ok then error(setmetatable({ err = first, path = path }, Failure), 0) end
  return plain.copy(first), plain.copy(second)
end

-- What a script says through a function is passed on when the script has ended, so that the
-- gateway's own code does not run on the script's account.
local function collector()
  local said = {}
  return said, function(first, second)
    said[#said + 1] = { plain.copy(first), plain.copy(second) }
  end
end

local function pass_on(said, outlet, ...)
  for _, item in ipairs(said) do outlet(item[1], item[2]) end
  return ...
end

local WRAPPERS = {
  [0] = function(own, fn)
    return function(...) return results(own.path, health.run_now(own, fn, ...)) end
  end,
  function(own, fn)
    return function(outlet, ...)
      local said, say = collector()
      return pass_on(said, outlet, results(own.path, health.run_now(own, fn, say, ...)))
    end
  end,
  function(own, fn)
    return function(first, outlet, ...)
      local said, say = collector()
      return pass_on(said, outlet, results(own.path, health.run_now(own, fn, first, say, ...)))
    end
  end,
  function(own, fn)
    return function(first, second, outlet, ...)
      local said, say = collector()
      return pass_on(said, outlet,
        results(own.path, health.run_now(own, fn, first, second, say, ...)))
    end
  end,
}

local open = package.preload["jit.util"]
local util = open and open("jit.util") or require("jit.util")

-- Where the function of a user's file stands that is called through a wrapper.
local places = setmetatable({}, { __mode = "k" })

--- "adapters/odd.lua:12" of a function of a user's file; nil for any other.
function M.place(fn)
  return places[fn]
end

--- The functions of a file as the gateway calls them.
-- @tparam table value what the file returned
-- @tparam table source of loader.load()
-- @tparam table outlets { name = which argument is a function that takes what is said, or 0 }
-- @treturn table name = function, of those that the file has
function M.functions(value, source, outlets)
  local found, own = {}, nil
  for name, position in pairs(outlets) do
    local fn = value[name]
    if type(fn) == "function" then
      if source.is_user then
        own = own or health.new(source.path)
        local line = util.funcinfo(fn).linedefined
        fn = WRAPPERS[position](own, fn)
        places[fn] = source.path .. ":" .. line
      end
      found[name] = fn
    end
  end
  return found
end

return M
