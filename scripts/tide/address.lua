-- Where attempts go: the endpoint of a credential for an operation, in one of the provider's
-- dialects. Endpoints that are the same for every model are made once per credential.
local core = require("core")
local suggest = require("tide.suggest")
local template = require("tide.template")

local M = {}

local function auth_header(auth, secret)
  if not secret or auth.type == "query" then return nil end
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

-- The configuration's headers win over the adapter's, those over its dialect's and the gateway's.
local function header_lines(provider, dialect, secret)
  local list, seen = {}, {}
  local auth = auth_header(provider.adapter.auth, secret)
  if auth then
    list[1] = auth
    seen[auth[1]:lower()] = true
  end
  add_headers(list, seen, provider.headers)
  add_headers(list, seen, provider.adapter.headers)
  add_headers(list, seen, dialect.headers)
  add_headers(list, seen, {
    ["accept-encoding"] = "identity",
    ["content-type"] = "application/json",
    ["user-agent"] = "tidegate/" .. core.version,
  })
  return list
end

--- The path of an operation below base_url, with its placeholders; nil when there is none.
function M.path(adapter, op, dialect, is_stream)
  local spec = adapter.ops[op]
  if not spec then return nil end
  if type(spec) ~= "table" then spec = {} end
  local listed = spec.paths and spec.paths[dialect.name]
  if listed then return listed end
  local own = dialect == adapter.dialect and (is_stream and spec.stream_path or spec.path)
  if own then return own end
  return is_stream and dialect.stream_paths[op] or dialect.paths[op]
end

-- Fills in; an optional field of the query that has no value is left out.
local function query_of(provider, values)
  local parts = {}
  for _, name in ipairs(suggest.names(provider.adapter.query)) do
    local value = template.fill(provider.adapter.query[name], values, provider.adapter.config)
    if value and value ~= "" then
      parts[#parts + 1] = template.encode(name) .. "=" .. template.encode(value)
    end
  end
  return table.concat(parts, "&")
end

local function with_query(path, query)
  if query == "" then return path end
  return path .. (path:find("?", 1, true) and "&" or "?") .. query
end

local function values_of(provider, model)
  local values = {}
  for name, value in pairs(provider.values) do values[name] = value end
  values.model = template.encode(model)
  return values
end

local function depends_on_model(provider, path)
  if template.has(path, "model") or template.has(provider.base_url, "model") then return true end
  for _, text in pairs(provider.adapter.query) do
    if template.has(text, "model") then return true end
  end
  return false
end

local function make(provider, credential, dialect, path, op, model)
  local adapter, values = provider.adapter, values_of(provider, model)
  local base, missing = template.fill(provider.base_url, values, adapter.config)
  local filled
  if base then filled, missing = template.fill(path, values, adapter.config) end
  if not filled then
    return nil, { field = missing, message = "needs `" .. missing .. "`, which its address has" }
  end
  local secret = credential.secret
  return core.endpoint({
    url = base:gsub("/+$", ""),
    path = with_query(filled, query_of(provider, values)),
    secret_query = secret and adapter.auth.type == "query" and { adapter.auth.name, secret } or nil,
    method = type(adapter.ops[op]) == "table" and adapter.ops[op].method or "POST",
    headers = header_lines(provider, dialect, secret),
    signer = credential.signer,
    ca_file = provider.ca_file,
    proxy = provider.proxy,
  })
end

--- The endpoint for one attempt.
-- @tparam table provider
-- @tparam table credential
-- @tparam string op "chat", "complete", "embed" or "count"
-- @tparam table dialect of the provider
-- @tparam boolean is_stream
-- @tparam string model as the provider calls it
-- @return endpoint | nil, err
function M.of(provider, credential, op, dialect, is_stream, model)
  local path = M.path(provider.adapter, op, dialect, is_stream)
  if depends_on_model(provider, path) then
    return make(provider, credential, dialect, path, op, model)
  end
  local key = op .. " " .. dialect.name .. " " .. path
  local known = credential.addresses[key]
  if known then return known end
  local endpoint, err = make(provider, credential, dialect, path, op, model)
  credential.addresses[key] = endpoint
  return endpoint, err
end

--- What stands before the path of an operation, without the origin: for hooks that say a path.
function M.base_path(provider, model)
  local base = template.fill(provider.base_url, values_of(provider, model), provider.adapter.config)
  return (base:match("^%a+://[^/]+([^?]*)") or ""):gsub("/+$", "")
end

return M
