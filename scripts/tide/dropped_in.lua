-- Adapters that are providers without being named in gateway.lua: files in the user's adapters/
-- that say all that is needed. A file that replaces a shipped adapter changes how that provider is
-- spoken to, not whether it is one.
local core = require("core")
local settings = require("tide.provider_settings")
local sigv4 = require("tide.sigv4")
local template = require("tide.template")

local M = {}

local NONE = {}

local function missing_key(auth)
  if auth.type == "sigv4" then return sigv4.missing_variable(auth) end
  if auth.secret and not core.env_secret(auth.secret) then return auth.secret end
end

local function key_problem(auth)
  if auth.type == "gcp" then return "auth", "it needs `credentials`" end
  local missing = missing_key(auth)
  if missing then
    local field = auth.type == "sigv4" and "keys" or "secret"
    return field, missing .. " is set neither in the environment nor in .env"
  end
end

local function address_problem(adapter)
  local base_url = adapter.base_url
  if not base_url then return "base_url", "it has no base_url" end
  if type(base_url) == "function" then
    local ok, url = pcall(base_url, {})
    if ok and type(url) == "string" then return nil end
    return "base_url", "its base_url() makes no address without a configuration"
  end
  local filled, missing = template.fill(base_url, NONE, adapter.config)
  if not filled then return "base_url", "its address needs `" .. missing .. "`" end
end

--- What an adapter lacks to be a provider without a configuration: a field and a text, or nil.
function M.lacks(name, adapter)
  local values, err = settings.values(name, NONE, adapter)
  if not values then return "config", "it " .. err.message end
  if adapter.serve then return nil end
  local field, text = address_problem(adapter)
  if field then return field, text end
  return key_problem(adapter.auth)
end

-- Adapters of providers that have another name; they are in use where those are.
local function extended(configured)
  local names = {}
  for _, entry in pairs(configured) do
    if entry and entry.extends then names[entry.extends] = true end
  end
  return names
end

--- The names of the user's own adapter files that the configuration does not speak of.
-- @tparam table configured what gateway.lua says of each provider, false for one that shall be none
-- @treturn table sorted
function M.unnamed(configured)
  local names, in_use = {}, extended(configured)
  for _, name in ipairs(core.modules("adapters")) do
    local _, _, is_user, is_replacement = core.source("adapters/" .. name .. ".lua")
    if is_user and not is_replacement and configured[name] == nil and not in_use[name] then
      names[#names + 1] = name
    end
  end
  return names
end

--- Those of them that are providers.
-- @tparam table adapters by name; broken ones are absent
function M.names(configured, adapters)
  local names = {}
  for _, name in ipairs(M.unnamed(configured)) do
    local adapter = adapters[name]
    if adapter and not M.lacks(name, adapter) then names[#names + 1] = name end
  end
  return names
end

--- Those that are not: a list of { name, field, text }.
function M.not_in_use(configured, adapters)
  local list = {}
  for _, name in ipairs(M.unnamed(configured)) do
    local adapter = adapters[name]
    local field, text = nil, nil
    if adapter then field, text = M.lacks(name, adapter) end
    if field then list[#list + 1] = { name = name, field = field, text = text } end
  end
  return list
end

return M
