-- The parts of `tide` that give values: the log, clocks, JSON, what workers share, digests, and
-- what a script may know of its surroundings. C functions are handed on as they are.
local core = require("core")
local config_view = require("tide.config_view")
local current = require("tide.current")
local state = require("tide.state")
local suggest = require("tide.suggest")

local LEVELS = { "debug", "info", "warn", "error" }

-- Each script gets tables of its own: what it does to them, no other sees.
local function copy(table)
  local result = {}
  for name, value in pairs(table) do result[name] = value end
  return result
end

local function wrong_line(message, fields)
  if type(message) ~= "string" then return "a log line needs a message, a string" end
  if fields ~= nil and type(fields) ~= "table" then
    return "the fields of a log line are a table, not a " .. type(fields)
  end
end

-- A file that has not changed serves many generations: the line has that of its request.
local function number_of(script)
  if script.is_loading then return core.generation():number() end
  local context = core.context()
  local gen = context and context.gen or current.gen
  return gen and gen.number or 0
end

local function logger(level, script)
  return function(message, fields)
    local wrong = wrong_line(message, fields)
    if wrong then error(wrong, 2) end
    core.note(level, script.path, number_of(script), message, fields)
  end
end

local function add_log(tide, script)
  local log = {}
  for _, level in ipairs(LEVELS) do log[level] = logger(level, script) end
  tide.log = log
end

local function set_of(list)
  local result = {}
  for _, name in ipairs(list or {}) do result[name] = true end
  return result
end

-- A name that was not granted is a mistake of whoever wrote the configuration or the script, so it
-- is told at once and not as one more nil.
local function granter(config, field)
  local granted = set_of(config.scripts and config.scripts[field])
  return function(name)
    if type(name) ~= "string" then return "needs the name of a variable, a string" end
    if granted[name] then return nil end
    return "'" .. name .. "' is not granted: gateway.lua needs scripts = { " .. field .. " = { \""
      .. name .. "\" } }" .. suggest.hint(name, suggest.names(granted))
  end
end

local function add_surroundings(tide, config)
  local refuses_env, refuses_secret = granter(config, "env"), granter(config, "secrets")
  function tide.env(name)
    local wrong = refuses_env(name)
    if wrong then error("tide.env: " .. wrong, 2) end
    return core.env(name)
  end
  function tide.secret(name)
    local wrong = refuses_secret(name)
    if wrong then error("tide.secret: " .. wrong, 2) end
    return core.env_secret(name)
  end
  function tide.config(path, ...)
    if type(path) ~= "string" then error("tide.config needs a path, a string", 2) end
    return config_view.get(config, path, ...)
  end
end

return function(tide, script)
  add_log(tide, script)
  add_surroundings(tide, script.config or core.config)
  tide.now, tide.time, tide.clock = core.now, core.time, core.fresh_now
  tide.json = {
    encode = core.encode, decode = core.decode, null = core.null, array = core.array,
    raw = core.checked_raw, is_raw = core.is_raw,
  }
  tide.dict, tide.limit, tide.metric = core.dict, copy(core.limit), copy(core.metric)
  tide.hash, tide.base64 = copy(core.hash), copy(core.base64)
  tide.uuid, tide.rand = core.uuid4, core.rand
  function tide.state(key, version, init, migrate)
    return state.get(script, key, version, init, migrate)
  end
end
