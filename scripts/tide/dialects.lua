-- Wire protocols as the request path uses them: what the files of adapters/dialects/ say, compiled.
local core = require("core")
local framing = require("tide.framing")
local guarded = require("tide.guarded")
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

--- Compiles one dialect; raises when `watch` is wrong.
-- @tparam string name
-- @tparam table entry { value = what the file returned, source = of loader.load() }
-- @treturn table what the file says, its functions guarded where they are a user's, and watch of
--   core.watch(), usage of usage.compile(), raw = set of raw members or nil, is_complete for
--   providers (`speaks`) and for clients (`serves`)
function M.compile(name, entry)
  local value, source = entry.value, entry.source
  local dialect = {}
  for field, item in pairs(value) do dialect[field] = item end
  local functions = guarded.functions(value, source, OUTLETS)
  for field, fn in pairs(functions) do dialect[field] = fn end
  dialect.name = name
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
  dialect.speaks = has_all(functions, TO_PROVIDER)
  dialect.serves = has_all(functions, OF_CLIENT)
  return dialect
end

--- Stands for the protocol of an adapter that has none: its hooks alone know it.
-- Without `watch` the codec says what an event means; it counts in our words.
M.own = {
  name = "own", paths = {}, stream_paths = {}, headers = {},
  usage_places = {
    input = "input", output = "output", cached = "cached", cache_write = "cache_write",
    reasoning = "reasoning",
  },
  framing = "sse", content_type = framing.types.sse, speaks = true, serves = false,
}

return M
