-- tide.adapter and tide.dialect: what those files may say.
local schema = require("tide.schema")
local suggest = require("tide.suggest")

local M = {}

-- base/error.h; an adapter maps a provider's own words to these.
local KINDS = {
  auth = true, bad_request = true, content_filter = true, context_length = true, no_target = true,
  overloaded = true, quota = true, rate_limited = true, timeout = true, too_large = true,
  upstream_4xx = true, upstream_5xx = true,
}

local OP = { either = "boolean", fields = { path = "string", method = "string" } }
local PATHS = { either = "string", list = "string" }

local ADAPTER = {
  fields = {
    name = "string",
    api = "number",
    extends = "string",
    dialect = "string",
    base_url = "string",
    auth = { fields = { type = "string", name = "string", secret = "string" } },
    headers = { map = "string" },
    ops = { fields = { chat = OP, complete = OP, embed = OP } },
    params = {
      fields = {
        rename = { map = "string" },
        drop = { list = "string" },
        clamp = { map = { list = "number" } },
        default = { map = "any" },
        inject_stream = {
          either = "boolean",
          fields = { stream_options = { fields = { include_usage = "boolean" } } },
        },
      },
      later = { require = true },
    },
    models = {
      map = {
        fields = {
          reasoning = "boolean", context = "number", input = "number", output = "number",
          caps = { list = "string" },
        },
      },
    },
    errors = {
      fields = {
        map = { map = "string" },
        status = { map = "string" },
        match = {
          list = { fields = { status = "number", contains = "string", kind = "string" } },
        },
      },
      later = { path = true, type = true, code = true, message = true, retry_after = true },
    },
    usage = {
      fields = {
        input = PATHS, output = PATHS, cached = PATHS, cache_write = PATHS, reasoning = PATHS,
        reasoning_excluded = "boolean",
      },
    },
    serve = "function",
  },
  later = {
    query = true, config = true, framing = true, dialects = true, model_map = true, limits = true,
    prepare = true, encode = true, sign = true, on_status = true, decode = true, on_event = true,
    on_end = true, health = true, list_models = true, forward_headers = true,
  },
}

-- A path, one rule or a list of them; core.watch() looks closer.
local RULES = "string|table"

local DIALECT = {
  fields = {
    name = "string",
    api = "number",
    watch = {
      fields = {
        content = RULES, finish = RULES, usage = RULES, terminal = RULES, error = RULES,
        choices = "string", index = "string",
      },
    },
    terminal_bytes = "string",
    error_body = "function",
    error_event = "function",
  },
}

local AUTH_TYPES = { bearer = true, header = true, none = true }

local refuse = schema.refuse

local function check_kind(kind)
  if not KINDS[kind] then
    local hint = suggest.hint(kind, suggest.names(KINDS))
    refuse(kind, "errors: '" .. kind .. "' is no kind of error" .. hint)
  end
end

local function check_errors(errors)
  for _, kind in pairs(errors.map or {}) do check_kind(kind) end
  for _, kind in pairs(errors.status or {}) do check_kind(kind) end
  for _, rule in ipairs(errors.match or {}) do
    if not (rule.contains and rule.kind) then
      refuse("match", "errors.match: a rule needs `contains` and `kind`")
    end
    check_kind(rule.kind)
  end
end

local function check_auth(auth)
  if not AUTH_TYPES[auth.type] then
    refuse("type", "auth.type must be bearer, header or none in this version")
  end
  if auth.type == "header" and not auth.name then
    refuse("auth", "auth.type = \"header\" needs the header's `name`")
  end
end

local function check_clamps(clamps)
  for name, range in pairs(clamps or {}) do
    if #range ~= 2 or range[1] > range[2] then
      refuse(name, "params.clamp." .. name .. " must be { lowest, highest }")
    end
  end
end

--- tide.adapter: returns the table, or raises { field =, message = }.
function M.adapter(value)
  schema.demand(value, ADAPTER, "tide.adapter")
  if value.auth then check_auth(value.auth) end
  if value.errors then check_errors(value.errors) end
  if value.params then check_clamps(value.params.clamp) end
  return value
end

--- tide.dialect: the same for a wire protocol.
function M.dialect(value)
  schema.demand(value, DIALECT, "tide.dialect")
  for _, name in ipairs({ "watch", "error_body", "error_event" }) do
    if not value[name] then refuse("dialect", "a dialect needs `" .. name .. "`") end
  end
  return value
end

return function(tide)
  tide.adapter = M.adapter
  tide.dialect = M.dialect
end
