-- What a client asks for in Gemini's words, as a canonical request. Pure.
local canonical = require("tide.canonical")
local core = require("core")
local media = require("dialects.gemini.media")
local members = require("dialects.gemini.members")
local schema = require("dialects.gemini.schema")

local M = {}

local get, object, objects = members.get, members.object, members.objects
local text, number, flag, texts = members.text, members.number, members.flag, members.texts

-- ---- parts --------------------------------------------------------------------------------------

-- Clients that take over a history of another provider write this instead of a signature; the
-- second is its base64, as the field is one of bytes.
local DUMMIES = {
  skip_thought_signature_validator = true, context_engineering_is_the_way_to_go = true,
  ["c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I="] = true,
}

local function sign(part, of)
  local value = text(of, "thoughtSignature")
  if not value or value == "" or DUMMIES[value] then return part end
  local format, inner = canonical.unwrap(value)
  local owner = format and format:match("^(.*)%.redacted$")
  if owner then
    part.redacted, part.format = inner, owner
  else
    part.signature, part.format = format and inner or value, format or "gemini"
  end
  return part
end

-- Results name a call by its id, or by name and order alone.
local function new_calls()
  return { count = 0, open = {} }
end

local function add_call(calls, part, name)
  calls.count = calls.count + 1
  local id = text(part, "id")
  if not id or id == "" then id = "call_" .. calls.count end
  calls.open[#calls.open + 1] = { id = id, name = name }
  return id
end

local function take_call(calls, id, name)
  for i, call in ipairs(calls.open) do
    if id and call.id == id or not id and call.name == name then
      return table.remove(calls.open, i).id
    end
  end
  if id then return id end
  local first = table.remove(calls.open, 1)
  return first and first.id or add_call({ count = calls.count, open = {} }, {}, name)
end

local readers = {}

function readers.text(value, part)
  if type(value) ~= "string" then return nil end
  if flag(part, "thought") then
    return sign({ type = "reasoning", text = value }, part)
  end
  return sign({ type = "text", text = value }, part)
end

function readers.inlineData(value) return media.inline(value) end
function readers.fileData(value) return media.linked(value) end

function readers.functionCall(value, part, calls)
  local name = text(value, "name") or ""
  local arguments = members.raw(value, "args")
  return sign({
    type = "tool_use", id = add_call(calls, value, name), name = name,
    arguments = arguments and arguments.raw or "{}",
  }, part)
end

local WRAPPERS = { "output", "result", "error" }
local INNER = { output = true, result = true, error = true }

-- A response is an object; one with a single `output`, `result` or `error` only wraps it.
local function unwrapped(response)
  local value = core.decode(response.raw, INNER)
  if type(value) ~= "table" or core.is_raw(value) then return response.raw, false end
  local first = next(value)
  if first == nil or next(value, first) ~= nil then return response.raw, false end
  for _, name in ipairs(WRAPPERS) do
    local inner = value[name]
    if type(inner) == "string" then return inner, name == "error" end
    if inner ~= nil and core.is_raw(inner) then return inner.raw, name == "error" end
  end
  return response.raw, false
end

function readers.functionResponse(value, _, calls)
  local name = text(value, "name") or ""
  local response = members.raw(value, "response")
  local content, is_error = {}, nil
  if response then
    local said, failed = unwrapped(response)
    content[1], is_error = { type = "text", text = said }, failed or nil
  end
  for _, part in ipairs(objects(value, "parts")) do
    local data = object(part, "inlineData")
    content[#content + 1] = data and media.inline(data)
      or object(part, "fileData") and media.linked(object(part, "fileData")) or nil
  end
  local id = text(value, "id")
  return {
    type = "tool_result", id = take_call(calls, id ~= "" and id or nil, name), name = name,
    content = content, is_error = is_error,
  }
end

local KINDS = { "text", "inlineData", "fileData", "functionCall", "functionResponse" }
local OPAQUE = { "executableCode", "codeExecutionResult", "toolCall", "toolResponse" }

local function read_part(part, calls)
  for _, kind in ipairs(KINDS) do
    local value = get(part, kind)
    if value ~= nil and (kind == "text" or type(value) == "table") then
      return readers[kind](value, part, calls)
    end
  end
  for _, kind in ipairs(OPAQUE) do
    if get(part, kind) ~= nil then
      return {
        type = "opaque", dialect = "gemini", what = kind, value = core.raw(core.encode(part)),
      }
    end
  end
  local bare = sign({ type = "text", text = "" }, part)
  return bare.signature and bare or nil
end

local function is_signed(part)
  return part.signature ~= nil or part.redacted ~= nil
end

-- What came as a stream is sent back in pieces: they are one text again, up to a signature.
local function add_part(content, part, joins)
  local last = content[#content]
  if joins and last and last.type == part.type and not is_signed(last)
    and (part.type == "reasoning" or part.type == "text" and not part.signature) then
    last.text = last.text .. part.text
    last.signature, last.redacted, last.format = part.signature, part.redacted, part.format
  elseif not (joins and part.type == "text" and part.text == "" and not part.signature) then
    content[#content + 1] = part
  end
end

-- ---- messages -----------------------------------------------------------------------------------

local ROLES = { user = "user", model = "assistant", ["function"] = "user", tool = "user" }

local function read_content(rq, content, calls)
  local role = ROLES[text(content, "role") or "user"]
  if not role then
    return nil, { message = "contents: a role must be user or model", param = "contents" }
  end
  local last = rq.messages[#rq.messages]
  local joins = role == "assistant"
  if not (last and last.role == role and joins) then
    last = { role = role, content = {} }
    rq.messages[#rq.messages + 1] = last
  end
  for _, part in ipairs(objects(content, "parts")) do
    local read = read_part(part, calls)
    if read then add_part(last.content, read, joins) end
  end
  if #last.content == 0 then rq.messages[#rq.messages] = nil end
  return true
end

local function read_contents(rq, body)
  local value, calls = get(body, "contents"), new_calls()
  if type(value) == "string" then
    rq.messages[1] = { role = "user", content = { { type = "text", text = value } } }
    return true
  end
  if type(value) ~= "table" or next(value) == nil then
    return nil, { message = "contents is missing or empty", param = "contents" }
  end
  for _, content in ipairs(objects(body, "contents")) do
    local done, err = read_content(rq, content, calls)
    if not done then return nil, err end
  end
  return true
end

local function read_system(rq, body)
  local value = get(body, "systemInstruction")
  if type(value) == "string" then
    rq.system = { { type = "text", text = value } }
  elseif type(value) == "table" then
    local system = {}
    for _, part in ipairs(value.parts and objects(value, "parts") or objects(body,
      "systemInstruction")) do
      local said = text(part, "text")
      if said and said ~= "" then system[#system + 1] = { type = "text", text = said } end
    end
    rq.system = #system > 0 and system or nil
  end
end

-- ---- tools --------------------------------------------------------------------------------------

local function read_function(declared)
  local given = members.raw(declared, "parametersJsonSchema")
  local older = not given and members.raw(declared, "parameters")
  return {
    type = "function", name = text(declared, "name") or "",
    description = text(declared, "description"),
    parameters = given or older and schema.to_json_schema(older) or nil,
  }
end

local function server_tools(tools, tool)
  local names = {}
  for name, value in pairs(tool) do
    if name ~= "functionDeclarations" and name ~= "function_declarations"
      and value ~= core.null then
      names[#names + 1] = name
    end
  end
  table.sort(names)
  for _, name in ipairs(names) do
    tools[#tools + 1] = {
      type = "server", dialect = "gemini", what = name,
      value = core.raw(core.encode({ [name] = tool[name] })),
    }
  end
end

local function read_tools(rq, body)
  local tools = {}
  for _, tool in ipairs(objects(body, "tools")) do
    for _, declared in ipairs(objects(tool, "functionDeclarations")) do
      tools[#tools + 1] = read_function(declared)
    end
    server_tools(tools, tool)
  end
  rq.tools = #tools > 0 and tools or nil
end

local MODES = { AUTO = "auto", VALIDATED = "auto", ANY = "required", NONE = "none" }

local function read_choice(rq, config)
  local mode = MODES[(text(config, "mode") or ""):upper()]
  local names = texts(config, "allowedFunctionNames")
  if not mode then return end
  if names and mode == "required" and #names == 1 then
    rq.tool_choice = { type = "tool", name = names[1] }
  elseif names and mode ~= "none" then
    rq.tool_choice = { type = "allowed", names = names, mode = mode }
  else
    rq.tool_choice = { type = mode }
  end
end

-- ---- settings -----------------------------------------------------------------------------------

local NUMBERS = {
  maxOutputTokens = "max_tokens", temperature = "temperature", topP = "top_p", topK = "top_k",
  seed = "seed", presencePenalty = "presence_penalty", frequencyPenalty = "frequency_penalty",
  logprobs = "top_logprobs",
}

local SETTINGS = {
  candidateCount = true, stopSequences = true, responseLogprobs = true, responseMimeType = true,
  responseSchema = true, responseJsonSchema = true, thinkingConfig = true,
  responseModalities = true,
}

local function read_format(rq, config)
  local given = members.raw(config, "responseJsonSchema")
  local older = not given and members.raw(config, "responseSchema")
  local kind = text(config, "responseMimeType")
  if given or older then
    rq.response_format = {
      type = "json_schema", name = "response", schema = given or schema.to_json_schema(older),
    }
  elseif kind == "application/json" then
    rq.response_format = { type = "json" }
  end
  if kind and kind ~= "application/json" and kind ~= "text/plain" then
    rq.response_format = nil
    rq.ext["generationConfig.responseMimeType"] = kind
  end
end

local function read_thinking(rq, config)
  local budget, level = number(config, "thinkingBudget"), text(config, "thinkingLevel")
  local effort = level and level:lower():gsub("^thinking_level_", "") or nil
  if effort == "unspecified" then effort = nil end
  local shows = flag(config, "includeThoughts") or false
  local reasoning = { show = shows, effort = effort, enabled = true }
  if budget == 0 then
    reasoning.enabled, reasoning.effort = false, "none"
  elseif budget and budget > 0 then
    reasoning.budget = budget
  elseif not effort then
    reasoning.adaptive = true
  end
  if budget or level or reasoning.show then rq.reasoning = reasoning end
end

local function read_modalities(rq, config)
  local names = texts(config, "responseModalities")
  if not names then return end
  for i, name in ipairs(names) do names[i] = name:lower() end
  if #names > 1 or names[1] ~= "text" then rq.modalities = names end
end

local camel = {}

local function camel_case(name)
  local result = camel[name]
  if not result then
    result = name:gsub("_(%l)", string.upper)
    camel[name] = result
  end
  return result
end

local function read_settings(rq, config)
  for theirs, ours in pairs(NUMBERS) do rq[ours] = number(config, theirs) end
  local n = number(config, "candidateCount")
  rq.n = n and n > 1 and n or nil
  rq.stop = texts(config, "stopSequences")
  rq.logprobs = flag(config, "responseLogprobs")
  read_format(rq, config)
  read_modalities(rq, config)
  local thinking = object(config, "thinkingConfig")
  if thinking then read_thinking(rq, thinking) end
  for name, value in pairs(config) do
    local known = camel_case(name)
    if not NUMBERS[known] and not SETTINGS[known] and value ~= core.null then
      rq.ext["generationConfig." .. known] = value
    end
  end
end

-- ---- the rest of the body -----------------------------------------------------------------------

local TOP = {
  contents = true, systemInstruction = true, tools = true, toolConfig = true,
  generationConfig = true, safetySettings = true, labels = true, model = true, serviceTier = true,
  store = true,
}

local TIERS = { standard = "default", flex = "flex", priority = "priority" }

local function read_labels(body)
  local labels, result = object(body, "labels"), {}
  for name, value in pairs(labels or {}) do
    if type(value) == "string" then result[name] = value end
  end
  return next(result) and result or nil
end

local function read_rest(rq, body)
  rq.safety = members.raw(body, "safetySettings")
  rq.metadata = read_labels(body)
  rq.service_tier = TIERS[(text(body, "serviceTier") or ""):lower():gsub("^service_tier_", "")]
  rq.store = flag(body, "store")
  for name, value in pairs(body) do
    local known = camel_case(name)
    if not TOP[known] and value ~= core.null then rq.ext[known] = value end
  end
end

local function read_tool_config(rq, body)
  local config = object(body, "toolConfig")
  if not config then return end
  local calling = object(config, "functionCallingConfig")
  if calling then read_choice(rq, calling) end
  for name, value in pairs(config) do
    local known = camel_case(name)
    if known ~= "functionCallingConfig" and value ~= core.null then
      rq.ext["toolConfig." .. known] = value
    end
  end
end

--- decode_request of the dialect. A request for a count may hold the request that it is about.
-- @tparam table body decoded, with the raw members of the dialect
-- @tparam table call
-- @treturn table|nil rq
-- @treturn nil|table { message =, param = }
function M.decode(body, call)
  local rq = {
    op = "chat", model = call.asked, stream = call.stream or false, include_usage = true,
    messages = {}, ext = {},
  }
  body = object(body, "generateContentRequest") or body
  local done, err = read_contents(rq, body)
  if not done then return nil, err end
  read_system(rq, body)
  read_tools(rq, body)
  read_tool_config(rq, body)
  read_settings(rq, object(body, "generationConfig") or {})
  read_rest(rq, body)
  if next(rq.ext) == nil then rq.ext = nil end
  return rq
end

return M
