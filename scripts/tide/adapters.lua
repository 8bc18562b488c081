-- Loads adapters/ and adapters/dialects/: the shipped files and the user's, `extends` resolved,
-- ready for the request path.
local core = require("core")
local dialects = require("tide.dialects")
local families = require("tide.families")
local guarded = require("tide.guarded")
local loader = require("tide.loader")
local operations = require("tide.operations")
local params = require("tide.params")
local suggest = require("tide.suggest")
local tables = require("tide.tables")
local usage = require("tide.usage")

local merged, joined = tables.merged, tables.joined

local M = {}

-- What says how a protocol is spoken passes on; where a service is, its keys and models do not.
local INHERITED = { "serve", "forward_headers", "variants", "framing" }

local ADDRESS = { base_url = 0 } -- as HOOKS, where it is a function

-- Which argument of a hook takes what the hook says.
local HOOKS = {
  prepare = 0, encode = 0, decode = 0, on_event = 3, on_end = 2, on_status = 0,
}

-- Without anybody who wants to hear of all problems the first one ends the loading.
local function stop() return false end

local function names_in(folder)
  local names = {}
  for i, entry in ipairs(core.modules(folder)) do names[i] = entry:gsub("%.lua$", "") end
  return names
end

-- Adds a file to `loaded`; returns what is wrong with it.
local function load_one(folder, kind, name, loaded)
  local value, err, source = loader.load({
    path = folder .. "/" .. name .. ".lua", name = name, kind = kind,
  })
  if value and value.name and value.name ~= name then
    err = source:error_at("name", "name must be '" .. name .. "', as the file is")
  end
  if value then loaded[name] = { value = value, source = source } end
  return err
end

local function load_folder(folder, kind, report, is_needed)
  local loaded = {}
  for _, name in ipairs(names_in(folder)) do
    local err = is_needed(name) and load_one(folder, kind, name, loaded)
    if err and not report(err) then return nil, err end
  end
  return loaded
end

local function always() return true end

-- The files of the user, so that a broken one is found at once, and what is asked for.
local function needed_adapters(wanted)
  if not wanted then return always end
  return function(name)
    local _, _, is_user = core.source("adapters/" .. name .. ".lua")
    return is_user or wanted[name] ~= nil
  end
end

-- What the loaded ones extend is needed, too.
local function add_parents(files, report)
  local existing, open = {}, suggest.names(files)
  for _, name in ipairs(names_in("adapters")) do existing[name] = true end
  while #open > 0 do
    local parent = files[table.remove(open)].value.extends
    if parent and existing[parent] and not files[parent] then
      local err = load_one("adapters", "adapter", parent, files)
      if err and not report(err) then return err end
      if files[parent] then open[#open + 1] = parent end
    end
  end
end

local function merge_errors(parent, child)
  parent, child = parent or {}, child or {}
  local result = merged(parent, child)
  result.map = merged(parent.map, child.map)
  result.status = merged(parent.status, child.status)
  result.match = joined(child.match, parent.match)
  return result
end

local function first_dialect(adapter)
  return adapter.dialect or (adapter.dialects or {})[1]
end

-- Fields of bodies and places of counts mean nothing in another dialect; its paths are its own.
local function in_another_dialect(parent, speaks)
  local result = merged(parent)
  result.params, result.usage, result.framing = nil, nil, nil
  result.ops = merged(parent.ops)
  local chat = result.ops.chat
  if chat then result.ops.chat = { path = chat.paths and chat.paths[speaks] } end
  return result
end

-- Paths that are inherited may ask for what the parent asks for; where nothing of them does, a
-- provider need not say it.
local function optional(config)
  local result = {}
  for name, kind in pairs(config or {}) do result[name] = kind:gsub("!$", "?") end
  return result
end

-- Few of those who speak a protocol of chats moderate as well.
local function inherited_ops(parent, own)
  if not (own.ops or parent.ops) then return nil end
  local result = merged(parent.ops, own.ops)
  result.moderate = own.ops and own.ops.moderate
  return result
end

local function inherit(parent, own)
  local speaks = first_dialect(own)
  if speaks and first_dialect(parent) and speaks ~= first_dialect(parent) then
    parent = in_another_dialect(parent, speaks)
  end
  local result = merged(own)
  for _, field in ipairs(INHERITED) do
    if result[field] == nil then result[field] = parent[field] end
  end
  if not (own.dialect or own.dialects) then
    result.dialect = first_dialect(parent) -- and none of the others
  end
  result.ops = inherited_ops(parent, own)
  result.families = joined(own.families, parent.families)
  result.config = merged(optional(parent.config), own.config)
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
      local hint = suggest.hint(own.extends, names_in("adapters"))
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
  if type(own.base_url) == "function" then
    result.base_url = guarded.functions(own, entry.source, ADDRESS).base_url
  end
  result.hooks = merged(parent and parent.hooks, guarded.functions(own, entry.source, HOOKS))
  open[name] = nil
  done[name] = result
  return result
end

local function compile_dialects(files, report)
  local compiled = {}
  for name, entry in pairs(files) do
    local ok, dialect = pcall(dialects.compile, name, entry)
    if ok then
      compiled[name] = dialect
    else
      local err = field_error(entry, "watch", tostring(dialect))
      if not report(err) then return nil, err end
    end
  end
  return compiled
end

local function unknown_dialect(entry, field, name, known)
  local hint = suggest.hint(name, suggest.names(known))
  return nil, field_error(entry, field, "unknown dialect '" .. name .. "'" .. hint)
end

-- The names of an adapter's dialects: the first is what is spoken to it where there is a choice.
local function dialect_names(adapter)
  local names, seen = {}, {}
  for _, name in ipairs(joined({ adapter.dialect }, adapter.dialects)) do
    if not seen[name] then names[#names + 1] = name end
    seen[name] = true
  end
  return names
end

-- The adapter's dialects, the first of them in front; nil and an error.
local function dialects_of(adapter, entry, known)
  local names, list, hooks = dialect_names(adapter), {}, adapter.hooks
  for i, name in ipairs(names) do
    local field = i == 1 and adapter.dialect and "dialect" or "dialects"
    if not known[name] then return unknown_dialect(entry, field, name, known) end
    list[i] = known[name]
  end
  if #list > 0 then return list end
  if hooks.encode and (hooks.on_event or hooks.decode) then return { dialects.own } end
  local field = hooks.encode and "encode" or "dialect"
  return nil, field_error(entry, field, "needs `dialect` or `extends`, or says with the hooks "
    .. "`encode` and `on_event` or `decode` how it is spoken")
end

local function by_name(list)
  local result = {}
  for _, dialect in ipairs(list) do result[dialect.name] = dialect end
  return result
end

-- What a dialect alone says of its operations; completions and embeddings are OpenAI's.
local function default_ops(list)
  local ops = {}
  for _, dialect in ipairs(list) do
    for op in pairs(dialect.paths) do
      if operations.known[op] then ops[op] = ops[op] or {} end
    end
  end
  return ops
end

-- Only what the adapter's own file says: what it inherits may speak of dialects that it has not.
local function families_problem(entry, list, all)
  local known = by_name(list)
  for _, family in ipairs(entry.value.families or {}) do
    for _, name in ipairs(family.dialects or {}) do
      if not all[name] then
        local hint = suggest.hint(name, suggest.names(all))
        return field_error(entry, "dialects", "families: unknown dialect '" .. name .. "'" .. hint)
      end
    end
    local via = family.via
    if via and not known[via.dialect] then
      return field_error(entry, "via", "families: `via` names the dialect '"
        .. tostring(via.dialect) .. "', which is not in `dialects`")
    end
  end
end

-- What an adapter is when it does not say.
local DEFAULTS = {
  auth = { type = "none" }, headers = {}, query = {}, config = {}, models = {}, model_map = {},
}

-- Tokens are counted for clients of those dialects that have a path for it.
local function counts(list)
  for _, dialect in ipairs(list) do
    if dialect.paths.count then return true end
  end
end

local function usages(adapter, list)
  local result = {}
  for i, dialect in ipairs(list) do
    -- Places differ from dialect to dialect: the adapter's are those of its first one.
    result[dialect.name] = usage.compile(i == 1 and adapter.usage or nil, dialect.usage_places)
  end
  return result
end

local function add_families_usages(adapter)
  for _, family in ipairs(adapter.families.list) do
    for name, dialect in pairs(family.dialects and family.dialects.by_name or {}) do
      adapter.usages[name] = adapter.usages[name] or usage.compile(nil, dialect.usage_places)
    end
  end
end

-- Where an adapter knows more of errors inside an answer than its dialects do; nil elsewhere, and
-- with a message where its rules are wrong.
local function watches(adapter, list)
  local inside = adapter.errors.inside
  if not inside then return nil end
  local result = {}
  for _, dialect in ipairs(list) do
    local ok, watch = pcall(dialects.watch_with, dialect, inside)
    if not ok then return nil, tostring(watch) end
    result[dialect.name] = watch
  end
  return result
end

local function finish(adapter, entry, known)
  local list, err = dialects_of(adapter, entry, known)
  if not list then return nil, err end
  err = families_problem(entry, list, known)
  if err then return nil, err end
  local names = by_name(list)
  local result = merged(DEFAULTS, adapter)
  result.dialect, result.dialects = list[1], names
  result.ops = merged({ count = counts(list) }, adapter.ops or default_ops(list))
  result.families = families.compile(adapter.families, adapter.params, names, known)
  result.params = result.families.none.params
  result.asks_usage = params.asks_usage(adapter.params)
  result.usages = usages(adapter, list)
  add_families_usages(result)
  result.usage = result.usages[list[1].name]
  result.watches, err = watches(adapter, list)
  if err then return nil, field_error(entry, "inside", err) end
  result.hooks = next(adapter.hooks) and adapter.hooks or nil
  return result
end

-- The adapter, with what it is where the configuration has a certain field: by that field's name.
local function finish_all(adapter, entry, known)
  local result, err = finish(adapter, entry, known)
  if not result then return nil, err end
  result.variants = {}
  for _, field in ipairs(suggest.names(adapter.variants or {})) do
    local own = inherit(adapter, adapter.variants[field])
    local variant = merged(adapter, own)
    if own.dialects then variant.dialect = own.dialect end
    result.variants[field], err = finish(variant, entry, known)
    if err then return nil, err end
  end
  return result
end

local function read_files(report, wanted)
  local dialect_files, err = load_folder("adapters/dialects", "dialect", report, always)
  if not dialect_files then return nil, nil, err end
  local files
  files, err = load_folder("adapters", "adapter", report, needed_adapters(wanted))
  err = err or add_parents(files, report)
  if err then return nil, nil, err end
  return dialect_files, files
end

--- Reads and resolves adapters, and every dialect.
-- @tparam function|nil report called with each thing that is wrong, { file =, line =, message = };
--   when it returns true the loading goes on with what is right
-- @tparam table|nil previous what this returned for the generation before: returned again when no
--   file has changed
-- @tparam table|nil wanted set of names: of the shipped adapters these alone and what they extend;
--   nil: all
-- @treturn table|nil { adapters = { name = adapter }, dialects = { name = dialect }, ... }
-- @treturn nil|table what was wrong first, when there is no `report`
function M.load(report, previous, wanted)
  report = report or stop
  local dialect_files, files, err = read_files(report, wanted)
  if not dialect_files then return nil, err end
  if previous and loader.are_same(files, previous.files)
    and loader.are_same(dialect_files, previous.dialect_files) then
    return previous
  end
  local compiled
  compiled, err = compile_dialects(dialect_files, report)
  if not compiled then return nil, err end
  local adapters, done = {}, {}
  for _, name in ipairs(suggest.names(files)) do
    local resolved
    resolved, err = resolve(name, files, done, {})
    if resolved then adapters[name], err = finish_all(resolved, files[name], compiled) end
    core.next_turn()
    if not adapters[name] and not report(err) then return nil, err end
  end
  return {
    adapters = adapters, dialects = compiled, files = files, dialect_files = dialect_files,
  }
end

--- The names of all adapters, loaded or not.
function M.names()
  return names_in("adapters")
end

return M
