-- The body that a client of Anthropic's Messages API sends, as a canonical request. Never raises:
-- what cannot be understood is a { message =, param = }. Pure.
local core = require("core")
local canonical = require("tide.canonical")

local M = {}

local DIALECT, FORMAT = "anthropic-messages", "anthropic"

local given, object = canonical.given, canonical.table_of
local text_of, number_of = canonical.string_of, canonical.number_of

-- ---- sources ------------------------------------------------------------------------------------

local function media(part, source)
  source = object(source)
  if source.type == "base64" then
    part.data, part.mime = text_of(source.data), text_of(source.media_type)
  elseif source.type == "url" then
    part.url = text_of(source.url)
  elseif source.type == "file" then
    part.id = text_of(source.file_id)
  elseif source.type == "text" then
    part.text, part.mime = text_of(source.data), text_of(source.media_type)
  end
  return part
end

-- A document given as blocks of text.
local function joined_text(content)
  if type(content) == "string" then return content end
  local texts = {}
  for _, block in ipairs(object(content)) do texts[#texts + 1] = text_of(object(block).text) end
  return table.concat(texts, "\n")
end

local function document(block)
  local source = object(block.source)
  local part = media({
    type = "file", title = text_of(block.title), context = text_of(block.context),
    citations = object(block.citations).enabled == true or nil,
    cache = given(block.cache_control),
  }, source)
  if source.type == "content" then
    part.text, part.mime = joined_text(source.content), "text/plain"
  end
  if source.type == "base64" then part.mime = part.mime or "application/pdf" end
  return part
end

local function search_result(block)
  return {
    type = "file", text = joined_text(block.content), mime = "text/plain",
    title = text_of(block.title), context = text_of(block.source),
    citations = object(block.citations).enabled == true or nil, cache = given(block.cache_control),
  }
end

-- ---- blocks -------------------------------------------------------------------------------------

local function is_foreign(citation)
  return canonical.unwrap(citation.encrypted_index) or canonical.unwrap(citation.file_id)
end

-- Anthropic's own are kept for it; those of other providers served the reader alone.
local function citations_of(list)
  local citations = {}
  for _, citation in ipairs(object(given(list))) do
    if type(citation) == "table" and citation ~= core.null and not is_foreign(citation) then
      citations[#citations + 1] = {
        url = text_of(citation.url), title = text_of(citation.title),
        quote = text_of(citation.cited_text), raw = citation,
      }
    end
  end
  return #citations > 0 and citations or nil
end

local function text_part(block)
  return {
    type = "text", text = text_of(block.text) or "", cache = given(block.cache_control),
    citations = citations_of(block.citations),
  }
end

local function image_part(block)
  return media({ type = "image", cache = given(block.cache_control) }, block.source)
end

local function opaque_part(block)
  local what = text_of(block.type) or "block"
  return { type = "opaque", dialect = DIALECT, value = block, what = what }
end

local RESULT_PARTS = {
  text = text_part, image = image_part, document = document, search_result = search_result,
}

local function result_parts(content)
  if type(content) == "string" then return { { type = "text", text = content } } end
  local parts = {}
  for _, block in ipairs(object(content)) do
    block = object(block)
    local make = RESULT_PARTS[block.type]
    parts[#parts + 1] = make and make(block) or { type = "text", text = canonical.json_text(block) }
  end
  return parts
end

local function tool_result(block, state)
  local id = text_of(block.tool_use_id)
  return {
    type = "tool_result", id = id, name = id and state.names[id],
    content = result_parts(given(block.content)), is_error = block.is_error == true or nil,
    cache = given(block.cache_control),
  }
end

local function tool_use(block, state)
  local id, name = text_of(block.id), text_of(block.name) or ""
  if id then state.names[id] = name end
  local part = {
    type = "tool_use", id = id, name = name, arguments = (canonical.arguments(block.input)),
    cache = given(block.cache_control),
  }
  -- A signature that belongs to this call had to travel in a block of its own.
  local carried = state.carried
  if carried then
    part.signature, part.format = carried.signature, carried.format
    state.carried = nil
  end
  return part
end

-- Whose a signature is, and what it says; nil where there is none. "none" marks what nobody signed.
local function signature_of(block)
  local signature = canonical.text_of(block.signature)
  if not signature then return nil end
  local format, inner = canonical.unwrap(signature)
  if not format then return FORMAT, signature end
  return format ~= "none" and format or nil, inner ~= "" and inner or nil
end

-- What another provider signed came to the client inside a signature of ours.
local function thinking(block, state)
  local part = { type = "reasoning", text = text_of(block.thinking) or "" }
  part.format, part.signature = signature_of(block)
  if part.text ~= "" then return part end
  if not part.signature then return nil end
  if part.format ~= "gemini" then return part end
  state.carried = part
end

local function redacted(block)
  local data = text_of(block.data)
  if not data then return nil end
  local format, inner = canonical.unwrap(data)
  return { type = "reasoning", redacted = format and inner or data, format = format or FORMAT }
end

local PARTS = {
  text = text_part, image = image_part, document = document, search_result = search_result,
  tool_use = tool_use, tool_result = tool_result, thinking = thinking,
  redacted_thinking = redacted,
}

-- A carried signature without a call behind it was that of a text.
local function end_carried(parts, state)
  local carried = state.carried
  if not carried then return end
  state.carried = nil
  parts[#parts + 1] = {
    type = "text", text = "", signature = carried.signature, format = carried.format,
  }
end

local function parts_of(content, state)
  if type(content) == "string" then return { { type = "text", text = content } } end
  local parts = {}
  for _, block in ipairs(object(content)) do
    block = object(block)
    local make = PARTS[block.type] or opaque_part
    if block.type ~= "tool_use" then end_carried(parts, state) end
    parts[#parts + 1] = make(block, state)
  end
  end_carried(parts, state)
  return parts
end

local function system_parts(value)
  local parts = {}
  for _, part in ipairs(parts_of(given(value) or {}, { names = {} })) do
    if part.type == "text" then parts[#parts + 1] = part end
  end
  return parts
end

local ROLES = { user = "user", assistant = "assistant", system = "system" }

local function wrong(message, param)
  return nil, { message = message, param = param }
end

local function messages_of(list)
  if type(list) ~= "table" or list == core.null then
    return wrong("messages: Field required", "messages")
  end
  local state, messages = { names = {} }, {}
  for i, message in ipairs(list) do
    message = object(message)
    local role = ROLES[message.role]
    local place = "messages." .. (i - 1)
    if not role then
      return wrong(place .. ".role: Input should be 'user' or 'assistant'", place .. ".role")
    end
    local kind = type(message.content)
    if message.content == core.null or (kind ~= "string" and kind ~= "table") then
      return wrong(place .. ".content: Field required", place .. ".content")
    end
    messages[i] = { role = role, content = parts_of(message.content, state) }
  end
  if #messages == 0 then
    return wrong("messages: at least one message is required", "messages")
  end
  return messages
end

-- ---- tools --------------------------------------------------------------------------------------

-- What a tool may say besides, and other providers have no word for.
local TOOL_EXTRAS = {
  "allowed_callers", "defer_loading", "eager_input_streaming", "input_examples",
}

local function extras_of(tool, warn)
  local extra
  for _, name in ipairs(TOOL_EXTRAS) do
    local value = given(tool[name])
    if value ~= nil then
      extra = extra or {}
      extra[name] = value
      if value ~= false then warn("tools " .. name) end
    end
  end
  return extra
end

local function tool_of(tool, warn)
  local kind = given(tool.type)
  if kind and kind ~= "custom" then
    return { type = "server", dialect = DIALECT, what = text_of(kind) or "tool", value = tool }
  end
  return {
    type = "function", name = text_of(tool.name) or "", description = text_of(tool.description),
    parameters = given(tool.input_schema), strict = canonical.boolean_of(tool.strict),
    cache = given(tool.cache_control), extra = extras_of(tool, warn),
  }
end

local CHOICES = { auto = "auto", none = "none", any = "required", tool = "tool" }

local function add_tools(rq, body, warn)
  local tools = {}
  for i, tool in ipairs(object(given(body.tools))) do tools[i] = tool_of(object(tool), warn) end
  if #tools > 0 then rq.tools = tools end
  local choice = object(given(body.tool_choice))
  if choice.type ~= nil then
    rq.tool_choice = { type = CHOICES[choice.type] or "auto", name = text_of(choice.name) }
  end
  if choice.disable_parallel_tool_use == true then rq.parallel_tools = false end
end

-- ---- thinking and the form of the answer --------------------------------------------------------

local function add_thinking(rq, body)
  local thinking_ = object(given(body.thinking))
  local config = object(given(body.output_config))
  local reasoning = { effort = text_of(config.effort) }
  if thinking_.type == "enabled" or thinking_.type == "adaptive" then
    reasoning.enabled = true
    reasoning.budget = number_of(thinking_.budget_tokens)
    reasoning.adaptive = thinking_.type == "adaptive" or nil
    reasoning.show = thinking_.display ~= "omitted"
  elseif thinking_.type == "disabled" then
    reasoning.enabled, reasoning.effort = false, "none"
  end
  if next(reasoning) then rq.reasoning = reasoning end
end

local function add_format(rq, body)
  local config = object(given(body.output_config))
  local format = given(config.format) or given(body.output_format)
  if type(format) == "table" and format.type == "json_schema" then
    rq.response_format = { type = "json_schema", schema = given(format.schema), strict = true }
  end
  local more = {}
  for name, value in pairs(config) do
    if name ~= "effort" and name ~= "format" and value ~= core.null then more[name] = value end
  end
  if next(more) then rq.ext.output_config = more end
end

-- ---- the whole ----------------------------------------------------------------------------------

local KNOWN = {
  model = true, messages = true, system = true, max_tokens = true, metadata = true,
  stop_sequences = true, stream = true, temperature = true, top_k = true, top_p = true,
  tools = true, tool_choice = true, thinking = true, service_tier = true, output_config = true,
  output_format = true, cache_control = true, anthropic_version = true,
}

local function texts(list)
  local result = {}
  for _, text in ipairs(object(given(list))) do result[#result + 1] = text_of(text) end
  return #result > 0 and result or nil
end

local TIERS = { auto = "auto", standard_only = "default" }

local NUMBERS = { "max_tokens", "temperature", "top_p", "top_k" }

local function add_settings(rq, body)
  rq.max_tokens, rq.temperature = number_of(body.max_tokens), number_of(body.temperature)
  rq.top_p, rq.top_k = number_of(body.top_p), number_of(body.top_k)
  rq.stop = texts(body.stop_sequences)
  rq.user = text_of(object(given(body.metadata)).user_id)
  local tier = text_of(body.service_tier)
  rq.service_tier = tier and (TIERS[tier] or tier)
  rq.cache = given(body.cache_control)
  return canonical.wrong_number(body, NUMBERS)
end

--- The canonical request, or nil and what is wrong.
-- @tparam table body decoded, with `input`, `input_schema` and `schema` raw
function M.decode(body, call)
  if type(body) ~= "table" then return wrong("the body must be an object") end
  local rq = {
    op = call and call.op or "chat", model = text_of(body.model), stream = body.stream == true,
    include_usage = true, ext = {},
  }
  local problem
  rq.messages, problem = messages_of(body.messages)
  if not rq.messages then return nil, problem end
  rq.system = system_parts(body.system)
  problem = add_settings(rq, body)
  if problem then return nil, problem end
  add_tools(rq, body, call and call.warn or function() end)
  add_thinking(rq, body)
  add_format(rq, body)
  for name, value in pairs(body) do
    if not KNOWN[name] and value ~= core.null then rq.ext[name] = value end
  end
  if not next(rq.ext) then rq.ext = nil end
  return rq
end

return M
