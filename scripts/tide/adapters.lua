-- Loads adapters/ and adapters/dialects/: the shipped files and the user's, `extends` resolved,
-- ready for the request path.
local core = require("core")
local loader = require("tide.loader")
local params = require("tide.params")
local suggest = require("tide.suggest")
local usage = require("tide.usage")

local M = {}

-- What says how a protocol is spoken passes on; where a service is, its keys and models do not.
local INHERITED = { "dialect", "ops", "serve" }

-- Without anybody who wants to hear of all problems the first one ends the loading.
local function stop() return false end

local function load_folder(folder, kind, report)
  local loaded = {}
  for _, entry in ipairs(core.modules(folder)) do
    local name = entry:gsub("%.lua$", "")
    local value, err, source = loader.load({
      path = folder .. "/" .. name .. ".lua", name = name, kind = kind,
    })
    if value and value.name and value.name ~= name then
      err = source:error_at("name", "name must be '" .. name .. "', as the file is")
    end
    if err and not report(err) then return nil, err end
    if value then loaded[name] = { value = value, source = source } end
  end
  return loaded
end

local function merged(parent, child)
  local result = {}
  for key, value in pairs(parent or {}) do result[key] = value end
  for key, value in pairs(child or {}) do result[key] = value end
  return result
end

local function merge_errors(parent, child)
  parent, child = parent or {}, child or {}
  local match = {}
  for _, rule in ipairs(child.match or {}) do match[#match + 1] = rule end
  for _, rule in ipairs(parent.match or {}) do match[#match + 1] = rule end
  return {
    map = merged(parent.map, child.map),
    status = merged(parent.status, child.status),
    match = match,
  }
end

local function inherit(parent, own)
  local result = merged(own)
  for _, field in ipairs(INHERITED) do
    if result[field] == nil then result[field] = parent[field] end
  end
  result.ops = merged(parent.ops, own.ops)
  result.params = merged(parent.params, own.params)
  result.usage = merged(parent.usage, own.usage)
  result.errors = merge_errors(parent.errors, own.errors)
  return result
end

local function field_error(entry, field, message)
  return entry.source:error_at(field, message)
end

-- Depth first; `open` holds the names between here and the adapter that was asked for.
local function resolve(name, files, done, open)
  if done[name] then return done[name] end
  local entry = files[name]
  local own, parent = entry.value, nil
  open[name] = true
  if own.extends then
    if not files[own.extends] then
      local hint = suggest.hint(own.extends, suggest.names(files))
      return nil, field_error(entry, "extends", "unknown adapter '" .. own.extends .. "'" .. hint)
    end
    if open[own.extends] then
      return nil, field_error(entry, "extends", "'" .. own.extends .. "' extends this adapter")
    end
    local err
    parent, err = resolve(own.extends, files, done, open)
    if not parent then return nil, err end
  end
  local result = inherit(parent or {}, own)
  result.name = name
  open[name] = nil
  done[name] = result
  return result
end

local function compile_dialects(files, report)
  local dialects = {}
  for name, entry in pairs(files) do
    local value = entry.value
    local ok, watch = pcall(core.watch, value.watch)
    if ok then
      local dialect = merged(value)
      dialect.name, dialect.watch = name, watch
      dialects[name] = dialect
    else
      local err = field_error(entry, "watch", tostring(watch))
      if not report(err) then return nil, err end
    end
  end
  return dialects
end

local function finish(adapter, entry, dialects)
  local dialect = dialects[adapter.dialect or ""]
  if not dialect then
    local hint = suggest.hint(adapter.dialect or "", suggest.names(dialects))
    local what = adapter.dialect and "unknown dialect '" .. adapter.dialect .. "'" .. hint
      or "needs `dialect` or `extends`"
    return nil, field_error(entry, "dialect", what)
  end
  return {
    name = adapter.name,
    dialect = dialect,
    base_url = adapter.base_url,
    auth = adapter.auth or { type = "none" },
    headers = adapter.headers or {},
    ops = adapter.ops,
    models = adapter.models or {},
    errors = adapter.errors,
    params = params.compile(adapter.params),
    asks_usage = params.asks_usage(adapter.params),
    usage = usage.compile(adapter.usage),
    serve = adapter.serve,
  }
end

-- The loader gives a file that has not changed the same source again.
local function are_same(files, others)
  for name, entry in pairs(files) do
    if not others[name] or others[name].source ~= entry.source then return false end
  end
  for name in pairs(others) do
    if not files[name] then return false end
  end
  return true
end

--- Reads and resolves every adapter and dialect.
-- @tparam function|nil report called with each thing that is wrong, { file =, line =, message = };
--   when it returns true the loading goes on with what is right
-- @tparam table|nil previous what this returned for the generation before: returned again when no
--   file has changed
-- @treturn table|nil { adapters = { name = adapter }, dialects = { name = dialect }, ... }
-- @treturn nil|table what was wrong first, when there is no `report`
function M.load(report, previous)
  report = report or stop
  local dialect_files, err = load_folder("adapters/dialects", "dialect", report)
  if not dialect_files then return nil, err end
  local files
  files, err = load_folder("adapters", "adapter", report)
  if not files then return nil, err end
  if previous and are_same(files, previous.files)
    and are_same(dialect_files, previous.dialect_files) then
    return previous
  end
  local dialects
  dialects, err = compile_dialects(dialect_files, report)
  if not dialects then return nil, err end
  local adapters, done = {}, {}
  for _, name in ipairs(suggest.names(files)) do
    local resolved
    resolved, err = resolve(name, files, done, {})
    if resolved then adapters[name], err = finish(resolved, files[name], dialects) end
    core.next_turn()
    if not adapters[name] and not report(err) then return nil, err end
  end
  return {
    adapters = adapters, dialects = dialects, files = files, dialect_files = dialect_files,
  }
end

return M
