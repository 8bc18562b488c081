-- Where what stands in a client's body: one form for each dialect and operation, made once.
--
-- Names of one kind that mean the same (Gemini takes camelCase and snake_case) stand in order of
-- preference.
local core = require("core")
local operations = require("tide.operations")

local M = {}

-- What scripts may want to know, in the words of request_view.lua.
local FOR_SCRIPTS = {
  ["openai-chat"] = {
    messages = { "messages" }, prompt = { "prompt" }, input = { "input" },
    tools = { "tools", "functions" }, max_out = { "max_completion_tokens", "max_tokens" },
    format = { "response_format" }, user = { "user", "safety_identifier" },
  },
  ["openai-responses"] = {
    messages = { "input" }, system = { "instructions" }, tools = { "tools" },
    max_out = { "max_output_tokens" }, format = { "text" }, user = { "user", "safety_identifier" },
  },
  ["anthropic-messages"] = {
    messages = { "messages" }, system = { "system" }, tools = { "tools" },
    max_out = { "max_tokens" }, format = { "output_config", "output_format" },
    user = { "metadata" },
  },
  ollama = {
    messages = { "messages" }, prompt = { "prompt" }, images = { "images" },
    system = { "system" }, tools = { "tools" }, config = { "options" }, format = { "format" },
  },
  gemini = {
    messages = { "contents" }, system = { "systemInstruction", "system_instruction" },
    tools = { "tools" }, config = { "generationConfig", "generation_config" },
  },
  ["cohere-v2"] = {
    messages = { "messages" }, tools = { "tools" }, max_out = { "max_tokens" },
    format = { "response_format" },
    system = { "documents" }, -- they are read, too
  },
  ["bedrock-converse"] = {
    messages = { "messages" }, system = { "system" }, tools = { "toolConfig" },
    config = { "inferenceConfig" }, format = { "outputConfig" },
  },
}

-- The same of operations that have members of their own.
local RANKED = { prompt = { "query" }, input = { "documents" } }
local OF_OPERATION = {
  embed = {
    ["cohere-v2"] = { input = { "texts", "inputs" }, images = { "images" } },
    ollama = { input = { "input" }, prompt = { "prompt" } },
    gemini = { input = { "content", "requests" } },
  },
  rerank = { ["openai-chat"] = RANKED, ["cohere-v2"] = RANKED },
}

-- A dialect that does not say where its members are has them where most do.
local USUAL = {
  model = "model", stream = "stream", messages = "messages", needs = { "messages" }, choices = "n",
}

-- An operation of which nothing more is said.
local BARE = { model = "model", needs = {} }

-- Members that mean: what else there is of this, only the provider knows.
local OF_PROVIDER = {
  ["openai-responses"] = { "previous_response_id", "conversation", "background" },
  ["anthropic-messages"] = { "thread" },
}

-- The first five are read for every request. Where a dialect has none of a kind, names stand that
-- begin with this, and that no body has.
local NONE = "\1"

local function add(form, name)
  local position = form.positions[name]
  if not position then
    position = #form.names + 1
    form.names[position], form.positions[name] = name, position
  end
  return position
end

local function add_all(form, names)
  local positions = {}
  for i, name in ipairs(names) do positions[i] = add(form, name) end
  return positions
end

local function first_step(path)
  return path:match("^[^.]+")
end

-- "generationConfig" as "generation_config"; nil for names that are the same in both.
local function snake_case(name)
  local other = name:gsub("%u", function(letter) return "_" .. letter:lower() end)
  return other ~= name and other or nil
end

-- What the gateway reads, in the order of body.lua.
local function add_own(form, request, has_options)
  local choices = form.choices and first_step(form.choices)
  form.names = {
    form.model or NONE .. "m", form.stream or NONE .. "s",
    has_options and "stream_options" or NONE .. "o", choices or NONE .. "n",
    request.messages or "messages",
  }
  for i, name in ipairs(form.names) do form.positions[name] = i end
  local other = choices and snake_case(choices)
  form.other_choices = other and add(form, other)
end

local function if_chat(op, list)
  return op.is_chat and list or {}
end

-- Model and stream stand in the body or, for all bodies of an operation, in the path.
local function members(op, request)
  if op.model_in_path then return nil, nil end
  return request.model or "model", op.streams and (request.stream or "stream") or nil
end

-- Where this operation has its members.
local function request_of(dialect, op)
  local own = not op.is_chat and operations.of(dialect, op.name) or nil
  if own then return own.request or BARE, own.request and own.request.needs or {} end
  local request = dialect.request or USUAL
  return request, if_chat(op, request.needs)
end

-- What is counted before anything is sent.
local function add_inputs(form, request)
  form.format = request.format and add(form, request.format) or nil
  form.inputs = request.inputs and add_all(form, request.inputs) or nil
end

local function for_scripts(dialect, op)
  local own = OF_OPERATION[op.name]
  return own and own[dialect.name] or FOR_SCRIPTS[dialect.name] or {}
end

local function make(dialect, op)
  local request, needs = request_of(dialect, op)
  local has_options = dialect.name == "openai-chat" and op.streams
  local model, stream = members(op, request)
  local form = {
    dialect = dialect.name, is_chat = op.is_chat, positions = {}, at = {},
    has_options = has_options,
    model = model, stream = stream, choices = op.streams and request.choices or nil,
    needs = needs or {}, streams_by_default = request.streams_by_default,
    of_provider = if_chat(op, OF_PROVIDER[dialect.name]), tag = request.tag,
  }
  add_own(form, request, has_options)
  add_all(form, form.of_provider)
  add_all(form, form.needs)
  local content = if_chat(op, request.streams_with)
  form.streams_with = content and content[1] and add_all(form, content)
  if not op.is_chat then add_inputs(form, request) end
  form.fields = core.fields(form.names)
  for kind, names in pairs(for_scripts(dialect, op)) do
    form.at[kind] = add_all(form, names)
  end
  form.all_fields = core.fields(form.names)
  return form
end

-- By dialect and operation; a dialect that was reloaded is another table.
local forms = setmetatable({}, { __mode = "k" })

--- The form of a body.
-- @tparam table dialect
-- @tparam table op of endpoints.lua
-- @treturn table { dialect = its name, is_chat, fields = what the gateway needs, the first five in
--   order: model, stream, stream_options, choices, messages; all_fields = with what scripts may
--   ask; names and positions of all_fields; at = positions by kind; model, stream, choices = names
--   or nil; needs; of_provider; has_options; streams_with = positions or nil; tag = what names may
--   end with; inputs = positions of members whose items count, or nil, format = that of the form
--   of vectors, or nil }
function M.of(dialect, op)
  local of_dialect = forms[dialect]
  if not of_dialect then
    of_dialect = {}
    forms[dialect] = of_dialect
  end
  local form = of_dialect[op]
  if not form then
    form = make(dialect, op)
    of_dialect[op] = form
  end
  return form
end

return M
