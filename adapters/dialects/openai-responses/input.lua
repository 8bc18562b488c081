-- The input items of a client's request, as canonical messages. Pure.
local core = require("core")
local canonical = require("tide.canonical")
local seals = require("dialects.openai-responses.seals")

local M = {}

local given, text, object = canonical.given, canonical.text_of, canonical.table_of

-- The first mistake is told; what follows it is not looked at.
local function refuse(reading, message, param)
  reading.wrong = reading.wrong or { message = message, param = param }
end

-- ---- parts of a message -------------------------------------------------------------------------

local function cache_of(part)
  if given(part.prompt_cache_breakpoint) ~= nil then return { type = "ephemeral" } end
end

local function text_part(part)
  return { type = "text", text = type(part.text) == "string" and part.text or "",
    cache = cache_of(part) }
end

local function image_part(part, reading, place)
  local url = part.image_url
  if type(url) == "table" and url ~= core.null then url = url.url end
  local mime, data = canonical.parse_data_url(url)
  local image = {
    type = "image", data = data, mime = mime,
    url = not data and text(url) or nil, id = text(part.file_id), detail = text(part.detail),
    cache = cache_of(part),
  }
  if not (image.data or image.url or image.id) then
    refuse(reading, "an input_image needs 'image_url' or 'file_id'", place)
  end
  return image
end

local EXTENSIONS = {
  pdf = "application/pdf", txt = "text/plain", md = "text/markdown", csv = "text/csv",
  json = "application/json", html = "text/html",
}

local function mime_of(name)
  local extension = name and name:match("%.(%w+)$")
  return EXTENSIONS[extension and extension:lower()] or "application/pdf"
end

local function file_part(part, reading, place)
  local name = text(part.filename)
  local mime, data = canonical.parse_data_url(part.file_data)
  data = data or text(part.file_data)
  local file = {
    type = "file", name = name, data = data, mime = data and (mime or mime_of(name)) or nil,
    url = text(part.file_url), id = text(part.file_id), cache = cache_of(part),
  }
  if not (data or file.url or file.id) then
    refuse(reading, "an input_file needs 'file_data', 'file_url' or 'file_id'", place)
  end
  return file
end

local function audio_part(part, reading, place)
  local audio = object(part.input_audio)
  if not text(audio.data) then refuse(reading, "an input_audio needs 'data'", place) end
  local format = text(audio.format) or "wav"
  return {
    type = "audio", data = audio.data, format = format, mime = canonical.audio_mime(format),
  }
end

local function refusal_part(part)
  return { type = "refusal", text = text(part.refusal) or "" }
end

local PARTS = {
  input_text = text_part, output_text = text_part, text = text_part, summary_text = text_part,
  refusal = refusal_part, input_image = image_part, input_file = file_part,
  input_audio = audio_part,
}

-- A string, or a list of parts.
local function parts_of(content, reading, place)
  if type(content) == "string" then return { { type = "text", text = content } } end
  local parts = {}
  if given(content) == nil then return parts end
  if type(content) ~= "table" then
    refuse(reading, "'content' must be a string or a list", place)
    return parts
  end
  for i, part in ipairs(content) do
    local where = place .. "[" .. (i - 1) .. "]"
    local read = PARTS[object(part).type]
    if read then
      parts[#parts + 1] = read(part, reading, where)
    else
      refuse(reading, "unknown type of content '" .. tostring(object(part).type) .. "'", where)
    end
  end
  return parts
end

-- ---- items --------------------------------------------------------------------------------------

local function last_message(reading, role)
  local messages = reading.messages
  local last = messages[#messages]
  if last and last.role == role then return last end
end

local function add_message(reading, role, parts)
  reading.messages[#reading.messages + 1] = { role = role, content = parts }
end

-- What the assistant said in one turn is one message.
local function add_assistant(reading, part)
  local last = last_message(reading, "assistant")
  if last then last.content[#last.content + 1] = part
  else add_message(reading, "assistant", { part }) end
end

-- So are the results that follow one turn.
local function add_result(reading, part)
  local last = last_message(reading, "user")
  if last and last.is_results then
    last.content[#last.content + 1] = part
  else
    add_message(reading, "user", { part })
    reading.messages[#reading.messages].is_results = true
  end
end

local function has_text(message)
  for _, part in ipairs(message and message.content or {}) do
    if part.type == "text" then return true end
  end
  return false
end

-- Texts of several items stay `apart`: they are no pieces of one.
local function add_message_item(reading, item, place)
  local role, parts = item.role, parts_of(item.content, reading, place .. ".content")
  if role == "system" or role == "developer" then
    if #reading.messages > 0 then
      add_message(reading, "system", parts)
    else
      for _, part in ipairs(parts) do reading.system[#reading.system + 1] = part end
    end
  elseif role == "assistant" then
    if parts[1] and has_text(last_message(reading, "assistant")) then parts[1].apart = true end
    for _, part in ipairs(parts) do add_assistant(reading, part) end
    if #parts == 0 then add_message(reading, "assistant", parts) end
  elseif role == "user" then
    add_message(reading, "user", parts)
  else
    refuse(reading, "unknown role '" .. tostring(role) .. "'", place .. ".role")
  end
end

local function needs(reading, item, name, place)
  if not text(item[name]) then
    refuse(reading, "a " .. item.type .. " needs '" .. name .. "'", place .. "." .. name)
  end
  return item[name]
end

-- A call's own signature comes as a reasoning item before it that holds nothing else.
local function take_signature(reading, part)
  local kept = reading.kept
  reading.kept = nil
  if kept then part.signature, part.format = kept.signature, kept.format end
  return part
end

local function add_call(reading, item, place)
  local arguments = given(item.arguments)
  if type(arguments) == "table" then
    arguments = core.is_raw(arguments) and arguments.raw or core.encode(arguments)
  end
  add_assistant(reading, take_signature(reading, {
    type = "tool_use", id = needs(reading, item, "call_id", place),
    name = needs(reading, item, "name", place), arguments = text(arguments) or "{}",
  }))
end

local function add_custom_call(reading, item, place)
  add_assistant(reading, take_signature(reading, {
    type = "tool_use", kind = "custom", id = needs(reading, item, "call_id", place),
    name = needs(reading, item, "name", place), input = text(item.input) or "",
  }))
end

local function add_output(reading, item, place)
  local output = given(item.output)
  add_result(reading, {
    type = "tool_result", id = needs(reading, item, "call_id", place),
    content = parts_of(output, reading, place .. ".output"),
  })
end

local function joined(parts)
  local pieces = {}
  for _, part in ipairs(object(parts)) do pieces[#pieces + 1] = text(object(part).text) end
  return #pieces > 0 and table.concat(pieces, "\n\n") or nil
end

local function sign_text(reading, seal)
  local last = last_message(reading, "assistant")
  local part = last and last.content[#last.content]
  if part then part.signature, part.format = seal.signature, seal.format end
end

local function add_thought(reading, item, seal, content, summary)
  local id = text(item.id)
  if content and summary and content ~= summary then
    add_assistant(reading, { type = "reasoning", text = summary, summary = true, id = id })
  end
  add_assistant(reading, {
    type = "reasoning", text = content or summary or "",
    summary = not (content or seal.is_foreign) or nil, id = id,
    signature = seal.signature, redacted = seal.redacted, format = seal.format,
  })
end

local function add_reasoning(reading, item)
  local content, summary = joined(item.content), joined(item.summary)
  local seal = seals.read(text(item.encrypted_content))
  if seal.of == "text" then
    sign_text(reading, seal)
  elseif seal.of == "call" then
    reading.kept = seal
  elseif content or summary or seal.format then
    add_thought(reading, item, seal, content, summary)
  end
end

local function refuse_reference(reading, _, place)
  refuse(reading, "an item_reference cannot be used with this model: items are kept by the "
    .. "provider that gave them, and this request is translated for another one. Send the item "
    .. "itself.", place)
end

local ITEMS = {
  message = add_message_item, function_call = add_call, function_call_output = add_output,
  custom_tool_call = add_custom_call, custom_tool_call_output = add_output,
  reasoning = add_reasoning, item_reference = refuse_reference,
}

-- Calls of tools that OpenAI runs itself, and whatever is new.
local function add_opaque(reading, item)
  local kind = item.type
  local part = {
    type = "opaque", dialect = "openai-responses", value = core.raw(core.encode(item)), what = kind,
  }
  if kind:find("_output$") or kind == "mcp_approval_response" then add_result(reading, part)
  else add_assistant(reading, part) end
end

-- A signature that no call follows is kept as reasoning of its own.
local function flush_signature(reading)
  local kept = reading.kept
  reading.kept = nil
  if kept then
    add_assistant(reading, {
      type = "reasoning", text = "", signature = kept.signature, format = kept.format,
    })
  end
end

local function add_item(reading, item, place)
  local kind = given(item.type)
  if kind == nil then
    kind = item.role and "message" or (text(item.id) and "item_reference") or nil
  end
  if type(kind) ~= "string" then
    refuse(reading, "an item of 'input' needs a 'type' or a 'role'", place)
    return
  end
  if kind ~= "function_call" and kind ~= "custom_tool_call" then flush_signature(reading) end
  local add = ITEMS[kind] or add_opaque
  add(reading, item, place)
end

local function add_items(reading, items)
  for i, item in ipairs(items) do
    local place = "input[" .. (i - 1) .. "]"
    if type(item) == "table" and item ~= core.null then
      add_item(reading, item, place)
    else
      refuse(reading, "an item of 'input' must be an object", place)
    end
    if reading.wrong then return end
  end
  flush_signature(reading)
end

--- Reads `instructions` and `input` into rq.system and rq.messages.
-- @treturn table|nil what is wrong, { message =, param = }
function M.read(body, rq)
  local reading = { system = {}, messages = {} }
  local instructions, items = given(body.instructions), given(body.input)
  if type(instructions) == "string" then
    if instructions ~= "" then reading.system[1] = { type = "text", text = instructions } end
  elseif type(instructions) == "table" then
    add_items(reading, instructions)
  end
  if items == nil then
    refuse(reading, "missing required parameter: 'input'", "input")
  elseif type(items) == "string" then
    add_message(reading, "user", { { type = "text", text = items } })
  elseif type(items) == "table" then
    add_items(reading, items)
  else
    refuse(reading, "'input' must be a string or a list of items", "input")
  end
  for _, message in ipairs(reading.messages) do message.is_results = nil end
  rq.system = #reading.system > 0 and reading.system or nil
  rq.messages = reading.messages
  return reading.wrong
end

return M
