-- A canonical request as a body for Anthropic's Messages API. What models differ in comes as traits
-- of their family (adapters/dialects/README.md); what cannot be said is named with call.warn. Pure.
local anthropic_schema = require("dialects.anthropic-messages.schema")
local anthropic_thinking = require("dialects.anthropic-messages.thinking")
local anthropic_turns = require("dialects.anthropic-messages.turns")
local canonical = require("tide.canonical")
local core = require("core")
local custom_tools = require("tide.custom_tools")

local M = {}

local DIALECT = "anthropic-messages"
local MAX_TOKENS = 64000

-- What the API enforces in one request.
local MOST_STRICT, MOST_OPTIONAL, MOST_UNIONS = 20, 24, 16

--- The tool that stands for the answer where a model has no structured output.
M.ANSWER_TOOL = "tidegate_answer"

-- ---- tools --------------------------------------------------------------------------------------

-- The API insists on an object, said at the top.
local function schema_of(parameters)
  if parameters == nil then return core.raw('{"type":"object","properties":{}}') end
  if not core.is_raw(parameters) then
    if parameters.type ~= nil then return parameters end
    local typed = { type = "object" }
    for name, value in pairs(parameters) do typed[name] = value end
    return typed
  end
  local text = parameters.raw
  local value = core.decode(text)
  if type(value) ~= "table" or value.type ~= nil then return parameters end
  local rest = text:match("^%s*{%s*(.-)%s*$")
  if not rest then return parameters end
  return core.raw('{"type":"object"' .. (rest:sub(1, 1) == "}" and "" or ",") .. rest)
end

-- What the API enforces of a schema; nil where it would refuse it. The limits are for all schemas
-- of a request together.
local function enforceable(schema, out)
  local text = core.is_raw(schema) and schema.raw or core.encode(schema)
  local closed, facts = anthropic_schema.close(text)
  local optional, unions = out.optional + facts.optional, out.unions + facts.unions
  if facts.is_open or facts.is_recursive or optional > MOST_OPTIONAL or unions > MOST_UNIONS then
    return nil
  end
  out.optional, out.unions = optional, unions
  for _, name in ipairs(facts.lost) do out.warn("enforcing " .. name .. " of a schema") end
  return core.raw(closed)
end

-- A strict tool as one that the API takes; nil where it must do without `strict`.
local function strict_schema(schema, out)
  if out.traits.structured == false then return nil end
  if out.strict_tools >= MOST_STRICT then return nil end
  local closed = enforceable(schema, out)
  if closed then out.strict_tools = out.strict_tools + 1 end
  return closed
end

local TOOLS = {
  ["function"] = function(tool, out)
    local schema = schema_of(tool.parameters)
    local strict = tool.strict and strict_schema(schema, out)
    if tool.strict and not strict then out.warn("strict of the tool " .. tostring(tool.name)) end
    local result = {
      name = tool.name, description = tool.description, input_schema = strict or schema,
      strict = strict and true or nil, cache_control = tool.cache,
    }
    for name, value in pairs(tool.extra or {}) do result[name] = value end
    return result
  end,
  custom = function(tool, out)
    if tool.grammar then out.warn("the grammar of a tool") end
    return {
      name = tool.name, description = custom_tools.description(tool), cache_control = tool.cache,
      input_schema = core.raw(custom_tools.PARAMETERS),
    }
  end,
  server = function(tool, out)
    if tool.dialect == DIALECT then return tool.value end
    out.warn("tool " .. tostring(tool.what))
  end,
}

local function allowed_names(choice)
  if not choice or choice.type ~= "allowed" then return nil end
  local names = {}
  for _, name in ipairs(choice.names or {}) do names[name] = true end
  return names
end

local function tools_of(rq, out)
  local list, names = {}, allowed_names(rq.tool_choice)
  for _, tool in ipairs(rq.tools or {}) do
    local make = TOOLS[tool.type]
    if make and not (names and tool.name and not names[tool.name]) then
      list[#list + 1] = make(tool, out)
    end
  end
  return list
end

local CHOICES = { auto = "auto", none = "none", required = "any", tool = "tool" }

local function choice_of(choice, out)
  local kind = choice.type
  if kind == "allowed" then kind = choice.mode or "auto" end
  kind = CHOICES[kind] or "auto"
  if (kind == "any" or kind == "tool") and out.traits.forced_tools == false then
    out.warn("tool_choice")
    kind = "auto"
  end
  return { type = kind, name = kind == "tool" and choice.name or nil }
end

local function add_tools(body, rq, out)
  local tools = tools_of(rq, out)
  if #tools == 0 then return end
  body.tools = core.array(tools)
  if rq.tool_choice then body.tool_choice = choice_of(rq.tool_choice, out) end
  if rq.parallel_tools == false then
    body.tool_choice = body.tool_choice or { type = "auto" }
    if body.tool_choice.type ~= "none" then body.tool_choice.disable_parallel_tool_use = true end
  end
end

-- ---- structured output --------------------------------------------------------------------------

local JSON_ONLY = "Answer with one JSON object and nothing else: no other text, no code fence."

local function add_instruction(body, text)
  if body.system == nil then
    body.system = text
  elseif type(body.system) == "string" then
    body.system = body.system .. "\n\n" .. text
  else
    body.system[#body.system + 1] = { type = "text", text = text }
  end
end

-- A tool that must be called and whose input is the answer.
local function add_answer_tool(body, format)
  body.tools = body.tools or core.array({})
  local only = #body.tools == 0
  body.tools[#body.tools + 1] = {
    name = M.ANSWER_TOOL, description = format.description
      or "Gives the final answer to the user. Call it instead of answering with text.",
    input_schema = schema_of(format.schema),
  }
  local kept = body.tool_choice
  if kept and kept.type == "tool" then return end
  body.tool_choice = only and { type = "tool", name = M.ANSWER_TOOL } or { type = "any" }
  body.tool_choice.disable_parallel_tool_use = kept and kept.disable_parallel_tool_use
end

local function add_format(body, rq, out)
  local format = rq.response_format
  if not format or format.type == "text" then return end
  if format.type == "json" or not format.schema then
    out.warn("response_format json_object (an instruction asks for it)")
    add_instruction(body, JSON_ONLY)
    return
  end
  local schema = out.traits.structured ~= false and enforceable(format.schema, out)
  if schema then
    body.output_config = body.output_config or {}
    body.output_config.format = { type = "json_schema", schema = schema }
    return
  end
  if out.traits.structured ~= false then out.warn("strict of response_format") end
  if out.traits.forced_tools == false then
    add_instruction(body, JSON_ONLY .. " Its JSON schema is " .. canonical.json_text(format.schema))
  else
    add_answer_tool(body, format)
  end
end

-- ---- thinking -----------------------------------------------------------------------------------

-- A turn of the assistant that the results of its tools answer must begin with thinking, when
-- thinking has a budget; one that another model made does not.
local function lacks_thinking(messages)
  for i = #messages, 1, -1 do
    local message = messages[i]
    local first = message.content[1]
    if message.role == "assistant" then
      local kind = first and first.type
      return kind ~= "thinking" and kind ~= "redacted_thinking"
    end
    if message.role == "user" and not (first and first.type == "tool_result") then return false end
  end
  return false
end

local function may_begin_with_thinking(turns)
  return turns[#turns].role ~= "assistant" and not lacks_thinking(turns)
end

-- ---- the rest -----------------------------------------------------------------------------------

local TIERS = { auto = "auto", default = "standard_only", standard_only = "standard_only" }

local function add_tier(body, rq, out)
  if not rq.service_tier then return end
  body.service_tier = TIERS[rq.service_tier]
  if not body.service_tier then out.warn("service_tier " .. tostring(rq.service_tier)) end
end

local function max_tokens(rq, out)
  local most = out.traits.max_tokens
  local wanted = rq.max_tokens
  if not wanted then return most or MAX_TOKENS end
  if most and wanted > most then
    out.warn("max_tokens above " .. most)
    return most
  end
  return wanted
end

-- What the API has no word for. A value that asks for nothing is no loss.
local UNKNOWN = {
  "seed", "presence_penalty", "frequency_penalty", "logit_bias", "logprobs", "top_logprobs",
  "verbosity", "prediction", "audio", "safety", "prompt_cache_key", "store", "metadata",
}
local NOTHING = { [0] = true, [false] = true }

local function has_audio(modalities)
  for _, name in ipairs(modalities or {}) do
    if name ~= "text" then return name end
  end
end

local function warn_of_rest(rq, out)
  for _, name in ipairs(UNKNOWN) do
    local value = rq[name]
    if value ~= nil and not NOTHING[value] then out.warn(name) end
  end
  if rq.n and rq.n > 1 then out.warn("n") end
  local modality = has_audio(rq.modalities)
  if modality then out.warn("modality " .. tostring(modality)) end
end

-- What a client of the same protocol says of the answer's form besides; the gateway itself carries
-- other members that it does not know.
local function add_config(body, rq, call)
  local more = call.client_dialect == DIALECT and (rq.ext or {}).output_config
  if type(more) ~= "table" then return end
  body.output_config = body.output_config or {}
  for name, value in pairs(more) do body.output_config[name] = value end
end

-- Counting tokens knows only what is read.
local COUNTED = {
  "model", "messages", "system", "tools", "tool_choice", "thinking", "output_config",
  "cache_control",
}

local function counted(body)
  local result = {}
  for _, name in ipairs(COUNTED) do result[name] = body[name] end
  return result
end

local function is_pdf(part)
  if part.mime then return part.mime == "application/pdf" end
  return part.url:lower():match("^[^?#]*"):sub(-4) == ".pdf"
end

--- Whether a part with an address must be sent as data: the API fetches pictures and PDFs itself.
function M.needs_bytes(part, call)
  if call.traits.urls == false or not part.url:find("^https://") then return true end
  return part.type ~= "image" and not is_pdf(part)
end

--- The body for the provider; encode it as it is.
-- @tparam table rq canonical request
-- @tparam table call
function M.encode(rq, call)
  local out = anthropic_turns.new(call.traits or {}, call.warn or function() end)
  out.strict_tools, out.optional, out.unions = 0, 0, 0
  local user = rq.user or rq.safety_identifier
  local body = {
    model = call.model or rq.model, system = anthropic_turns.system(rq.system, out),
    messages = anthropic_turns.turns(rq.messages, out), max_tokens = max_tokens(rq, out),
    stream = rq.stream and true or nil, cache_control = rq.cache,
    metadata = user and { user_id = user } or nil,
  }
  add_tools(body, rq, out)
  add_format(body, rq, out)
  out.may_begin_with_thinking = rq.reasoning and may_begin_with_thinking(body.messages)
  anthropic_thinking.add(body, rq, out)
  anthropic_thinking.add_sampling(body, rq, out)
  body.stop_sequences = canonical.visible_stops(rq, out.warn)
  add_tier(body, rq, out)
  warn_of_rest(rq, out)
  add_config(body, rq, call)
  if call.op == "count" or rq.op == "count" then return counted(body) end
  return body
end

return M
