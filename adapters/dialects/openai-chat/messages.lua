-- The messages of an openai-chat request as canonical ones. Pure.
local canonical = require("tide.canonical")
local reasoning = require("dialects.openai-chat.reasoning")

local given, text_of, string_of = canonical.given, canonical.text_of, canonical.string_of
local table_of = canonical.table_of

local M = {}

local DIALECT = "openai-chat"

-- ---- failing ------------------------------------------------------------------------------------

-- What is wrong with the request is raised as { message =, param = }, and caught in M.read().
local function refuse(message, param)
  error({ message = message, param = param }, 0)
end

-- ---- content parts ------------------------------------------------------------------------------

local function cache_of(part)
  local cache = given(part.cache_control)
  return type(cache) == "table" and cache or nil
end

-- An address, or the data that it holds.
local function media(part, url)
  local mime, data = canonical.parse_data_url(url)
  if mime then
    part.mime, part.data = mime, data
  else
    part.url = url
  end
  return part
end

-- { url = "..." }, or the address itself, as Mistral has it.
local function url_of(part, name, param)
  local value = given(part[name])
  local url = text_of(value) or text_of(table_of(value).url)
  if not url then refuse("a part of type " .. name .. " needs an address", param) end
  return url
end

local PARTS = {}

function PARTS.text(part, param)
  local text = string_of(part.text)
  if not text then refuse("a part of type text needs its text, a string", param) end
  return { type = "text", text = text, cache = cache_of(part) }
end

function PARTS.image_url(part, param)
  local made = { type = "image", cache = cache_of(part) }
  made.detail = text_of(table_of(part.image_url).detail)
  return media(made, url_of(part, "image_url", param))
end

function PARTS.input_audio(part, param)
  local value = given(part.input_audio)
  local said = type(value) == "table" and value or { data = value }
  local data = text_of(said.data)
  if not data then refuse("a part of type input_audio needs its data", param) end
  local mime, inner = canonical.parse_data_url(data)
  local format = text_of(said.format)
  return {
    type = "audio", data = inner or data, format = format or mime and canonical.audio_format(mime),
    mime = format and canonical.audio_mime(format) or mime, cache = cache_of(part),
  }
end

local MIMES = {
  pdf = "application/pdf", txt = "text/plain", md = "text/markdown", csv = "text/csv",
  html = "text/html", json = "application/json", xml = "application/xml",
}

local function mime_of(name)
  return name and MIMES[name:lower():match("%.(%w+)$")] or "application/pdf"
end

function PARTS.file(part, param)
  local said = table_of(part.file)
  local name, data, id = text_of(said.filename), text_of(said.file_data), text_of(said.file_id)
  local made = { type = "file", name = name, cache = cache_of(part), id = id }
  if data and data:find("^https?://") then
    made.url = data
  elseif data then
    media(made, data)
    if made.url then made.url, made.data, made.mime = nil, data, mime_of(name) end
  elseif text_of(said.file_url) then
    made.url = said.file_url
  elseif not id then
    refuse("a part of type file needs file_data or file_id", param)
  end
  return made
end

function PARTS.document_url(part, param)
  return media({
    type = "file", name = text_of(part.document_name), cache = cache_of(part),
  }, url_of(part, "document_url", param))
end

function PARTS.video_url(part, param)
  return media({ type = "video", cache = cache_of(part) }, url_of(part, "video_url", param))
end

function PARTS.refusal(part)
  return { type = "refusal", text = string_of(part.refusal) or "" }
end

-- Mistral's thoughts stand in the content.
function PARTS.thinking(part)
  local pieces = {}
  for _, item in ipairs(table_of(part.thinking)) do
    pieces[#pieces + 1] = text_of(table_of(item).text)
  end
  local text = string_of(part.thinking) or table.concat(pieces)
  return { type = "reasoning", text = text }
end

local function part_of(part, param)
  if type(part) == "string" then return { type = "text", text = part } end
  if type(part) ~= "table" then refuse("a part of the content must be an object", param) end
  local read = PARTS[part.type]
  if read then return read(part, param) end
  local what = text_of(part.type)
  if not what then refuse("a part of the content needs a type", param .. ".type") end
  return { type = "opaque", dialect = DIALECT, value = part, what = what }
end

-- Content is a string, a list of parts, or nothing.
local function content_of(message, param)
  local content, parts = given(message.content), {}
  if content == nil then return parts end
  param = param .. ".content"
  if type(content) == "string" then
    if content ~= "" then parts[1] = { type = "text", text = content } end
    return parts
  end
  if type(content) ~= "table" or #content == 0 and next(content) ~= nil then
    refuse("the content of a message must be a string or a list of parts", param)
  end
  for i, part in ipairs(content) do
    parts[i] = part_of(part, param .. "[" .. i - 1 .. "]")
  end
  return parts
end

-- ---- tool calls ---------------------------------------------------------------------------------

local function signature_of(owner)
  return text_of(table_of(table_of(owner.extra_content).google).thought_signature)
end

-- Names of the calls so far, and those of the last turn that have no result yet.
local function remember(state, part)
  state.names[part.id] = part.name
  state.open[#state.open + 1] = part
end

local function call_of(call, state, param)
  if type(call) ~= "table" then refuse("a tool call must be an object", param) end
  local custom = type(call.custom) == "table" and call.custom
  local called = custom or table_of(call["function"])
  local name = text_of(called.name)
  if not name then refuse("a tool call needs the name of what it calls", param) end
  state.count = state.count + 1
  local signature = signature_of(call)
  local part = {
    type = "tool_use", id = text_of(call.id) or canonical.call_id(state.count, name), name = name,
    signature = signature, format = signature and "gemini", cache = cache_of(call),
  }
  if custom then
    part.kind, part.input = "custom", string_of(custom.input) or ""
  else
    part.arguments = canonical.arguments(called.arguments)
  end
  remember(state, part)
  return part
end

local function add_calls(content, message, state, param)
  for i, call in ipairs(table_of(message.tool_calls)) do
    content[#content + 1] = call_of(call, state, param .. ".tool_calls[" .. i - 1 .. "]")
  end
  local old = message.function_call
  if type(old) == "table" then
    content[#content + 1] = call_of({ ["function"] = old }, state, param .. ".function_call")
  end
end

local function take_open(state, fits)
  for i, part in ipairs(state.open) do
    if fits(part) then return table.remove(state.open, i) end
  end
end

local function find_call(message, state)
  local id, name = text_of(message.tool_call_id), text_of(message.name)
  if id then
    return take_open(state, function(part) return part.id == id end) or { id = id }
  end
  return name and take_open(state, function(part) return part.name == name end)
    or take_open(state, function() return true end)
end

-- ---- roles --------------------------------------------------------------------------------------

local ROLES = {}

function ROLES.system(message, state, param)
  local content = content_of(message, param)
  if #state.messages > 0 then
    return { role = "system", content = content, name = text_of(message.name) }
  end
  for _, part in ipairs(content) do state.system[#state.system + 1] = part end
end
ROLES.developer = ROLES.system

function ROLES.user(message, _, param)
  return { role = "user", content = content_of(message, param), name = text_of(message.name) }
end

-- A signature that belongs to the text as a whole.
local function sign(content, signature)
  for i = #content, 1, -1 do
    if content[i].type == "text" then
      content[i].signature, content[i].format = signature, "gemini"
      return
    end
  end
end

function ROLES.assistant(message, state, param)
  local content = reasoning.parts(message)
  for _, part in ipairs(content_of(message, param)) do content[#content + 1] = part end
  local signature = signature_of(message)
  if signature then sign(content, signature) end
  if text_of(message.refusal) then
    content[#content + 1] = { type = "refusal", text = message.refusal }
  end
  local spoken = text_of(table_of(message.audio).id)
  if spoken then content[#content + 1] = { type = "audio", id = spoken } end
  for _, image in ipairs(table_of(message.images)) do
    content[#content + 1] = part_of(image, param .. ".images")
  end
  state.open = {}
  add_calls(content, message, state, param)
  return { role = "assistant", content = content, name = text_of(message.name) }
end

-- The results of one turn's calls stand in one message of the user.
function ROLES.tool(message, state, param)
  local call = find_call(message, state)
  if not call then
    refuse("a result needs tool_call_id, the id of the call", param .. ".tool_call_id")
  end
  local last = state.messages[#state.messages]
  if not (last and last == state.results) then
    last = { role = "user", content = {} }
    state.results = last
    state.messages[#state.messages + 1] = last
  end
  last.content[#last.content + 1] = {
    type = "tool_result", id = call.id, content = content_of(message, param),
    name = call.name or text_of(message.name) or state.names[call.id], cache = cache_of(message),
  }
end
ROLES["function"] = ROLES.tool

local function read(messages)
  local state = { system = {}, messages = {}, names = {}, open = {}, count = 0 }
  for i, message in ipairs(messages) do
    local param = "messages[" .. i - 1 .. "]"
    if type(message) ~= "table" then refuse("a message must be an object", param) end
    local take = ROLES[message.role]
    if not take then
      refuse("a message needs a role: developer, system, user, assistant or tool",
        param .. ".role")
    end
    local made = take(message, state, param)
    if made then state.messages[#state.messages + 1] = made end
  end
  return state
end

--- Reads them.
-- @param messages of the body
-- @treturn table|nil { system = parts, messages = list }
-- @treturn nil|table { message =, param = } when they cannot be read
function M.read(messages)
  if type(messages) ~= "table" or #messages == 0 and next(messages) ~= nil then
    return nil, { message = "messages must be a list", param = "messages" }
  end
  local ok, result = pcall(read, messages)
  if ok then return result end
  if type(result) == "table" and result.param then return nil, result end
  error(result, 0)
end


return M
