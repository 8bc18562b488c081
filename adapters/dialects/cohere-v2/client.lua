-- A Cohere client's request as a canonical one. Pure.
local canonical = require("tide.canonical")
local core = require("core")
local history = require("dialects.cohere-v2.history")
local shape = require("dialects.cohere-v2.shape")

local M = {}

local DIALECT = "cohere-v2"

local given, text_of, number_of = canonical.given, canonical.text_of, canonical.number_of
local boolean_of, table_of = canonical.boolean_of, canonical.table_of

local function object_of(value)
  value = given(value)
  return type(value) == "table" and value or nil
end

-- ---- tools --------------------------------------------------------------------------------------

local function tool_of(tool, is_strict)
  local said = object_of(tool["function"])
  if not said then
    return { type = "server", dialect = DIALECT, what = text_of(tool.type), value = tool }
  end
  return {
    type = "function", name = text_of(said.name), description = text_of(said.description),
    parameters = object_of(said.parameters), strict = is_strict,
  }
end

local function read_tools(body, rq)
  local tools, is_strict = {}, boolean_of(body.strict_tools)
  for i, tool in ipairs(table_of(given(body.tools))) do
    local made = type(tool) == "table" and tool_of(tool, is_strict)
    if not made or not (made.name or made.what) then
      return { message = "a tool needs a function with a name", param = "tools[" .. i - 1 .. "]" }
    end
    tools[i] = made
  end
  if #tools > 0 then rq.tools = tools end
end

local CHOICES = { REQUIRED = "required", NONE = "none", AUTO = "auto" }

local function read_choice(body, rq)
  local value = given(body.tool_choice)
  if value == nil then return nil end
  local kind = type(value) == "string" and CHOICES[value:upper()]
  if not kind then
    return { message = "tool_choice must be REQUIRED or NONE", param = "tool_choice" }
  end
  rq.tool_choice = { type = kind }
end

-- ---- the answer's form --------------------------------------------------------------------------

local function read_format(body, rq)
  local said = object_of(body.response_format)
  if not said then return nil end
  if said.type == "text" or said.type == nil then
    rq.response_format = { type = "text" }
    return nil
  end
  if said.type ~= "json_object" then
    return {
      message = "response_format.type must be text or json_object", param = "response_format.type",
    }
  end
  local schema = object_of(said.json_schema) or object_of(said.schema)
  rq.response_format = schema and { type = "json_schema", schema = schema, strict = true }
    or { type = "json" }
end

local function read_thinking(body, rq)
  local said = object_of(body.thinking)
  if not said then return end
  local is_off = said.type == "disabled"
  rq.reasoning = {
    enabled = not is_off, effort = is_off and "none" or nil, budget = number_of(said.token_budget),
    show = not is_off or nil,
  }
end

-- ---- plain members ------------------------------------------------------------------------------

local NUMBERS = {
  max_tokens = "max_tokens", temperature = "temperature", p = "top_p", k = "top_k", seed = "seed",
  frequency_penalty = "frequency_penalty", presence_penalty = "presence_penalty",
}
local NUMBER_NAMES = {
  "max_tokens", "temperature", "p", "k", "seed", "frequency_penalty", "presence_penalty",
}

local KNOWN = {
  model = true, stream = true, messages = true, tools = true, strict_tools = true,
  tool_choice = true, documents = true, response_format = true, thinking = true,
  stop_sequences = true, logprobs = true,
}
for name in pairs(NUMBERS) do KNOWN[name] = true end

local function read_plain(body, rq)
  for name, canonical_name in pairs(NUMBERS) do rq[canonical_name] = number_of(body[name]) end
  if rq.top_k == 0 then rq.top_k = nil end
  if boolean_of(body.logprobs) then rq.logprobs = true end
  local stop = {}
  for _, text in ipairs(table_of(given(body.stop_sequences))) do stop[#stop + 1] = text_of(text) end
  if #stop > 0 then rq.stop = stop end
  return canonical.wrong_number(body, NUMBER_NAMES)
end

local function read_rest(body, rq)
  local ext = {}
  for name, value in pairs(body) do
    if not KNOWN[name] and value ~= core.null then ext[name] = value end
  end
  if next(ext) then rq.ext = ext end
end

local NO_CITATIONS = { OFF = true, DISABLED = true }

local function wants_citations(body)
  local mode = text_of(table_of(given(body.citation_options)).mode)
  return not (mode and NO_CITATIONS[mode:upper()])
end

--- The canonical request, or nil and what is wrong.
-- @tparam table body decoded, with `parameters`, schemas and the data of documents raw
function M.decode(body)
  local problem = shape.of_chat(body)
  if problem then return nil, problem end
  local told
  told, problem = history.read(given(body.messages), body.documents, wants_citations(body))
  if not told then return nil, problem end
  local rq = {
    op = "chat", model = text_of(body.model), stream = body.stream == true, include_usage = true,
    system = told.system, messages = told.messages,
  }
  problem = read_plain(body, rq) or read_tools(body, rq) or read_choice(body, rq)
    or read_format(body, rq)
  if problem then return nil, problem end
  read_thinking(body, rq)
  read_rest(body, rq)
  return rq
end

return M
