-- Canonical messages as those of an openai-chat request. Pure. What providers differ in comes as
-- traits, see adapters/dialects/README.md.
local canonical = require("tide.canonical")
local core = require("core")
local custom_tools = require("tide.custom_tools")
local reasoning = require("dialects.openai-chat.reasoning")

local M = {}

local DIALECT = "openai-chat"

-- ---- content parts ------------------------------------------------------------------------------

local function cache_of(out, part)
  if not part.cache then return nil end
  if out.traits.cache_control then return part.cache end
  out.warn("cache_control")
end

local function text_part(out, part, text)
  return { type = "text", text = text or part.text, cache_control = cache_of(out, part) }
end

local function address_of(part)
  return part.url or part.data and canonical.data_url(part.mime, part.data)
end

local PARTS = {}

function PARTS.text(out, part)
  if part.citations then out.warn("citations") end
  return text_part(out, part)
end

function PARTS.image(out, part)
  local url = address_of(part)
  if not url then return out.warn("an image by its id") end
  return {
    type = "image_url", image_url = { url = url, detail = part.detail },
    cache_control = cache_of(out, part),
  }
end

function PARTS.audio(out, part)
  if not part.data then return out.warn("audio by its id") end
  local format = part.format or part.mime and canonical.audio_format(part.mime) or "wav"
  local said = { data = part.data, format = format }
  if out.traits.input_audio == "text" then said = part.data end
  return { type = "input_audio", input_audio = said, cache_control = cache_of(out, part) }
end

local function document_text(part)
  local text = part.text
  if not text and part.data and (part.mime or ""):find("^text/") then
    text = core.base64.decode(part.data)
  end
  if not text then return nil end
  local head = part.title or part.name
  if part.context then text = part.context .. "\n\n" .. text end
  return head and head .. "\n\n" .. text or text
end

local function file_of(part, url)
  if not url then return { file_id = part.id } end
  return { file_data = url, filename = part.name or part.title or "file" }
end

--- Whether a part with an address must be sent as data.
function M.needs_bytes(part, call)
  local traits = call.traits or {}
  return traits.urls == false or part.type == "file" and traits.files ~= "document_url"
end

function PARTS.file(out, part)
  if part.citations then out.warn("citations") end
  local text, url = document_text(part), address_of(part)
  if text then return text_part(out, part, text) end
  if not url and not part.id then return out.warn("a file without contents") end
  if url and out.traits.files == "document_url" then
    return { type = "document_url", document_url = url, document_name = part.name or part.title }
  end
  return { type = "file", file = file_of(part, url), cache_control = cache_of(out, part) }
end

function PARTS.video(out, part)
  local url = address_of(part)
  if not url then return out.warn("a video by its id") end
  return { type = "video_url", video_url = { url = url }, cache_control = cache_of(out, part) }
end

function PARTS.refusal(_, part)
  return { type = "refusal", refusal = part.text }
end

function PARTS.opaque(out, part)
  if part.dialect == DIALECT then return part.value end
  return out.warn(part.what or "a part of another dialect")
end

local function part_of(out, part)
  local write = PARTS[part.type]
  if write then return write(out, part) end
  return out.warn(part.type)
end

-- One text without a marker is a string, which every server accepts.
local function content_of(out, list)
  if #list == 0 then return "" end
  local is_text = true
  for _, part in ipairs(list) do
    is_text = is_text and part.type == "text" and not part.cache_control
  end
  if is_text and #list == 1 then return list[1].text end
  if is_text and out.traits.text_parts == false then
    local texts = {}
    for i, part in ipairs(list) do texts[i] = part.text end
    return table.concat(texts, "\n\n")
  end
  return core.array(list)
end

local function parts_of(out, parts)
  local list = {}
  for _, part in ipairs(parts) do list[#list + 1] = part_of(out, part) end
  return list
end

local function as_list(content)
  if type(content) == "table" then return content end
  return core.array({ { type = "text", text = content } })
end

-- Where the assistant must speak first, the user's words stand in the last result.
local function join_result(out, message)
  local last = out.messages[#out.messages]
  if out.traits.user_after_tool ~= false or message.role ~= "user" then return false end
  if not last or last.role ~= "tool" then return false end
  local list = core.array(canonical.copy(as_list(last.content)))
  for _, part in ipairs(as_list(message.content)) do list[#list + 1] = part end
  last.content = list
  return true
end

local function add(out, message, name)
  if join_result(out, message) then return end
  if name and out.traits.names == false then
    out.warn("name")
  else
    message.name = name
  end
  out.messages[#out.messages + 1] = message
end

-- ---- results of tools ---------------------------------------------------------------------------

-- Results are text here. What else a tool gave is shown by the user, right behind the results.
local function add_result(out, part, shown)
  local list = {}
  for _, inner in ipairs(part.content or {}) do
    local written = part_of(out, inner)
    if written and written.type == "text" then
      list[#list + 1] = written
    elseif written then
      if #shown == 0 or shown.id ~= part.id then
        shown.id = part.id
        shown[#shown + 1] = { type = "text", text = "From the tool call " .. part.id .. ":" }
      end
      shown[#shown + 1] = written
    end
  end
  if part.cache then out.warn("cache_control") end
  if part.is_error then out.warn("is_error") end
  local message = {
    role = "tool", tool_call_id = out.ids(part.id), content = content_of(out, list),
  }
  add(out, message, out.traits.tool_names and part.name or nil)
end

local function add_user(out, message)
  local list, rest, has_results = {}, {}, false
  for _, part in ipairs(message.content) do
    if part.type == "tool_result" then
      has_results = true
      add_result(out, part, list)
    else
      rest[#rest + 1] = part_of(out, part)
    end
  end
  for _, part in ipairs(rest) do list[#list + 1] = part end
  if #list == 0 and has_results then return end
  list.id = nil
  add(out, { role = "user", content = content_of(out, list) }, message.name)
end

-- ---- the assistant ------------------------------------------------------------------------------

local function extra_content(part)
  if not part.signature or part.format ~= "gemini" then return nil end
  return { google = { thought_signature = part.signature } }
end

local function call_of(out, part)
  local call = { id = out.ids(part.id), type = "function" }
  if part.kind == "custom" and out.traits.custom_tools then
    call.type, call.custom = "custom", { name = part.name, input = part.input }
    return call
  end
  local arguments = part.arguments
  if part.kind == "custom" then arguments = custom_tools.arguments(part.input) end
  if part.cache then out.warn("cache_control") end
  call["function"] = { name = part.name, arguments = arguments }
  if out.traits.extra_content then call.extra_content = extra_content(part) end
  return call
end

-- Mistral's thoughts stand in the content.
local function think_in_content(message, text)
  local content = message.content
  if type(content) == "string" and content ~= "" then
    content = { { type = "text", text = content } }
  elseif type(content) ~= "table" then
    content = {}
  end
  local thought = core.array({ { type = "text", text = text } })
  local list = { { type = "thinking", thinking = thought } }
  for _, part in ipairs(content) do list[#list + 1] = part end
  message.content = core.array(list)
end

-- What this provider wants to see again of its thoughts.
local function add_reasoning(out, message, parts, has_calls)
  local how = out.traits.reasoning_back
  if not how or out.traits.reasoning_when == "tools" and not has_calls then return end
  local text, details = reasoning.fields(parts)
  if how == "reasoning_details" then
    message.reasoning, message.reasoning_details = text, details
  elseif how == "content" then
    if text then think_in_content(message, text) end
  else
    message[how] = text or has_calls and "" or nil
  end
end

local ASSISTANT = {}

function ASSISTANT.text(out, part, said)
  if part.apart and #said.list > 0 then said.is_apart = true end
  said.list[#said.list + 1] = { type = "text", text = part.text,
    cache_control = cache_of(out, part) }
  if out.traits.extra_content then said.extra_content = extra_content(part) end
end

function ASSISTANT.refusal(_, part, said)
  said.refusal = (said.refusal or "") .. part.text
end

function ASSISTANT.tool_use(out, part, said)
  said.calls[#said.calls + 1] = call_of(out, part)
end

function ASSISTANT.audio(out, part, said)
  if part.id then
    said.audio = { id = part.id }
  elseif part.transcript then
    said.list[#said.list + 1] = { type = "text", text = part.transcript }
  else
    out.warn("audio")
  end
end

function ASSISTANT.image(out, part, said)
  local written = out.traits.images_back and PARTS.image(out, part)
  if written then
    said.images[#said.images + 1] = written
  else
    out.warn("an image of the assistant")
  end
end

function ASSISTANT.opaque(out, part, said)
  said.list[#said.list + 1] = PARTS.opaque(out, part)
end

function ASSISTANT.reasoning() end

-- Pieces of one answer that stood apart for their sources are one text again; several texts stay
-- what they are.
local function joined(out, said)
  local list = said.list
  if said.is_apart or out.traits.cache_control or #list < 2 then return list end
  local texts = {}
  for i, part in ipairs(list) do
    if part.type ~= "text" then return list end
    texts[i] = part.text
  end
  return { { type = "text", text = table.concat(texts) } }
end

local function add_assistant(out, message)
  local said = { list = {}, calls = {}, images = {} }
  for _, part in ipairs(message.content) do
    local write = ASSISTANT[part.type]
    if write then
      write(out, part, said)
    else
      out.warn(part.type)
    end
  end
  local has_calls = #said.calls > 0
  local made = {
    role = "assistant", refusal = said.refusal, audio = said.audio,
    extra_content = said.extra_content,
    tool_calls = has_calls and core.array(said.calls) or nil,
    images = #said.images > 0 and core.array(said.images) or nil,
  }
  local is_other = has_calls or said.refusal or said.audio
  made.content = #said.list == 0 and is_other and core.null
    or content_of(out, joined(out, said))
  add_reasoning(out, made, message.content, has_calls)
  add(out, made, message.name)
end

-- ---- all of them --------------------------------------------------------------------------------

local function add_system(out, content, name)
  local list = parts_of(out, content)
  if #list == 0 then return end
  local role = out.traits.system_role or "system"
  add(out, { role = role, content = content_of(out, list) }, name)
end

local ROLES = {
  user = add_user, assistant = add_assistant,
  system = function(out, message) add_system(out, message.content, message.name) end,
}

--- Writes them.
-- @tparam table rq canonical request; not changed
-- @tparam table traits
-- @tparam function warn takes the name of what cannot be carried
-- @treturn table the list for `messages`
function M.write(rq, traits, warn)
  local out = {
    traits = traits, warn = warn, messages = {},
    ids = canonical.tool_ids(traits.tool_ids or { max = 40, any = true }),
  }
  add_system(out, rq.system or {})
  for _, message in ipairs(rq.messages or {}) do
    local write = ROLES[message.role]
    if write then write(out, message) end
  end
  local last = out.messages[#out.messages]
  if traits.prefix and last and last.role == "assistant" then last.prefix = true end
  return core.array(out.messages)
end

return M
