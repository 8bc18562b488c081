-- What is wrong with an adapter file that can be seen without a request: beyond what loading it
-- refuses.
local check_files = require("tide.check_files")
local core = require("core")
local suggest = require("tide.suggest")
local template = require("tide.template")

local M = {}

-- ---- keys in plain text -------------------------------------------------------------------------

local AUTH_HEADERS = {
  authorization = true, ["api-key"] = true, ["x-api-key"] = true, ["x-goog-api-key"] = true,
  ["proxy-authorization"] = true, cookie = true,
}

-- How keys of many services begin.
local STARTS = {
  "^sk%-", "^gsk_", "^xai%-", "^pplx%-", "^AIza", "^AKIA", "^hf_", "^r8_", "^nvapi%-", "^key%-",
  "^ghp_", "^Bearer %S",
}

local function looks_like_key(text)
  if #text < 12 or text:find("{", 1, true) then return false end
  for _, start in ipairs(STARTS) do
    if text:find(start) then return true end
  end
  -- Long, without spaces, letters and digits mixed: nobody writes such words.
  local digits = select(2, text:gsub("%d", ""))
  return #text >= 32 and text:find("^[%w%-_]+$") ~= nil and digits >= 6 and text:find("%a") ~= nil
    and not text:find("^%x+%-%x+%-%x+%-%x+%-%x+$")
end

-- Every string of a value, with the field that it stands in.
local function each_text(value, field, visit)
  if type(value) == "string" then return visit(value, field) end
  if type(value) ~= "table" then return end
  for name, item in pairs(value) do
    each_text(item, type(name) == "string" and name or field, visit)
  end
end

local function check_keys(value, report)
  local secret = value.auth and value.auth.secret
  if secret and not secret:find("^[%a_][%w_]*$") then
    report("secret", "auth.secret is the NAME of a variable in the environment or in .env, "
      .. "never the key itself")
  end
  for name, text in pairs(value.headers or {}) do
    if AUTH_HEADERS[name:lower()] and not text:find("{", 1, true) then
      report(name, "headers: " .. name .. " carries a key: say auth = { type = \"header\", "
        .. "name = \"" .. name .. "\", secret = \"VARIABLE\" }")
    end
  end
  local own = { headers = value.headers, query = value.query, base_url = value.base_url }
  each_text(own, nil, function(text)
    if looks_like_key(text) then
      report(text, "this looks like a key in plain text: name a variable in auth.secret instead")
    end
  end)
end

-- ---- placeholders -------------------------------------------------------------------------------

local function check_text(text, field, known, report)
  for _, name in ipairs(template.names(text)) do
    if name ~= "model" and known[name] == nil then
      report(field, "{" .. name .. "} is no field of `config`"
        .. suggest.hint(name, suggest.names(known)) .. ": add config = { " .. name
        .. " = \"string!\" }, or \"string?\" and a text for when it is missing, {" .. name
        .. "|text}")
    end
  end
end

local function check_placeholders(value, config, report)
  if type(value.base_url) == "string" then
    check_text(value.base_url, "base_url", config, report)
  end
  for name, text in pairs(value.query or {}) do check_text(text, name, config, report) end
  for _, op in pairs(value.ops or {}) do
    each_text(op, "ops", function(text, field) check_text(text, field, config, report) end)
  end
end

-- ---- hooks --------------------------------------------------------------------------------------

local function check_hooks(adapter, report)
  local hooks, is_own = adapter.hooks or {}, adapter.dialect.name == "own"
  if hooks.on_end and not hooks.on_event then
    report("on_end", "on_end without on_event is never called")
  end
  if is_own and not hooks.on_event then
    report("decode", "without on_event there are no streams: clients that ask for one get the "
      .. "whole answer at once", "warning")
  end
end

local function check_address(value, adapter, report)
  local is_own = adapter.dialect.name == "own"
  if value.framing and not is_own and not value.dialect and not value.dialects then
    report("framing", "`framing` is that of `dialect`, which this file does not name", "warning")
  end
  if not adapter.serve and not value.base_url then
    report("base_url", "has no `base_url`: every provider of it must say one", "warning")
  end
  if not value.auth and not adapter.serve then
    report("auth", "says no `auth`: requests carry no key. auth = { type = \"none\" } says that "
      .. "this is meant", "warning")
  end
end

-- ---- all ----------------------------------------------------------------------------------------

--- Looks at one adapter.
-- @tparam string name
-- @tparam table entry { value =, source = } of adapters.load().files
-- @tparam table adapter resolved, of adapters.load().adapters
-- @tparam table problems of check_problems.new()
function M.check(name, entry, adapter, problems)
  local value, source = entry.value, entry.source
  local function report(field, message, severity)
    local problem = source:error_at(field, message)
    problem.severity = severity
    problems:add(problem)
  end
  check_files.one(problems, { path = "adapters/" .. name .. ".lua", name = name, kind = "adapter" })
  check_keys(value, report)
  check_placeholders(value, adapter.config, report)
  check_hooks(adapter, report)
  check_address(value, adapter, report)
end

-- Fields that an address has and that nobody must give.
local function fill_address(values, adapter, text)
  while type(text) == "string" do
    local with_model = { model = "model" }
    for name, value in pairs(values) do with_model[name] = value end
    local filled, missing = template.fill(text, with_model, adapter.config)
    if filled or values[missing] then return end
    values[missing] = "check"
  end
end

-- A value for each field that the adapter cannot do without, of which gateway.lua says nothing.
local function filled(adapter, entry)
  local values = {}
  for field, kind in pairs(adapter.config) do
    values[field] = entry[field]
    if values[field] == nil and kind:sub(-1) == "!" then
      values[field] = kind:find("^number") and 1 or "check"
    end
  end
  fill_address(values, adapter, adapter.base_url)
  for _, op in pairs(adapter.ops) do
    each_text(op, nil, function(text) fill_address(values, adapter, text) end)
  end
  return values
end

-- The provider of gateway.lua that speaks through this adapter; {} without one.
local function configured(name)
  local providers = type(core.config.providers) == "table" and core.config.providers or {}
  if providers[name] and not providers[name].extends then return providers[name] end
  for _, other in ipairs(suggest.names(providers)) do
    if providers[other] and providers[other].extends == name then return providers[other] end
  end
  return {}
end

--- The table of a provider of this adapter, in a gateway.lua with that key.
function M.provider(name, adapter, secret)
  local entry = configured(name)
  local provider = filled(adapter, entry)
  provider.base_url = not adapter.base_url and (entry.base_url or "http://127.0.0.1:9") or nil
  if adapter.auth.type == "sigv4" then
    provider.keys = { { access_key_id = "AKIACHECK", secret_access_key = secret } }
  elseif not adapter.serve then
    provider.keys = { secret }
  end
  return provider
end

return M
