-- Where attempts go: the endpoint of a credential for an operation, in one of the provider's
-- dialects. Endpoints that are the same for every model are made once per credential.
local core = require("core")
local suggest = require("tide.suggest")
local tables = require("tide.tables")
local template = require("tide.template")

local M = {}

local NONE = {}

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

--- What an adapter says of an operation, or of it for a family of models.
-- @tparam table adapter
-- @tparam string op
-- @tparam table|nil family of families.find()
-- @treturn table|nil { path =, stream_path =, paths =, method =, translate =, batch = }; nil where
--   there is no such operation
function M.spec(adapter, op, family)
  local own = adapter.ops[op]
  if not own then return nil end
  if type(own) ~= "table" then own = NONE end
  local of_family = family and family.ops and family.ops[op]
  if of_family == nil or of_family == true then return own end
  return of_family and tables.merged(own, of_family) or nil
end

-- As the adapter has it, where it does not leave that to its dialect.
local function own_path(spec, adapter, dialect, is_stream)
  local of_dialect = is_stream and spec.stream_paths or spec.paths
  local listed = of_dialect and of_dialect[dialect.name] or spec.paths and spec.paths[dialect.name]
  if listed then return listed end
  return dialect == adapter.dialect and (is_stream and spec.stream_path or spec.path) or nil
end

--- True where an adapter leaves an operation to its other dialects: `paths` says false.
function M.leaves_out(spec, dialect)
  return spec ~= nil and spec.paths ~= nil and spec.paths[dialect.name] == false
end

--- The path of an operation below base_url, with its placeholders; nil when there is none.
-- @tparam table adapter
-- @tparam table|nil spec of spec()
-- @tparam string op
-- @tparam table dialect
-- @tparam boolean is_stream
-- @tparam string|nil endpoint the one of several that the dialect has for the operation
function M.path(adapter, spec, op, dialect, is_stream, endpoint)
  if not spec or M.leaves_out(spec, dialect) then return nil end
  return own_path(spec, adapter, dialect, is_stream)
    or (is_stream and dialect.stream_paths or dialect.paths)[endpoint or op]
    or dialect.paths[endpoint or op] or dialect.paths[op]
end

--- True when what a client sent to that endpoint can go on as it is.
function M.has_endpoint(adapter, spec, dialect, endpoint)
  return endpoint == nil or adapter.serve ~= nil
    or (spec ~= nil and dialect.paths[endpoint] ~= nil
      and not own_path(spec, adapter, dialect, false))
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

-- "../anthropic" stands beside the last step of what is before it.
local function beside(base, path)
  base = base:gsub("/+$", "")
  while path:sub(1, 4) == "/../" or path:sub(1, 3) == "../" do
    path = path:gsub("^/?%.%./", "/")
    base = base:gsub("^(%a+://[^/]+.*)/[^/]*$", "%1")
  end
  return base, path
end

local function make(provider, credential, what)
  local adapter, values = provider.adapter, values_of(provider, what.model)
  local base, missing = template.fill(provider.base_url, values, adapter.config)
  local filled
  if base then filled, missing = template.fill(what.path, values, adapter.config) end
  if not filled then
    return nil, { field = missing, message = "needs `" .. missing .. "`, which its address has" }
  end
  local secret = credential.secret
  base, filled = beside(base, filled)
  return core.endpoint({
    url = base,
    path = with_query(filled, query_of(provider, values)),
    secret_query = secret and adapter.auth.type == "query" and { adapter.auth.name, secret } or nil,
    method = what.method or "POST",
    headers = header_lines(provider, what.dialect, secret),
    signer = credential.signer,
    ca_file = provider.ca_file,
    proxy = provider.proxy,
  })
end

--- The endpoint for one attempt.
-- @tparam table provider
-- @tparam table credential
-- @tparam string op "chat", "complete", "embed" ...
-- @tparam table dialect of the provider
-- @tparam boolean is_stream
-- @tparam string model as the provider calls it
-- @tparam string|nil path of path(), for one that is not the provider's usual one
-- @return endpoint | nil, err
function M.of(provider, credential, op, dialect, is_stream, model, path)
  local spec = M.spec(provider.adapter, op)
  path = path or M.path(provider.adapter, spec, op, dialect, is_stream)
  local what = { dialect = dialect, path = path, model = model, method = spec and spec.method }
  if depends_on_model(provider, path) then return make(provider, credential, what) end
  local key = op .. " " .. dialect.name .. " " .. path
  local known = credential.addresses[key]
  if known then return known end
  local endpoint, err = make(provider, credential, what)
  credential.addresses[key] = endpoint
  return endpoint, err
end

--- What stands before the path of an operation, without the origin: for hooks that say a path.
function M.base_path(provider, model)
  local base = template.fill(provider.base_url, values_of(provider, model), provider.adapter.config)
  return (base:match("^%a+://[^/]+([^?]*)") or ""):gsub("/+$", "")
end

return M
