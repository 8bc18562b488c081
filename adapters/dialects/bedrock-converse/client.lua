-- The body that a client of Bedrock's Converse sends, as a canonical request. Never raises: what
-- cannot be understood is a { message =, param = }. Pure.
local canonical = require("tide.canonical")
local citations = require("dialects.bedrock-converse.citations")
local core = require("core")
local fields = require("dialects.bedrock-converse.fields")
local media = require("dialects.bedrock-converse.media")
local seals = require("dialects.bedrock-converse.seals")
local shape = require("dialects.bedrock-converse.shape")

local M = {}

local DIALECT = "bedrock-converse"

local given, object = canonical.given, canonical.table_of
local text_of, string_of, number_of = canonical.text_of, canonical.string_of, canonical.number_of

-- ---- media --------------------------------------------------------------------------------------

local function add_source(part, source)
  source = object(given(source))
  part.data = text_of(source.bytes)
  local place = object(given(source.s3Location))
  part.url, part.owner = text_of(place.uri), text_of(place.bucketOwner)
  return part, source
end

local function image_part(value)
  return (add_source({ type = "image", mime = media.mime("image", value.format) }, value.source))
end

local function video_part(value)
  return (add_source({ type = "video", mime = media.mime("video", value.format) }, value.source))
end

local function audio_part(value)
  local mime = media.mime("audio", value.format)
  return (add_source({
    type = "audio", mime = mime, format = mime and canonical.audio_format(mime),
  }, value.source))
end

local function joined_text(list)
  local texts = {}
  for _, block in ipairs(object(given(list))) do texts[#texts + 1] = text_of(object(block).text) end
  return table.concat(texts, "\n")
end

local function document_part(value)
  local format, name = text_of(value.format), text_of(value.name)
  local part, source = add_source({
    type = "file", mime = media.mime("document", format), title = name,
    name = name and format and name .. "." .. format or name, context = text_of(value.context),
    citations = object(given(value.citations)).enabled == true or nil,
  }, value.source)
  part.text = text_of(source.text) or given(source.content) and joined_text(source.content) or nil
  if part.text then part.mime = part.mime or "text/plain" end
  return part
end

local function search_part(value)
  return {
    type = "file", text = joined_text(value.content), mime = "text/plain",
    title = text_of(value.title), context = text_of(value.source),
    citations = object(given(value.citations)).enabled == true or nil,
  }
end

-- ---- what is marked for a guardrail -------------------------------------------------------------

local function guard_part(value, state)
  state.is_guarded = true
  local text = object(given(value.text))
  if given(value.image) ~= nil then
    local part = image_part(object(value.image))
    part.guard = {}
    return part
  end
  return {
    type = "text", text = string_of(text.text) or "",
    guard = { qualifiers = given(text.qualifiers) },
  }
end

-- ---- tools --------------------------------------------------------------------------------------

local RESULT_PARTS = {
  image = image_part, document = document_part, video = video_part, searchResult = search_part,
}

local function result_part(block)
  if type(block.text) == "string" then return { type = "text", text = block.text } end
  if given(block.json) ~= nil then
    return { type = "text", text = canonical.json_text(block.json) }
  end
  for kind, make in pairs(RESULT_PARTS) do
    if given(block[kind]) ~= nil then return make(object(block[kind])) end
  end
  return { type = "text", text = canonical.json_text(block) }
end

local function tool_result(value, state)
  local id, content = text_of(value.toolUseId), {}
  for _, block in ipairs(object(given(value.content))) do
    if given(object(block).cachePoint) == nil then
      content[#content + 1] = result_part(object(block))
    end
  end
  return {
    type = "tool_result", id = id, name = id and state.names[id], content = content,
    is_error = value.status == "error" or nil,
  }
end

-- What the provider has run itself it alone can take back.
local function is_of_provider(value)
  return value.type == "server_tool_use"
    or type(value.type) == "string" and value.type:find("_result$") ~= nil
end

local function tool_use(value, state)
  local id, name = text_of(value.toolUseId), text_of(value.name) or ""
  if id then state.names[id] = name end
  local part = {
    type = "tool_use", id = id, name = name, arguments = (canonical.arguments(value.input)),
  }
  -- A signature that belongs to this call had to travel in a block of its own.
  local carried = state.carried
  if carried then part.signature, part.format = carried.signature, carried.format end
  state.carried = nil
  return part
end

-- ---- reasoning ----------------------------------------------------------------------------------

local function reasoning(value, state)
  local sealed = text_of(value.redactedContent)
  if sealed then
    local format, inner = seals.seal_of(sealed)
    return { type = "reasoning", redacted = inner, format = format }
  end
  local said = object(given(value.reasoningText))
  local part = { type = "reasoning", text = text_of(said.text) or "" }
  local signature = text_of(said.signature)
  if signature then
    local format, inner = seals.signature_of(signature)
    part.format = format ~= "none" and format or nil
    part.signature = inner ~= "" and inner or nil
  end
  if part.text ~= "" then return part end
  if not part.signature then return nil end
  if part.format ~= "gemini" then return part end
  state.carried = part
end

-- A carried signature without a call behind it was that of a text.
local function end_carried(parts, state)
  local carried = state.carried
  if not carried then return end
  state.carried = nil
  parts[#parts + 1] = {
    type = "text", text = "", signature = carried.signature, format = carried.format,
  }
end

-- ---- text with its sources ----------------------------------------------------------------------

local function cited_part(value)
  local list = {}
  for i, citation in ipairs(object(given(value.citations))) do
    list[i] = citations.canonical(citation)
  end
  local texts = {}
  for _, piece in ipairs(object(given(value.content))) do
    texts[#texts + 1] = string_of(object(piece).text)
  end
  return {
    type = "text", text = table.concat(texts), citations = #list > 0 and list or nil,
  }
end

-- ---- content ------------------------------------------------------------------------------------

local function opaque_part(block)
  local kind = next(block)
  return { type = "opaque", dialect = DIALECT, what = tostring(kind or "block"), value = block }
end

local PARTS = {
  image = image_part, video = video_part, audio = audio_part, document = document_part,
  searchResult = search_part, guardContent = guard_part, citationsContent = cited_part,
  toolUse = tool_use, toolResult = tool_result, reasoningContent = reasoning,
}

-- What stands before a cache point is cached up to there.
local function mark_cache(parts, point)
  local last = parts[#parts]
  if last then last.cache = { type = "ephemeral", ttl = text_of(object(given(point)).ttl) } end
end

local function add_block(parts, block, state)
  if type(block.text) == "string" then
    end_carried(parts, state)
    parts[#parts + 1] = { type = "text", text = block.text }
    return
  end
  if given(block.cachePoint) ~= nil then return mark_cache(parts, block.cachePoint) end
  for kind, make in pairs(PARTS) do
    local value = given(block[kind])
    if value ~= nil then
      if kind ~= "toolUse" then end_carried(parts, state) end
      local is_opaque = type(value) ~= "table" or is_of_provider(value)
      parts[#parts + 1] = is_opaque and opaque_part(block) or make(value, state)
      return
    end
  end
  parts[#parts + 1] = opaque_part(block)
end

local function parts_of(content, state)
  local parts = {}
  for _, block in ipairs(object(given(content))) do add_block(parts, object(block), state) end
  end_carried(parts, state)
  return parts
end

local function system_parts(list, state)
  local parts = {}
  for _, part in ipairs(parts_of(list, state)) do
    if part.type == "text" then parts[#parts + 1] = part end
  end
  return #parts > 0 and parts or nil
end

-- ---- messages -----------------------------------------------------------------------------------

local ROLES = { user = "user", assistant = "assistant", system = "system" }

local function wrong(place, what)
  return nil, {
    message = "1 validation error detected: Value at '" .. place
      .. "' failed to satisfy constraint: " .. what, param = place,
  }
end

local function messages_of(list, state)
  if type(list) ~= "table" or list == core.null then
    return wrong("messages", "Member must not be null")
  end
  local messages = {}
  for i, message in ipairs(list) do
    message = object(message)
    local place = "messages." .. i .. ".member."
    local role = ROLES[message.role]
    if not role then
      return wrong(place .. "role", "Member must satisfy enum value set: [user, assistant, system]")
    end
    if type(message.content) ~= "table" or message.content == core.null then
      return wrong(place .. "content", "Member must not be null")
    end
    messages[i] = { role = role, content = parts_of(message.content, state) }
  end
  if #messages == 0 then
    return wrong("messages", "Member must have length greater than or equal to 1")
  end
  return messages
end

-- ---- tools --------------------------------------------------------------------------------------

local function add_tool(tools, item)
  local spec = object(given(item.toolSpec))
  if given(item.cachePoint) ~= nil then return mark_cache(tools, item.cachePoint) end
  if given(item.toolSpec) == nil then
    local system = object(given(item.systemTool))
    tools[#tools + 1] = {
      type = "server", dialect = DIALECT, what = text_of(system.name) or "tool", value = item,
    }
    return
  end
  tools[#tools + 1] = {
    type = "function", name = text_of(spec.name) or "", description = text_of(spec.description),
    parameters = given(object(given(spec.inputSchema)).json),
    strict = canonical.boolean_of(spec.strict),
  }
end

local function choice_of(choice)
  if given(choice.tool) ~= nil then
    return { type = "tool", name = text_of(object(choice.tool).name) }
  end
  if given(choice.any) ~= nil then return { type = "required" } end
  return given(choice.auto) ~= nil and { type = "auto" } or nil
end

local function add_tools(rq, config)
  local tools = {}
  for _, item in ipairs(object(given(config.tools))) do add_tool(tools, object(item)) end
  if #tools > 0 then rq.tools = tools end
  rq.tool_choice = choice_of(object(given(config.toolChoice)))
end

-- ---- settings -----------------------------------------------------------------------------------

local NUMBERS = { "maxTokens", "temperature", "topP" }

local function add_config(rq, config)
  local problem = canonical.wrong_number(config, NUMBERS)
  if problem then
    problem.param = "inferenceConfig." .. problem.param
    return problem
  end
  rq.max_tokens, rq.temperature = number_of(config.maxTokens), number_of(config.temperature)
  rq.top_p = number_of(config.topP)
  local stop = {}
  for _, text in ipairs(object(given(config.stopSequences))) do stop[#stop + 1] = text_of(text) end
  if #stop > 0 then rq.stop = stop end
end

local function add_format(rq, config)
  local format = object(given(config.textFormat))
  local definition = object(given(object(given(format.structure)).jsonSchema))
  local schema = text_of(definition.schema)
  local raw = schema and core.checked_raw(schema)
  if format.type == "json_schema" and not raw then
    return select(2, wrong("outputConfig.textFormat.structure.jsonSchema.schema",
      "Member must be the text of a JSON schema"))
  end
  if raw then
    rq.response_format = {
      type = "json_schema", schema = raw, name = text_of(definition.name),
      description = text_of(definition.description), strict = true,
    }
  end
  local effort = text_of(config.effort)
  if effort then
    rq.reasoning = rq.reasoning or {}
    rq.reasoning.effort = effort
  end
end

local KNOWN = {
  messages = true, system = true, inferenceConfig = true, toolConfig = true, outputConfig = true,
  additionalModelRequestFields = true, requestMetadata = true, serviceTier = true, modelId = true,
}

local function add_rest(rq, body, state)
  rq.metadata = given(body.requestMetadata)
  rq.service_tier = text_of(object(given(body.serviceTier)).type)
  for name, value in pairs(body) do
    if not KNOWN[name] and value ~= core.null then rq.ext[name] = value end
  end
  -- Its text goes on; that it is marked only Bedrock understands.
  if state.is_guarded then rq.ext["messages.guardContent"] = true end
  if not next(rq.ext) then rq.ext = nil end
end

--- The canonical request, or nil and what is wrong.
-- @tparam table body decoded, with `input` and `json` raw
function M.decode(body, call)
  if type(body) ~= "table" or body == core.null then
    return wrong("body", "Member must be an object")
  end
  local place, what = shape.wrong(body)
  if place then return wrong(place, what) end
  local rq = { op = "chat", model = call and call.asked, include_usage = true, ext = {} }
  local state = { names = {} }
  local messages, problem = messages_of(body.messages, state)
  if not messages then return nil, problem end
  rq.messages = messages
  rq.system = system_parts(body.system, state)
  problem = add_config(rq, object(given(body.inferenceConfig)))
  if problem then return nil, problem end
  add_tools(rq, object(given(body.toolConfig)))
  fields.add(rq, given(body.additionalModelRequestFields))
  problem = add_format(rq, object(given(body.outputConfig)))
  if problem then return nil, problem end
  add_rest(rq, body, state)
  return rq
end

return M
