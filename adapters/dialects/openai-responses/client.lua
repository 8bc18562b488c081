-- A client's body for /v1/responses, as the canonical request. Pure.
local core = require("core")
local canonical = require("tide.canonical")
local input = require("dialects.openai-responses.input")

local M = {}

local given, text, object = canonical.given, canonical.text_of, canonical.table_of
local boolean = canonical.boolean_of

-- What needs a provider that keeps conversations: it cannot be translated.
local KEPT = {
  previous_response_id = "the earlier answers are kept by the provider that gave them",
  conversation = "conversations are kept by one provider",
  prompt = "prompt templates are kept by one provider",
}
local KEPT_NAMES = { "conversation", "previous_response_id", "prompt" }

local NUMBERS = {
  max_output_tokens = "max_tokens", temperature = "temperature", top_p = "top_p",
  top_logprobs = "top_logprobs",
}
local NUMBER_NAMES = { "max_output_tokens", "temperature", "top_logprobs", "top_p" }

-- Members that are read below, and those that mean nothing to another provider.
local KNOWN = {
  model = true, input = true, instructions = true, stream = true, stream_options = true,
  tools = true, tool_choice = true, parallel_tool_calls = true, include = true, text = true,
  reasoning = true, metadata = true, user = true, safety_identifier = true,
  prompt_cache_key = true, service_tier = true, store = true, max_output_tokens = true,
  temperature = true, top_p = true, top_logprobs = true, background = true,
  previous_response_id = true, conversation = true, prompt = true,
}

local function refuse_kept(body)
  for _, name in ipairs(KEPT_NAMES) do
    if given(body[name]) ~= nil then
      return {
        message = "'" .. name .. "' cannot be used with this model: " .. KEPT[name]
          .. ", and this request is translated for another one. Send the whole conversation as "
          .. "'input'.",
        param = name,
      }
    end
  end
  if body.background == true then
    return {
      message = "'background' cannot be used with this model: answers are not kept here.",
      param = "background",
    }
  end
end

local function read_numbers(body, rq)
  for _, name in ipairs(NUMBER_NAMES) do rq[NUMBERS[name]] = canonical.number_of(body[name]) end
  return canonical.wrong_number(body, NUMBER_NAMES)
end

-- ---- tools --------------------------------------------------------------------------------------

local function as_raw(value)
  if value == nil or core.is_raw(value) then return value end
  return core.raw(core.encode(value))
end

local function read_tool(tool)
  if tool.type == "function" then
    return {
      type = "function", name = text(tool.name), description = text(tool.description),
      parameters = as_raw(given(tool.parameters)), strict = boolean(tool.strict),
    }
  end
  if tool.type == "custom" then
    local format = object(tool.format)
    return {
      type = "custom", name = text(tool.name), description = text(tool.description),
      grammar = format.type and format.type ~= "text" and as_raw(format) or nil,
    }
  end
  return {
    type = "server", dialect = "openai-responses", what = text(tool.type) or "tool",
    value = as_raw(tool),
  }
end

local function read_tools(body, rq)
  local tools = given(body.tools)
  if tools == nil then return nil end
  if type(tools) ~= "table" then return { message = "'tools' must be a list", param = "tools" } end
  rq.tools = {}
  for i, tool in ipairs(tools) do
    local read = read_tool(object(tool))
    if read.type ~= "server" and not read.name then
      local place = "tools[" .. (i - 1) .. "]"
      return { message = place .. " needs a 'name'", param = place .. ".name" }
    end
    rq.tools[i] = read
  end
  if #rq.tools == 0 then rq.tools = nil end
end

local function names_of(tools)
  local names = {}
  for _, tool in ipairs(object(tools)) do names[#names + 1] = text(object(tool).name) end
  return names
end

local function read_tool_choice(choice, rq)
  if choice == "auto" or choice == "none" or choice == "required" then
    rq.tool_choice = { type = choice }
    return
  end
  choice = object(choice)
  local name = text(choice.name)
  if (choice.type == "function" or choice.type == "custom") and name then
    rq.tool_choice = { type = "tool", name = name }
  elseif choice.type == "allowed_tools" then
    rq.tool_choice = {
      type = "allowed", names = names_of(choice.tools),
      mode = choice.mode == "required" and "required" or "auto",
    }
  elseif choice.type ~= nil then
    rq.ext.tool_choice = choice
  end
end

-- ---- the form of the answer ---------------------------------------------------------------------

local function read_format(format, rq)
  if format.type == "json_object" then
    rq.response_format = { type = "json" }
  elseif format.type == "json_schema" then
    rq.response_format = {
      type = "json_schema", name = text(format.name), schema = as_raw(given(format.schema)),
      description = text(format.description), strict = boolean(format.strict),
    }
  end
end

local function read_reasoning(reasoning, rq)
  local effort = text(reasoning.effort)
  local summary = text(reasoning.summary) or text(reasoning.generate_summary)
  if not (effort or summary) then return end
  rq.reasoning = { effort = effort, summary = summary, show = summary and true or nil }
end

local function read_include(include, rq)
  for _, name in ipairs(object(include)) do
    if name == "message.output_text.logprobs" then rq.logprobs = true end
  end
  if rq.top_logprobs and rq.top_logprobs > 0 then rq.logprobs = true end
end

local function read_metadata(metadata)
  local result
  for name, value in pairs(object(metadata)) do
    if type(name) == "string" and type(value) == "string" then
      result = result or {}
      result[name] = value
    end
  end
  return result
end

-- Who translates keeps nothing: only the provider of this API could.
local function read_store(store, rq, call)
  if store == false then rq.store = false end
  if store == true and call then call.warn("store") end
end

local FORM = { format = true, verbosity = true }
local REASONING = { effort = true, summary = true, generate_summary = true }

-- Members of a member that nobody reads.
local function warn_of_more(body, outer, known, call)
  for name, value in pairs(object(body[outer])) do
    if not known[name] and given(value) ~= nil then call.warn(outer .. "." .. tostring(name)) end
  end
end

local function read_rest(body, rq)
  rq.parallel_tools = boolean(body.parallel_tool_calls)
  rq.user, rq.safety_identifier = text(body.user), text(body.safety_identifier)
  rq.service_tier, rq.prompt_cache_key = text(body.service_tier), text(body.prompt_cache_key)
  rq.metadata = read_metadata(body.metadata)
  local form = object(body.text)
  rq.verbosity = text(form.verbosity)
  read_format(object(form.format), rq)
  read_reasoning(object(body.reasoning), rq)
  read_include(body.include, rq)
  read_tool_choice(given(body.tool_choice), rq)
end

-- "disabled" is what everybody does.
local function is_usual(name, value)
  return name == "truncation" and value == "disabled"
end

local function read_unknown(body, rq)
  for name, value in pairs(body) do
    if not KNOWN[name] and given(value) ~= nil and not is_usual(name, value) then
      rq.ext[name] = value
    end
  end
end

--- The canonical request of a decoded body.
-- @treturn table|nil the request
-- @treturn nil|table what is wrong, { message =, param = }
function M.request(body, call)
  if type(body) ~= "table" then return nil, { message = "the body must be a JSON object" } end
  local rq = {
    op = "chat", model = text(body.model), stream = body.stream == true, include_usage = true,
    ext = {},
  }
  local wrong = refuse_kept(body) or read_numbers(body, rq) or read_tools(body, rq)
    or input.read(body, rq)
  if wrong then return nil, wrong end
  read_rest(body, rq)
  read_store(body.store, rq, call)
  read_unknown(body, rq)
  if call then
    warn_of_more(body, "text", FORM, call)
    warn_of_more(body, "reasoning", REASONING, call)
  end
  return rq
end

return M
