-- Loads scripts/policies and scripts/middleware: each file of the user, so that a broken one is
-- found at once, and of the shipped ones those that the configuration names.
local core = require("core")
local health = require("tide.health")
local loader = require("tide.loader")
local suggest = require("tide.suggest")

local M = {}

-- Without anybody who wants to hear of all problems the first one ends the loading.
local function stop() return false end

local FOLDERS = { policy = "scripts/policies", middleware = "scripts/middleware" }

local function path_of(kind, name)
  return FOLDERS[kind] .. "/" .. name .. ".lua"
end

-- Names of all scripts of a kind, and of those which are the user's.
local function list(kind)
  local names, users = {}, {}
  for _, name in ipairs(core.modules(FOLDERS[kind])) do
    names[#names + 1] = name
    local _, _, is_user = core.source(path_of(kind, name))
    if is_user then users[#users + 1] = name end
  end
  return names, users
end

local function load_one(kind, name)
  local path = path_of(kind, name)
  local value, err, source = loader.load({ path = path, name = name, kind = kind })
  if not value then return nil, err end
  if value.name and value.name ~= name then
    return nil, source:error_at("name", "name must be '" .. name .. "', as the file is")
  end
  -- Out of service means until the file changes.
  source.health = source.health or health.new(path)
  local script = { name = name, path = path, kind = kind, health = source.health }
  for field, hook in pairs(value) do
    if type(hook) == "function" then script[field] = hook end
  end
  return script
end

-- Where the configuration names scripts: { { path =, name = }, ... }.
local function named_policies(config)
  local result = {}
  if config.policy then result[1] = { path = "policy", name = config.policy } end
  for _, model in ipairs(suggest.names(config.models or {})) do
    local definition = config.models[model]
    local name = type(definition) == "table" and definition.policy
    if name then
      result[#result + 1] = { path = "models." .. model .. ".policy", name = name }
    end
  end
  return result
end

local function named_middleware(config)
  local result = {}
  for i, name in ipairs(config.middleware or {}) do
    result[i] = { path = "middleware." .. i, name = name }
  end
  return result
end

local function unknown(kind, name, names)
  return "there is no " .. kind .. " '" .. name .. "': neither " .. path_of(kind, name)
    .. " beside gateway.lua nor a shipped one" .. suggest.hint(name, names)
end

local function contains(names, wanted)
  for _, name in ipairs(names) do
    if name == wanted then return true end
  end
  return false
end

-- Every script of a kind by name: the user's, then those of `wanted` that these do not hold.
-- Problems go to `report`, which says whether to go on.
local function load_kind(kind, wanted, report)
  local names, users = list(kind)
  local scripts = {}
  local function load(name)
    if scripts[name] ~= nil then return nil end
    local script, err = load_one(kind, name)
    scripts[name] = script or false
    return err
  end
  for _, name in ipairs(users) do
    local err = load(name)
    if err and not report(err) then return nil, err end
  end
  for _, entry in ipairs(wanted) do
    local err
    if contains(names, entry.name) then
      err = load(entry.name)
    else
      err = { path = entry.path, message = unknown(kind, entry.name, names) }
    end
    if err and not report(err) then return nil, err end
  end
  return scripts
end

--- True when there may be something to load: a file of the user's, or a name in the configuration.
-- @tparam table config core.config
function M.are_there(config)
  for kind in pairs(FOLDERS) do
    local _, users = list(kind)
    if #users > 0 then return true end
  end
  return #named_policies(config) > 0 or #named_middleware(config) > 0
end

--- Loads what this generation runs around its requests.
-- @tparam table config core.config
-- @tparam function|nil report as that of adapters.load()
-- @treturn table|nil { policies = { name = script }, middleware = { script, ... } in order }; a
--   script is { name =, path =, kind =, health =, and its hooks by name }
-- @treturn nil|table { file =, line =, message = } or { path =, message = } of the configuration
function M.load(config, report)
  report = report or stop
  local policies, err = load_kind("policy", named_policies(config), report)
  if not policies then return nil, err end
  local wanted = named_middleware(config)
  local loaded
  loaded, err = load_kind("middleware", wanted, report)
  if not loaded then return nil, err end
  local middleware = {}
  for i, entry in ipairs(wanted) do middleware[i] = loaded[entry.name] end
  return { policies = policies, middleware = middleware }
end

return M
