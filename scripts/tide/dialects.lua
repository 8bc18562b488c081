-- Wire protocols as the request path uses them: what the files of adapters/dialects/ say, compiled.
local core = require("core")
local framing = require("tide.framing")
local guarded = require("tide.guarded")
local tables = require("tide.tables")
local usage = require("tide.usage")

local M = {}

-- The functions of a dialect file, and which argument takes what they say.
local OUTLETS = {
  decode_request = 0, encode_request = 0, decode_answer = 2, encode_answer = 0, decode_event = 2,
  end_events = 1, encode_event = 2, end_stream = 1, error_body = 0, error_event = 0,
  read_error = 0, error_headers = 0, list_models = 0, show_model = 0, decode_count = 0,
  encode_count = 0,
}

-- A translation to a provider, and from a client, needs all of these.
local TO_PROVIDER = { "encode_request", "decode_answer", "decode_event" }
local OF_CLIENT = { "decode_request", "encode_answer", "encode_event" }

-- Those of an operation besides chat.
local OF_OPERATION = {
  decode_request = 0, encode_request = 0, decode_answer = 0, encode_answer = 0,
}

local function has_all(functions, names)
  for _, name in ipairs(names) do
    if not functions[name] then return false end
  end
  return true
end

-- A client must get an error in any case, also when the user's function for it fails; `form` is how
-- the text is then written.
local function never_failing(write, source, form)
  if not (write and source.is_user) then return write end
  return function(...)
    local err = ...
    local ok, text, name = pcall(write, ...)
    if ok and type(text) == "string" then
      return text, type(name) == "string" and name or nil
    end
    core.log("error", source.path .. ": an error could not be written: " .. guarded.text_of(text))
    return form:format(core.encode({ error = { message = err.message, type = err.type } }))
  end
end

local function set_of(names)
  local set = {}
  for _, name in ipairs(names or {}) do set[name] = true end
  return next(set) and set or nil
end

-- "meta.billed_units.input_tokens" as the member that the watch finds, and the place in it; a count
-- that stands at the top is found in the whole body.
local function split_place(path)
  return path:match("^[^.]+"), path:match("^[^.]+%.(.+)$") or path
end

-- The counts of an operation's answers: the member of the body that has all of them, and where they
-- stand in it.
local function usage_of(name, spec)
  local root
  local places = {}
  for kind, paths in pairs(spec) do
    if type(paths) == "boolean" then
      places[kind] = paths
    else
      places[kind] = {}
      for i, path in ipairs(type(paths) == "string" and { paths } or paths) do
        local first, rest = split_place(path)
        root = root or first
        if first ~= root then
          error("operations." .. name .. ".usage: all of it must stand in one member of the body, "
            .. "not in '" .. root .. "' and '" .. first .. "'", 0)
        end
        places[kind][i] = rest
      end
    end
  end
  return root, places
end

-- What may be asked besides chat. `watch` and `usage` are for answers that are passed through,
-- `errors` for those that are translated: their counts the codec tells.
local function compile_operation(name, value, source, rules)
  local op = {}
  for field, item in pairs(value) do op[field] = item end
  local functions = guarded.functions(value, source, OF_OPERATION)
  for field, fn in pairs(functions) do op[field] = fn end
  op.raw = set_of(value.raw_members)
  op.speaks = has_all(functions, { "encode_request", "decode_answer" })
  op.serves = has_all(functions, { "decode_request", "encode_answer" })
  local failures, passes_early = rules and rules.error, value.passes_early
  op.errors = core.watch({ error = failures })
  op.usage = nil
  if value.usage then
    local root, places = usage_of(name, value.usage)
    op.watch = core.watch({ usage = root, error = failures }, passes_early)
    op.usage = usage.compile(nil, places)
  elseif passes_early then
    op.watch = core.watch({ usage = rules and rules.usage, error = failures }, true)
  end
  return op
end

local function compile_operations(value, source)
  local result = {}
  for op, spec in pairs(value.operations or {}) do
    result[op] = compile_operation(op, spec, source, value.watch)
  end
  return result
end

--- Compiles one dialect; raises when `watch` is wrong.
-- @tparam string name
-- @tparam table entry { value = what the file returned, source = of loader.load() }
-- @treturn table what the file says, its functions guarded where they are a user's, and watch of
--   core.watch(), usage of usage.compile(), raw = set of raw members or nil, `speaks`: it can be
--   translated to, `serves`: from; operations likewise
function M.compile(name, entry)
  local value, source = entry.value, entry.source
  local dialect = {}
  for field, item in pairs(value) do dialect[field] = item end
  local functions = guarded.functions(value, source, OUTLETS)
  for field, fn in pairs(functions) do dialect[field] = fn end
  dialect.name = name
  dialect.rules = value.watch
  dialect.watch = value.watch and core.watch(value.watch)
  dialect.usage_places = value.usage or {}
  dialect.usage = usage.compile(nil, value.usage)
  dialect.raw = set_of(value.raw_members)
  dialect.framing = value.framing or "sse"
  dialect.error_body = never_failing(functions.error_body, source, "%s")
  dialect.error_event = never_failing(functions.error_event, source,
    dialect.framing == "sse" and "data: %s\n\n" or "%s")
  dialect.paths, dialect.stream_paths = value.paths or {}, value.stream_paths or {}
  dialect.headers = value.headers or {}
  dialect.content_type = value.content_type or framing.types[dialect.framing]
  dialect.operations = compile_operations(value, source)
  dialect.speaks = has_all(functions, TO_PROVIDER)
  dialect.serves = has_all(functions, OF_CLIENT)
  return dialect
end

--- What core.watch() makes of a dialect's rules and others about errors.
-- @tparam table dialect of compile()
-- @tparam table inside list of rules
function M.watch_with(dialect, inside)
  local rules = tables.merged(dialect.rules)
  local own = rules.error
  if type(own) ~= "table" or own[1] == nil then own = { own } end
  rules.error = tables.joined(own, inside)
  return core.watch(rules)
end

--- Stands for the protocol of an adapter that has none: its hooks alone know it.
-- Without `watch` the codec says what an event means; it counts in our words.
M.own = {
  name = "own", paths = {}, stream_paths = {}, headers = {}, operations = {},
  usage_places = {
    input = "input", output = "output", cached = "cached", cache_write = "cache_write",
    reasoning = "reasoning",
  },
  framing = "sse", content_type = framing.types.sse, speaks = true, serves = false,
}

--- How answers are counted whose codec tells it.
function M.own_usage()
  return usage.compile(nil, M.own.usage_places)
end

return M
