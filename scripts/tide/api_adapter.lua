-- tide.adapter and tide.dialect: what those files may say.
local classify = require("tide.classify")
local model_entry = require("tide.model_entry")
local provider_settings = require("tide.provider_settings")
local schema = require("tide.schema")
local suggest = require("tide.suggest")

local M = {}

local OP = {
  either = "boolean",
  fields = {
    path = "string", stream_path = "string", method = "string", paths = { map = "string|boolean" },
    stream_paths = { map = "string" },
    translate = "boolean", -- also for clients of the provider's own dialect
    batch = "number",      -- the most inputs of one request
  },
}
local OPS = {
  fields = { chat = OP, complete = OP, embed = OP, count = OP, rerank = OP, moderate = OP },
}
local PATHS = { either = "string", list = "string" }

local USAGE = {
  fields = {
    input = PATHS, output = PATHS, cached = PATHS, cache_write = PATHS, reasoning = PATHS,
    reasoning_excluded = "boolean",
    cache_excluded = "boolean", input_more = PATHS, total = PATHS,
    billed_input = PATHS, billed_output = PATHS,
  },
}

local PARAMS = {
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
}

local FAMILY = {
  fields = {
    models = { list = "string" },
    reasoning = "boolean",
    params = PARAMS,
    traits = { map = "any" },
    dialects = { list = "string" }, -- instead of the adapter's
    ops = OPS,                      -- field by field
    via = { fields = { dialect = "string", when = "string" } },
  },
}

local AUTH = {
  fields = {
    type = "string", name = "string", secret = "string",
    service = "string", keys = { list = "string" },
  },
}

-- What may be otherwise where the provider's configuration has a field.
local VARIANT = {
  fields = {
    dialects = { list = "string" }, auth = AUTH, query = { map = "string" }, params = PARAMS,
    ops = OPS,
  },
}

local ADAPTER = {
  fields = {
    name = "string",
    api = "number",
    extends = "string",
    dialect = "string",
    dialects = { list = "string" },
    framing = "string",
    base_url = "string|function",
    auth = AUTH,
    headers = { map = "string" },
    variants = { map = VARIANT },
    ops = OPS,
    params = PARAMS,
    families = { list = FAMILY },
    models = { map = model_entry.shape },
    models_of = "string", -- whose table of models holds, where it is not its own
    errors = {
      fields = {
        path = { list = "string" }, type = "string", code = "string", message = "string",
        retry_after = { list = "string" },
        inside = {
          list = {
            fields = { path = "string", equals = "string|boolean", unless = "string|number" },
          },
        },
        map = { map = "string" },
        status = { map = "string" },
        match = {
          list = { fields = { status = "number", contains = "string", kind = "string" } },
        },
      },
    },
    forward_headers = { list = "string" },
    query = { map = "string" },
    config = { map = "string" },
    model_map = { map = "string" },
    prepare = "function", encode = "function", decode = "function", on_event = "function",
    on_end = "function", on_status = "function",
    usage = USAGE,
    serve = "function",
  },
  later = {
    limits = true, sign = true, health = true, list_models = true,
  },
}

-- A path, one rule or a list of them; core.watch() looks closer.
local RULES = "string|table"

local REQUEST = {
  fields = {
    model = "string", stream = "string", messages = "string", choices = "string",
    needs = { list = "string" }, one_in_streams = "boolean", streams_by_default = "boolean",
    inputs = { list = "string" }, -- members whose items limits.inputs counts
    format = "string",            -- where embeddings are asked for as base64
    streams_with = { list = "string" }, -- without all of these no stream is meant
    tag = "string",                     -- what names of models may end with
  },
}

local OPERATION = {
  fields = {
    request = REQUEST, raw_members = { list = "string" }, usage = USAGE,
    endpoint = "string",       -- of `paths`, where translated requests go
    model_within = "boolean",  -- the body names the model elsewhere, too
    passes_early = "boolean",  -- large answers go on while they come
    decode_request = "function", encode_request = "function",
    decode_answer = "function", encode_answer = "function",
  },
}

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
    usage = USAGE,
    terminal_bytes = "string",
    content_type = "string",
    framing = "string",
    operations = { map = OPERATION },
    paths = { map = "string" },
    stream_paths = { map = "string" },
    headers = { map = "string" },
    request = REQUEST,
    raw_members = { list = "string" },
    decode_request = "function", encode_request = "function",
    decode_answer = "function", encode_answer = "function",
    decode_event = "function", end_events = "function",
    encode_event = "function", end_stream = "function",
    error_body = "function", error_event = "function", read_error = "function",
    error_headers = "function",
    list_models = "function", show_model = "function",
    needs_bytes = "function",
    decode_count = "function", encode_count = "function",
  },
}

local AUTH_TYPES = {
  bearer = true, header = true, none = true, query = true, gcp = true, sigv4 = true,
}
local CONDITIONS = { always = true, tools = true, tools_and_reasoning = true }

local FRAMINGS = { sse = true, ndjson = true, ["aws-eventstream"] = true }

local refuse = schema.refuse

local function check_kind(kind)
  if not classify.kinds[kind] then
    local hint = suggest.hint(kind, suggest.names(classify.kinds))
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
  for _, rule in ipairs(errors.inside or {}) do
    if not rule.path then refuse("inside", "errors.inside: a rule needs a `path`") end
  end
end

local function check_sigv4(auth)
  if not auth.service then refuse("auth", "auth.type = \"sigv4\" needs a `service`") end
  local keys = auth.keys
  if keys and (#keys < 2 or #keys > 3 or keys[1]:find("?", 1, true)
    or keys[2]:find("?", 1, true)) then
    refuse("keys", "auth.keys names the variables of an access key id, of a secret access key and, "
      .. "if there may be one, of a session token: \"AWS_SESSION_TOKEN?\"")
  end
end

local function check_auth(auth)
  if not AUTH_TYPES[auth.type] then
    refuse("type", "auth.type must be bearer, header, query, gcp, sigv4 or none in this version")
  end
  if (auth.type == "header" or auth.type == "query") and not auth.name then
    refuse("auth", "auth.type = \"" .. auth.type .. "\" needs a `name`")
  end
  if auth.type == "sigv4" then check_sigv4(auth) end
end

local function check_framing(framing)
  if framing and not FRAMINGS[framing] then
    refuse("framing", "framing must be \"sse\", \"ndjson\" or \"aws-eventstream\""
      .. suggest.hint(framing, suggest.names(FRAMINGS)))
  end
end

local function check_clamps(clamps)
  for name, range in pairs(clamps or {}) do
    if #range ~= 2 or range[1] > range[2] then
      refuse(name, "params.clamp." .. name .. " must be { lowest, highest }")
    end
  end
end

-- Only `false` says something: that the provider has it not, in that dialect.
local function check_ops(ops)
  for _, spec in pairs(ops or {}) do
    for name, path in pairs(type(spec) == "table" and spec.paths or {}) do
      if path == true then
        refuse(name, "ops: the path of '" .. name .. "' is a text, or false where it is not spoken")
      end
    end
  end
end

local function check_family(family)
  if not family.models or #family.models == 0 then
    refuse("families", "families: each needs `models`, names or patterns like \"gpt-5*\"")
  end
  if family.params then check_clamps(family.params.clamp) end
  local via = family.via
  if not via then return end
  if not via.dialect then refuse("via", "families: `via` needs a `dialect`") end
  if not CONDITIONS[via.when] then
    local hint = suggest.hint(tostring(via.when), suggest.names(CONDITIONS))
    refuse("via", "families: via.when must be \"always\", \"tools\" or \"tools_and_reasoning\""
      .. hint)
  end
end

local function check_models(models)
  for name, entry in pairs(models) do
    local field, message = model_entry.problem(entry)
    if field then refuse(name, "models: " .. name .. ": " .. message) end
  end
end

local function check_config(config)
  local field, message = provider_settings.problem(config)
  if field then refuse(field, message) end
end

--- tide.adapter: returns the table, or raises { field =, message = }.
function M.adapter(value)
  schema.demand(value, ADAPTER, "tide.adapter")
  if value.auth then check_auth(value.auth) end
  if value.errors then check_errors(value.errors) end
  if value.params then check_clamps(value.params.clamp) end
  for _, family in ipairs(value.families or {}) do check_family(family) end
  check_models(value.models or {})
  check_config(value.config)
  check_ops(value.ops)
  check_framing(value.framing)
  return value
end

--- tide.dialect: the same for a wire protocol.
function M.dialect(value)
  schema.demand(value, DIALECT, "tide.dialect")
  for _, name in ipairs({ "watch", "error_body", "error_event" }) do
    if not value[name] then refuse("dialect", "a dialect needs `" .. name .. "`") end
  end
  check_framing(value.framing)
  return value
end

return function(tide)
  tide.adapter = M.adapter
  tide.dialect = M.dialect
end
