-- Canonical messages as those of a Cohere request. Pure. What models differ in comes as traits, see
-- adapters/dialects/README.md.
local answer = require("dialects.cohere-v2.answer")
local call_ids = require("tide.call_ids")
local canonical = require("tide.canonical")
local citations = require("dialects.cohere-v2.citations")
local core = require("core")
local custom_tools = require("tide.custom_tools")
local documents = require("dialects.cohere-v2.documents")

local M = {}

local DIALECT = "cohere-v2"

-- ---- content ------------------------------------------------------------------------------------

local function text_block(text)
  return { type = "text", text = text }
end

-- What the model would have to see or hear and cannot: said where it stood, so that it does not
-- guess.
local function left_out(out, what)
  out.warn(what)
  return text_block("[" .. what .. " that this model cannot take was left out]")
end

local Part = {}

function Part.text(_, part)
  return part.text ~= "" and text_block(part.text) or nil
end

function Part.image(out, part)
  local url = part.url or part.data and canonical.data_url(part.mime, part.data)
  if not url then return left_out(out, "image by its id") end
  return { type = "image_url", image_url = { url = url, detail = part.detail } }
end

-- Documents stand beside the conversation, where the answer can cite them.
function Part.file(out, part)
  if not documents.text(part) then return left_out(out, "file") end
  if not (part.citations or documents.own(part)) then
    return text_block(documents.plain(part))
  end
  if not out.takes_documents then
    out.warn("citations")
    return text_block(documents.plain(part))
  end
  out.documents[#out.documents + 1] = documents.document(part, out.used)
end

function Part.audio(out) return left_out(out, "audio") end
function Part.video(out) return left_out(out, "video") end

function Part.opaque(out, part)
  if part.dialect == DIALECT then return part.value end
  out.warn(part.what or "a part of another dialect")
end

local function block_of(out, part)
  if part.cache then out.warn("cache_control") end
  local write = Part[part.type]
  if write then return write(out, part) end
  out.warn(tostring(part.type))
end

-- One text is a string, which every model accepts.
local function content_of(list)
  if #list == 0 then return "" end
  if #list == 1 and list[1].type == "text" then return list[1].text end
  return core.array(list)
end

local function add(out, message)
  out.messages[#out.messages + 1] = message
end

-- ---- results of tools ---------------------------------------------------------------------------

local Result = {}

function Result.text(out, part) return Part.text(out, part) end

function Result.file(out, part)
  local document = documents.document(part, out.used)
  if not document then return left_out(out, "file") end
  return { type = "document", document = document }
end

-- Results are text and documents. What else a tool gave is shown by the user, behind the results.
local function add_result(out, part, shown)
  local list = {}
  for _, inner in ipairs(part.content or {}) do
    local write = Result[inner.type]
    if write then
      list[#list + 1] = write(out, inner)
    else
      if shown.id ~= part.id then
        shown.id = part.id
        shown[#shown + 1] = text_block("From the tool call " .. tostring(part.id) .. ":")
      end
      shown[#shown + 1] = block_of(out, inner)
    end
  end
  if part.is_error then out.warn("is_error") end
  if part.cache then out.warn("cache_control") end
  add(out, {
    role = "tool", tool_call_id = out.ids:of_result(part.id), content = content_of(list),
  })
end

-- ---- roles --------------------------------------------------------------------------------------

local Role = {}

function Role.user(out, message)
  local shown, list, has_results = {}, {}, false
  local before = #out.documents
  for _, part in ipairs(message.content) do
    if part.type == "tool_result" then
      has_results = true
      add_result(out, part, shown)
    end
  end
  shown.id = nil
  for _, block in ipairs(shown) do list[#list + 1] = block end
  for _, part in ipairs(message.content) do
    if part.type ~= "tool_result" then list[#list + 1] = block_of(out, part) end
  end
  if #list == 0 and #out.documents > before then list[1] = text_block("See the documents.") end
  if #list == 0 and has_results then return end
  add(out, { role = "user", content = content_of(list) })
end

function Role.system(out, message)
  local list = {}
  for _, part in ipairs(message.content) do list[#list + 1] = block_of(out, part) end
  if #list > 0 then add(out, { role = "system", content = content_of(list) }) end
end

local Said = {}

function Said.text(_, part, said)
  if part.text ~= "" then said.list[#said.list + 1] = text_block(part.text) end
  for _, citation in ipairs(part.citations or {}) do
    if citations.is_own(citation.raw) then
      said.citations[#said.citations + 1] = citation.raw
    end
  end
end

function Said.refusal(_, part, said)
  said.list[#said.list + 1] = text_block(part.text)
end

-- Models that do not think take what was thought before a call as their plan of it.
function Said.reasoning(out, part, said)
  if not part.text or part.text == "" then return end
  if said.has_calls and (part.format == answer.PLAN or out.traits.thinking == false) then
    said.plan[#said.plan + 1] = part.text
  elseif out.traits.thinking ~= false then
    said.list[#said.list + 1] = { type = "thinking", thinking = part.text }
  end
end

function Said.tool_use(out, part, said)
  local arguments = part.arguments
  if part.kind == "custom" then arguments = custom_tools.arguments(part.input) end
  said.calls[#said.calls + 1] = {
    id = out.ids:of_call(part.id), type = "function",
    ["function"] = { name = part.name, arguments = arguments },
  }
end

function Said.audio(out, part, said)
  if not part.transcript then return out.warn("audio") end
  said.list[#said.list + 1] = text_block(part.transcript)
end

function Said.image(out) out.warn("an image of the assistant") end

function Said.opaque(out, part, said)
  said.list[#said.list + 1] = Part.opaque(out, part)
end

local function has_calls(parts)
  for _, part in ipairs(parts) do
    if part.type == "tool_use" then return true end
  end
  return false
end

local function some(list)
  return #list > 0 and list or nil
end

local function message_of(said)
  local is_silent = #said.list == 0 and said.has_calls
  return {
    role = "assistant", content = not is_silent and content_of(said.list) or nil,
    tool_plan = some(said.plan) and table.concat(said.plan, "\n"), tool_calls = some(said.calls),
    citations = some(said.citations),
  }
end

function Role.assistant(out, message)
  local said = {
    list = {}, calls = core.array({}), citations = core.array({}), plan = {},
    has_calls = has_calls(message.content),
  }
  for _, part in ipairs(message.content) do
    if part.cache then out.warn("cache_control") end
    local write = Said[part.type]
    if write then
      write(out, part, said)
    else
      out.warn(tostring(part.type))
    end
  end
  add(out, message_of(said))
end

-- ---- all of them --------------------------------------------------------------------------------

-- The user, or a tool, has the last word.
local function close(out)
  local last = out.messages[#out.messages]
  if last and (last.role == "user" or last.role == "tool") then return end
  if not last or #out.messages == 1 and last.role == "system" then
    return add(out, { role = "user", content = "Begin." })
  end
  if last.role == "system" then
    out.warn("role of a system message at the end")
    last.role = "user"
    return
  end
  out.warn("assistant prefill")
  add(out, { role = "user", content = "Continue." })
end

--- Writes them.
-- @tparam table rq canonical request; not changed
-- @tparam table out { traits, warn, takes_documents = boolean }; gets `messages` and `documents`
function M.write(rq, out)
  out.messages, out.documents = core.array({}), core.array({})
  out.used, out.ids = {}, call_ids.new()
  Role.system(out, { content = rq.system or {} })
  for _, message in ipairs(rq.messages or {}) do
    if message.name then out.warn("name") end
    local write = Role[message.role]
    if write then write(out, message) end
  end
  close(out)
end

return M
