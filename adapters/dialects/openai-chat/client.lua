-- A client's openai-chat request as a canonical one. Pure.
local canonical = require("tide.canonical")
local messages = require("dialects.openai-chat.messages")

local given, text_of = canonical.given, canonical.text_of
local boolean_of, number_of, table_of = canonical.boolean_of, canonical.number_of,
  canonical.table_of

local M = {}

local DIALECT = "openai-chat"

local function object_of(value)
  return type(value) == "table" and value or nil
end

-- ---- tools --------------------------------------------------------------------------------------

local function function_of(said, outer)
  return {
    type = "function", name = text_of(said.name), description = text_of(said.description),
    parameters = object_of(said.parameters), strict = boolean_of(said.strict),
    cache = object_of(outer.cache_control) or object_of(said.cache_control),
  }
end

local function tool_of(tool)
  if tool.type == "custom" and type(tool.custom) == "table" then
    return {
      type = "custom", name = text_of(tool.custom.name),
      description = text_of(tool.custom.description), grammar = object_of(tool.custom.format),
    }
  end
  if type(tool["function"]) == "table" then return function_of(tool["function"], tool) end
  return { type = "server", dialect = DIALECT, what = text_of(tool.type), value = tool }
end

local function wrong_tool(i, field)
  return {
    message = "a tool needs a " .. field, param = field and "tools[" .. i - 1 .. "]." .. field,
  }
end

local function read_tools(body, rq)
  local tools = {}
  for i, tool in ipairs(table_of(body.tools)) do
    if type(tool) ~= "table" then return wrong_tool(i, "type") end
    local made = tool_of(tool)
    if made.type ~= "server" and not made.name then return wrong_tool(i, "name") end
    if made.type == "server" and not made.what then return wrong_tool(i, "type") end
    tools[i] = made
  end
  for i, said in ipairs(table_of(body.functions)) do
    if not text_of(table_of(said).name) then
      return { message = "a function needs a name", param = "functions[" .. i - 1 .. "].name" }
    end
    tools[#tools + 1] = function_of(said, said)
  end
  if object_of(body.web_search_options) then
    tools[#tools + 1] = {
      type = "server", dialect = DIALECT, what = "web_search", value = body.web_search_options,
      is_option = true,
    }
  end
  if #tools > 0 then rq.tools = tools end
end

local WORDS = { auto = "auto", none = "none", required = "required", any = "required" }

local function names_of(list)
  local names = {}
  for _, tool in ipairs(table_of(list)) do
    tool = table_of(tool)
    local said = object_of(tool["function"]) or object_of(tool.custom) or tool
    names[#names + 1] = text_of(said.name)
  end
  return names
end

local function allowed_of(value)
  local allowed = object_of(value.allowed_tools) or value
  local mode = WORDS[allowed.mode] == "required" and "required" or "auto"
  return { type = "allowed", names = names_of(allowed.tools), mode = mode }
end

local function choice_of(value)
  if type(value) == "string" then return WORDS[value] and { type = WORDS[value] } end
  if type(value) ~= "table" then return nil end
  if value.type == "allowed_tools" then return allowed_of(value) end
  local said = object_of(value["function"]) or object_of(value.custom) or value
  if text_of(said.name) then return { type = "tool", name = said.name } end
  return WORDS[value.type] and { type = WORDS[value.type] }
end

local function read_choice(body, rq)
  local value = given(body.tool_choice)
  if value == nil then value = given(body.function_call) end
  if value == nil then return nil end
  rq.tool_choice = choice_of(value)
  if not rq.tool_choice then
    return { message = "tool_choice is not one that there is", param = "tool_choice" }
  end
end

-- ---- what the answer is to be like --------------------------------------------------------------

local function read_format(body, rq)
  local value = object_of(body.response_format)
  if not value then return end
  local said = table_of(value.json_schema)
  if value.type == "json_schema" then
    rq.response_format = {
      type = "json_schema", name = text_of(said.name), schema = object_of(said.schema),
      strict = boolean_of(said.strict), description = text_of(said.description),
    }
    if not rq.response_format.schema then
      return {
        message = "response_format.json_schema needs a schema",
        param = "response_format.json_schema.schema",
      }
    end
  elseif value.type == "json_object" then
    rq.response_format = { type = "json" }
  elseif value.type == "text" then
    rq.response_format = { type = "text" }
  else
    return {
      message = "response_format.type must be text, json_object or json_schema",
      param = "response_format.type",
    }
  end
end

-- OpenAI's word, OpenRouter's object, and the switch that others have.
local function read_reasoning(body, rq)
  local object, thinking = table_of(body.reasoning), table_of(body.thinking)
  local said = {
    effort = text_of(body.reasoning_effort) or text_of(object.effort)
      or text_of(thinking.effort),
    budget = number_of(object.max_tokens) or number_of(thinking.budget_tokens),
    enabled = boolean_of(object.enabled), summary = text_of(object.summary),
  }
  if thinking.type == "enabled" then said.enabled = true end
  if thinking.type == "disabled" then said.enabled = false end
  if thinking.type == "adaptive" then said.adaptive = true end
  local exclude = boolean_of(object.exclude)
  if exclude ~= nil then said.show = not exclude end
  if boolean_of(body.include_reasoning) ~= nil then said.show = body.include_reasoning end
  if next(said) then rq.reasoning = said end
end

local function read_stop(body, rq)
  local stop = given(body.stop)
  if type(stop) == "string" then stop = { stop } end
  local list = {}
  for _, text in ipairs(table_of(stop)) do list[#list + 1] = text_of(text) end
  if #list > 0 then rq.stop = list end
end

-- ---- plain members ------------------------------------------------------------------------------

local NUMBERS = {
  "temperature", "top_p", "top_k", "seed", "n", "presence_penalty", "frequency_penalty",
  "top_logprobs",
}
local TEXTS = {
  "verbosity", "service_tier", "prompt_cache_key", "user", "safety_identifier",
}
local OBJECTS = { "logit_bias", "metadata", "audio", "prediction", "modalities" }
local BOOLEANS = { "logprobs", "store" }

local LIMITS = { "max_tokens", "max_completion_tokens" }

-- What is absent is not written: a table grows by a nil as by anything else.
local function put(rq, name, value)
  if value ~= nil then rq[name] = value end
end

local function read_each(names, read, body, rq)
  for _, name in ipairs(names) do put(rq, name, read(body[name])) end
end

local function read_plain(body, rq)
  read_each(NUMBERS, number_of, body, rq)
  read_each(TEXTS, text_of, body, rq)
  read_each(OBJECTS, object_of, body, rq)
  read_each(BOOLEANS, boolean_of, body, rq)
  put(rq, "max_tokens", number_of(body.max_completion_tokens) or number_of(body.max_tokens))
  put(rq, "parallel_tools", boolean_of(body.parallel_tool_calls))
  put(rq, "cache", object_of(body.cache_control))
  return canonical.wrong_number(body, NUMBERS) or canonical.wrong_number(body, LIMITS)
end

local KNOWN = {
  "model", "stream", "stream_options", "messages", "tools", "functions", "tool_choice",
  "function_call", "web_search_options", "response_format", "reasoning_effort", "reasoning",
  "thinking", "include_reasoning", "stop", "max_tokens", "max_completion_tokens",
  "parallel_tool_calls", "cache_control",
}

local known
local function is_known(name)
  if not known then
    known = {}
    for _, list in ipairs({ KNOWN, NUMBERS, TEXTS, OBJECTS, BOOLEANS }) do
      for _, one in ipairs(list) do known[one] = true end
    end
  end
  return known[name]
end

local function read_rest(body, rq)
  local ext = {}
  for name, value in pairs(body) do
    if not is_known(name) and given(value) ~= nil then ext[name] = value end
  end
  if next(ext) then rq.ext = ext end
end

--- Reads it.
-- @tparam table body decoded, with `parameters` and `schema` left raw
-- @treturn table|nil rq
-- @treturn nil|table { message =, param = } of what cannot be read
function M.read(body)
  local told, problem = messages.read(body.messages)
  if not told then return nil, problem end
  local rq = {
    op = "chat", model = text_of(body.model), stream = boolean_of(body.stream) or false,
    include_usage = table_of(body.stream_options).include_usage == true, system = told.system,
    messages = told.messages,
  }
  problem = read_plain(body, rq) or read_tools(body, rq) or read_choice(body, rq)
    or read_format(body, rq)
  if problem then return nil, problem end
  read_reasoning(body, rq)
  read_stop(body, rq)
  read_rest(body, rq)
  return rq
end

return M
