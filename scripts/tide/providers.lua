-- The providers of the configuration, each an adapter with credentials and prepared endpoints.
local core = require("core")
local suggest = require("tide.suggest")

local M = {}

local ANONYMOUS = { label = "1" }

-- How many are made in one turn of the loop.
local A_TURN = 4

local function auth_header(auth, secret)
  if not secret then return nil end
  if auth.type == "header" then return { auth.name, secret } end
  return { "authorization", "Bearer ", secret }
end

local function add_headers(list, seen, headers)
  for _, name in ipairs(suggest.names(headers)) do
    local key = name:lower()
    if not seen[key] then
      seen[key] = true
      list[#list + 1] = { name, headers[name] }
    end
  end
end

-- The configuration's headers win over the adapter's, those over the gateway's own.
local function header_lines(provider, secret)
  local list, seen = {}, {}
  local auth = auth_header(provider.adapter.auth, secret)
  if auth then
    list[1] = auth
    seen[auth[1]:lower()] = true
  end
  add_headers(list, seen, provider.headers)
  add_headers(list, seen, provider.adapter.headers)
  add_headers(list, seen, {
    ["accept-encoding"] = "identity",
    ["content-type"] = "application/json",
    ["user-agent"] = "tidegate/" .. core.version,
  })
  return list
end

local function make_endpoints(provider, secret)
  local endpoints = {}
  for op, spec in pairs(provider.adapter.ops) do
    if spec and provider.adapter.serve then
      endpoints[op] = true
    elseif spec then
      local endpoint, err = core.endpoint({
        url = provider.base_url,
        path = spec.path,
        method = spec.method or "POST",
        headers = header_lines(provider, secret),
        ca_file = provider.ca_file,
        proxy = provider.proxy,
      })
      if not endpoint then return nil, err end
      endpoints[op] = endpoint
    end
  end
  return endpoints
end

local function adapter_secret(name, entry, adapter)
  local variable = adapter.auth.secret
  if not variable or name ~= adapter.name or entry.base_url then return nil end
  local secret = core.env_secret(variable)
  if not secret then
    core.log("warn", "provider " .. name .. " has no key: " .. variable .. " is not set")
  end
  return secret
end

-- Configured keys, else the adapter's own variable, else no key at all.
local function key_list(name, entry, adapter)
  if entry.keys and #entry.keys > 0 then return entry.keys end
  local secret = adapter_secret(name, entry, adapter)
  return { secret and { value = secret } or ANONYMOUS }
end

local function make_credentials(provider, entry)
  local credentials = {}
  for i, key in ipairs(key_list(provider.name, entry, provider.adapter)) do
    local endpoints, err = make_endpoints(provider, key.value)
    if not endpoints then return nil, err end
    credentials[i] = { label = key.name or tostring(i), endpoints = endpoints }
  end
  return credentials
end

-- `models` of a provider is a list of names or a table like an adapter's.
local function model_table(adapter, listed)
  if not listed then return adapter.models end
  local models = {}
  for key, value in pairs(listed) do
    if type(key) == "number" then
      models[value] = adapter.models[value] or {}
    else
      models[key] = type(value) == "table" and value or {}
    end
  end
  return models
end

local function find_adapter(name, entry, adapters)
  local wanted = entry.extends or name
  local adapter = adapters[wanted]
  if adapter then return adapter end
  local message = "unknown adapter '" .. wanted .. "'"
    .. suggest.hint(wanted, suggest.names(adapters))
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

local function make(name, entry, adapters, folder)
  local adapter, err = find_adapter(name, entry, adapters)
  if not adapter then return nil, err end
  local base_url = entry.base_url or adapter.base_url
  if not base_url and not adapter.serve then
    return nil, { path = "providers." .. name, message = "needs a base_url" }
  end
  local provider = {
    name = name,
    adapter = adapter,
    base_url = base_url and base_url:gsub("/+$", ""),
    headers = entry.headers or {},
    timeout = entry.timeout,
    retry = entry.retry,
    ca_file = place(folder, entry.ca_file),
    proxy = entry.proxy,
    models = model_table(adapter, entry.models),
  }
  provider.credentials, err = make_credentials(provider, entry)
  if not provider.credentials then
    local field = entry.base_url and ".base_url" or ""
    return nil, { path = "providers." .. name .. field, message = err.message }
  end
  return provider
end

-- Without a configuration: what the environment has keys for, and the mock.
local function zero_entries(adapters)
  local entries = { mock = {} }
  for name, adapter in pairs(adapters) do
    if adapter.auth.secret and core.env_secret(adapter.auth.secret) then entries[name] = {} end
  end
  return entries
end

--- All providers by name, or nil and { path =, message = }.
-- @tparam table config core.config
-- @tparam table adapters of adapters.load()
-- @tparam function|nil report as that of adapters.load(), called with { path =, message = }
function M.build(config, adapters, report)
  local entries = config.zero and zero_entries(adapters) or config.providers or {}
  local providers = {}
  for i, name in ipairs(suggest.names(entries)) do
    if i % A_TURN == 0 then core.next_turn() end
    local err
    if name:find("/", 1, true) then
      err = { path = "providers." .. name, message = "a provider's name may not contain '/'" }
    else
      providers[name], err = make(name, entries[name], adapters, config.folder)
    end
    if err and not (report and report(err)) then return nil, err end
  end
  return providers
end

return M
