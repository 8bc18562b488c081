-- The providers of the configuration, each an adapter with credentials and prepared endpoints.
local core = require("core")
local adapter_names = require("tide.adapters").names
local address = require("tide.address")
local dropped_in = require("tide.dropped_in")
local gcp = require("tide.gcp")
local guarded = require("tide.guarded")
local loader = require("tide.loader")
local provider_models = require("tide.provider_models")
local settings = require("tide.provider_settings")
local sigv4 = require("tide.sigv4")
local suggest = require("tide.suggest")
local template = require("tide.template")

local M = {}

local ANONYMOUS = { label = "1" }
local NONE = {}

-- Stands for the model while an address is checked.
local ANY_MODEL = "model"

-- How many are made in one turn of the loop.
local A_TURN = 4

-- Everything that the provider offers is made once here, so that what is wrong is found while
-- loading. An endpoint that depends on the model is made again for each lane.
local function check_endpoints(provider, credential)
  local adapter = provider.adapter
  if adapter.serve then return true end
  for op in pairs(adapter.ops) do
    local spec = address.spec(adapter, op)
    for _, dialect in pairs(spec and provider.dialects or NONE) do
      if address.path(adapter, spec, op, dialect, false) then
        local endpoint, err = address.of(provider, credential, op, dialect, false, ANY_MODEL)
        if not endpoint then return nil, err end
      end
    end
  end
  return true
end

-- What the adapter's variables say; nil when they are not set.
local function key_of_environment(adapter)
  local auth = adapter.auth
  if auth.type == "sigv4" then return sigv4.of_environment(auth) end
  local secret = auth.secret and core.env_secret(auth.secret)
  return secret and { value = secret }
end

local function adapter_key(name, entry, adapter)
  local auth = adapter.auth
  local variables = auth.type == "sigv4" and sigv4.variables(auth) or auth.secret or ""
  if variables == "" or name ~= adapter.name or entry.base_url then return nil end
  local key = key_of_environment(adapter)
  if not key then
    core.log("warn", "provider " .. name .. " has no key: " .. variables .. " is not set")
  end
  return key
end

-- Configured keys, else the adapter's own variables, else no key at all.
local function key_list(name, entry, adapter)
  if entry.keys and #entry.keys > 0 then return entry.keys end
  return { adapter_key(name, entry, adapter) or ANONYMOUS }
end

local function make_credential(provider, key, position)
  local credential = {
    label = key.name or tostring(position), secret = key.value, provider = provider,
    addresses = {},
  }
  if key.access_key_id then
    local signer, err = sigv4.signer(provider, key)
    if not signer then
      return nil, { field = err.field or "keys." .. position, message = err.message }
    end
    credential.signer = signer
  end
  local ok, err = check_endpoints(provider, credential)
  if not ok then return nil, err end
  return credential
end

local function make_credentials(provider, entry)
  local credentials = {}
  for i, key in ipairs(key_list(provider.name, entry, provider.adapter)) do
    local credential, err = make_credential(provider, key, i)
    if not credential then return nil, err end
    credentials[i] = credential
  end
  return credentials
end

local function find_adapter(name, entry, adapters)
  local wanted = entry.extends or name
  local adapter = adapters[wanted]
  if adapter then return adapter end
  local message = "unknown adapter '" .. wanted .. "'"
    .. suggest.hint(wanted, adapter_names())
  if entry.extends then
    return nil, { path = "providers." .. name .. ".extends", message = message }
  end
  message = message .. "; for an OpenAI-compatible service say extends = \"openai\" and base_url"
  return nil, { path = "providers." .. name, message = message }
end

-- A relative path is one beside gateway.lua.
local function place(folder, path)
  if not path or path:sub(1, 1) == "/" or not folder then return path end
  return folder .. "/" .. path
end

local function open_credentials(provider, entry, folder)
  if provider.adapter.auth.type == "gcp" then
    local ok, err = gcp.prepare(provider, function(path) return place(folder, path) end)
    if not ok then return nil, err end
  end
  return make_credentials(provider, entry)
end

-- What a field of the configuration makes of the adapter.
local function variant_of(adapter, entry)
  for _, field in ipairs(suggest.names(adapter.variants or NONE)) do
    if entry[field] ~= nil then return adapter.variants[field] end
  end
  return adapter
end

-- An address that is complete without a configuration.
local function has_address(adapter)
  local base_url = adapter.base_url
  return type(base_url) == "string" and template.fill(base_url, NONE, adapter.config) ~= nil
end

-- Another service than the adapter's. Where every customer has an address of his own, another one
-- is no other service.
local function is_elsewhere(entry, adapter)
  return entry.extends and entry.base_url and has_address(adapter) and true or false
end

-- A compatible service speaks the first dialect; whether it has the others too is not known.
local function dialects_of(entry, adapter)
  if not is_elsewhere(entry, adapter) then return adapter.dialects end
  return { [adapter.dialect.name] = adapter.dialect }
end

-- An adapter's function makes it of the provider's fields.
local function made_url(name, adapter, values)
  local ok, url = pcall(adapter.base_url, values)
  if ok and type(url) == "string" then return url end
  local message = ok and "the adapter's base_url() returned no text" or guarded.text_of(url)
  return nil, { path = "providers." .. name, message = message }
end

local function base_url_of(name, entry, adapter, values)
  local base_url, err = entry.base_url or adapter.base_url, nil
  if type(base_url) == "function" then base_url, err = made_url(name, adapter, values) end
  if base_url then return (base_url:gsub("/+$", "")) end
  if err or adapter.serve then return nil, err end
  return nil, { path = "providers." .. name, message = "needs a base_url" }
end

local function take_models(provider, entry, tables)
  local name, adapter = provider.name, provider.adapter
  provider.is_list_closed = entry.models ~= nil
  provider.model_table =
    provider_models.table_of(name, adapter, is_elsewhere(entry, adapter), tables)
  local models, err = provider_models.entries(name, adapter, entry.models)
  provider.models = models
  return err
end

local function make(name, entry, adapters, folder, tables)
  local adapter, err = find_adapter(name, entry, adapters)
  if not adapter then return nil, err end
  local values
  values, err = settings.values(name, entry, adapter)
  if not values then return nil, err end
  adapter = variant_of(adapter, entry)
  local base_url
  base_url, err = base_url_of(name, entry, adapter, values)
  if err then return nil, err end
  local provider = {
    name = name,
    adapter = adapter,
    values = values,
    dialects = dialects_of(entry, adapter),
    base_url = base_url,
    headers = entry.headers or {},
    timeout = entry.timeout,
    retry = entry.retry,
    ca_file = place(folder, entry.ca_file),
    proxy = entry.proxy,
    prices = {},
  }
  err = take_models(provider, entry, tables)
  if err then return nil, err end
  provider.credentials, err = open_credentials(provider, entry, folder)
  if not provider.credentials then
    local field = err.field and "." .. err.field or entry.base_url and ".base_url" or ""
    return nil, { path = "providers." .. name .. field, message = err.message }
  end
  return provider
end

-- Without a configuration: what the environment has keys for, and the mock.
local function zero_entries(adapters)
  local entries = { mock = {} }
  for name, adapter in pairs(adapters) do
    if has_address(adapter) and key_of_environment(adapter) then entries[name] = {} end
  end
  return entries
end

--- The adapters that the configuration asks for: a set of names; nil without a configuration, when
-- the environment decides.
function M.wanted_adapters(config)
  if config.zero then return nil end
  local result = {}
  for name, entry in pairs(config.providers or {}) do
    if entry then result[entry.extends or name] = true end
  end
  return result
end

-- What the configuration names, and files of adapters that need not be named.
local function all_entries(config, adapters)
  local configured = config.zero and zero_entries(adapters) or config.providers or {}
  local entries = {}
  for name, entry in pairs(configured) do entries[name] = entry or nil end
  for _, name in ipairs(dropped_in.names(configured, adapters)) do entries[name] = {} end
  return entries, configured
end

-- Nothing in gateway.lua is wrong with a provider that it does not name.
local function in_its_file(name, err)
  local field = err.path:match("^providers%.[^.]+%.(.+)$") or "base_url"
  return loader.error_at("adapters/" .. name .. ".lua", field, err.message)
end

--- All providers by name, or nil and { path =, message = } or { file =, line =, message = }.
-- @tparam table config core.config
-- @tparam table adapters of adapters.load()
-- @tparam function|nil report as that of adapters.load(), called with such an error
-- @tparam table|nil tables of model_tables.load()
function M.build(config, adapters, report, tables)
  local entries, configured = all_entries(config, adapters)
  local providers = {}
  for i, name in ipairs(suggest.names(entries)) do
    if i % A_TURN == 0 then core.next_turn() end
    local err
    if name:find("/", 1, true) then
      err = { path = "providers." .. name, message = "a provider's name may not contain '/'" }
    else
      providers[name], err = make(name, entries[name], adapters, config.folder, tables or NONE)
    end
    if err and not configured[name] then err = in_its_file(name, err) end
    if err and not (report and report(err)) then return nil, err end
  end
  local ok, err = provider_models.add_prices(providers, config.prices, report)
  if not ok then return nil, err end
  return providers
end

return M
