-- tide.state: tables of this worker that outlive the files which use them.
--
-- While a generation is being built, what its files make or migrate is kept aside: commit() puts it
-- in place, abort() forgets it. Requests of the old generation see nothing of it meanwhile.
local core = require("core")

local M = {}

local MOST = 256
local DEEPEST = 64

local live, count = {}, 0
local building

local ARRAY = getmetatable(core.array({}))
local SCALARS = { string = true, number = true, boolean = true }

local function step(path, key)
  if type(key) == "number" then return path .. "[" .. key .. "]" end
  return path .. "." .. tostring(key)
end

local find_code

local function find_in_table(value, path, seen, depth)
  if seen[value] then return nil end
  if depth > DEEPEST then return path .. " is nested more than " .. DEEPEST .. " deep" end
  local meta = getmetatable(value)
  if meta ~= nil and meta ~= ARRAY then return path .. " has a metatable" end
  seen[value] = true
  for key, item in pairs(value) do
    if not SCALARS[type(key)] then return path .. " has a key that is a " .. type(key) end
    local found = find_code(item, step(path, key), seen, depth + 1)
    if found then return found end
  end
end

-- What is no data in `value`: a text that names its place.
function find_code(value, path, seen, depth)
  if SCALARS[type(value)] or value == core.null then return nil end
  if type(value) == "table" then return find_in_table(value, path, seen, depth) end
  return path .. " is a " .. type(value)
end

local function copy(value, made)
  if type(value) ~= "table" or value == core.null then return value end
  if made[value] then return made[value] end
  local result = setmetatable({}, getmetatable(value))
  made[value] = result
  for key, item in pairs(value) do result[key] = copy(item, made) end
  return result
end

-- nil, or what is wrong.
local function problem_of(value, key)
  if type(value) ~= "table" then return "must be a table, not a " .. type(value) end
  local found = find_code(value, "tide.state(\"" .. key .. "\")", {}, 0)
  return found and found .. "; state is data alone: text, numbers, booleans and tables of them"
end

local function wrong_argument(key, version, init, migrate)
  if type(key) ~= "string" or key == "" then return "tide.state needs a key, a string" end
  if type(version) ~= "number" or version % 1 ~= 0 then
    return "tide.state needs a version, a whole number"
  end
  if init ~= nil and type(init) ~= "function" then return "tide.state: init must be a function" end
  if migrate ~= nil and type(migrate) ~= "function" then
    return "tide.state: migrate must be a function"
  end
end

-- A table of this version, or nil and what is wrong with it.
local function make(key, old, init, migrate)
  if not old and count >= MOST then
    return nil, "there are " .. MOST .. " states already, no more can be made"
  end
  local value = {}
  if old and migrate then
    value = migrate(copy(old.value, {}), old.version)
  elseif init then
    value = init()
  end
  return value, problem_of(value, key)
end

local function keep(changes, key, entry)
  if changes then
    changes[key] = entry
    return
  end
  if not live[key] then count = count + 1 end
  live[key] = entry
end

-- Where the changes go of a file that is being loaded for a generation.
local function changes_of(script)
  if script.is_loading then return building end
end

--- The table of that key and version: the one that there is, or a new one.
-- @tparam table script of api.new()
-- @tparam string key
-- @tparam number version
-- @tparam function|nil init makes the first table; {} without it
-- @tparam function|nil migrate makes a table of this version from a copy of the old one and its
--   version; without it the state begins anew
function M.get(script, key, version, init, migrate)
  local wrong = wrong_argument(key, version, init, migrate)
  if wrong then error(wrong, 2) end
  local changes = changes_of(script)
  local entry = changes and changes[key] or live[key]
  local value
  if entry and entry.version == version then
    value, wrong = entry.value, changes and problem_of(entry.value, key)
  else
    value, wrong = make(key, entry, init, migrate)
  end
  if wrong then error(wrong, 2) end
  if not entry or entry.version ~= version then
    keep(changes, key, { version = version, value = value })
  end
  return value
end

--- From now on what files ask for while they are loaded is kept aside.
function M.begin()
  building = {}
end

--- The generation serves from now on.
function M.commit()
  local changes = building or {}
  building = nil
  for key, entry in pairs(changes) do keep(nil, key, entry) end
end

--- The generation will not serve.
function M.abort()
  building = nil
end

return M
