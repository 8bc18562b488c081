-- The messages of a Cohere client as canonical ones. Pure.
local answer = require("dialects.cohere-v2.answer")
local canonical = require("tide.canonical")
local citations = require("dialects.cohere-v2.citations")
local core = require("core")
local documents = require("dialects.cohere-v2.documents")

local M = {}

local DIALECT = "cohere-v2"

local given, string_of, text_of = canonical.given, canonical.string_of, canonical.text_of
local table_of, number_of = canonical.table_of, canonical.number_of

-- What is wrong with the request is raised as { message =, param = }, and caught in M.read().
local function refuse(message, param)
  error({ message = message, param = param }, 0)
end

-- ---- content ------------------------------------------------------------------------------------

-- What another provider signed came to the client in a member that Cohere does not have.
local function sign(part, block)
  local format, secret = canonical.unwrap(text_of(block.signature))
  if not format then return part end
  local owner = format:match("^(.*)%.redacted$")
  if owner then
    part.redacted, part.format = secret, owner
  elseif format ~= "unknown" then
    part.signature, part.format = secret, format
  end
  return part
end

local Part = {}

function Part.text(block, _, param)
  local text = string_of(block.text)
  if not text then refuse("a block of type text needs its text, a string", param) end
  return sign({ type = "text", text = text }, block)
end

function Part.image_url(block, _, param)
  local said = given(block.image_url)
  local url = text_of(said) or text_of(table_of(said).url)
  if not url then refuse("a block of type image_url needs an address", param) end
  local part = { type = "image", detail = text_of(table_of(said).detail) }
  local mime, data = canonical.parse_data_url(url)
  if mime then
    part.mime, part.data = mime, data
  else
    part.url = url
  end
  return part
end

function Part.thinking(block)
  local part = sign({ type = "reasoning", text = string_of(block.thinking) or "" }, block)
  if part.text ~= "" or part.signature or part.redacted then return part end
end

function Part.document(block, state)
  state.documents = state.documents + 1
  return documents.file(given(block.document), "doc:" .. state.documents - 1, state.is_cited)
end

local function part_of(block, state, param)
  if type(block) == "string" then return { type = "text", text = block } end
  if type(block) ~= "table" then refuse("a block of the content must be an object", param) end
  local read = Part[block.type]
  if read then return read(block, state, param) end
  local what = text_of(block.type)
  if not what then refuse("a block of the content needs a type", param .. ".type") end
  return { type = "opaque", dialect = DIALECT, value = block, what = what }
end

-- Content is a text, a list of blocks, or nothing.
local function content_of(message, state, param)
  local content, parts = given(message.content), {}
  if content == nil then return parts end
  param = param .. ".content"
  if type(content) == "string" then
    if content ~= "" then parts[1] = { type = "text", text = content } end
    return parts
  end
  if type(content) ~= "table" or #content == 0 and next(content) ~= nil then
    refuse("the content of a message must be a string or a list of blocks", param)
  end
  for i, block in ipairs(content) do
    local part = part_of(block, state, param .. "[" .. i - 1 .. "]")
    if part then
      parts[#parts + 1] = part
      state.part_of[i - 1] = part
    end
  end
  return parts
end

-- ---- roles --------------------------------------------------------------------------------------

local Role = {}

function Role.system(message, state, param)
  local content = content_of(message, state, param)
  if #state.messages > 0 then return { role = "system", content = content } end
  for _, part in ipairs(content) do state.system[#state.system + 1] = part end
end

function Role.user(message, state, param)
  return { role = "user", content = content_of(message, state, param) }
end

local function call_of(call, state, param)
  if type(call) ~= "table" then refuse("a tool call must be an object", param) end
  local called = table_of(given(call["function"]))
  local name = text_of(called.name)
  if not name then refuse("a tool call needs the name of its function", param) end
  state.calls = state.calls + 1
  local part = sign({
    type = "tool_use", id = text_of(call.id) or canonical.call_id(state.calls, name), name = name,
    arguments = (canonical.arguments(called.arguments)),
  }, call)
  state.names[part.id] = name
  return part
end

local function first_text(content)
  for _, part in ipairs(content) do
    if part.type == "text" then return part end
  end
end

-- They stand with the text that they are about.
local function add_citations(message, state, content)
  for _, raw in ipairs(table_of(given(message.citations))) do
    if citations.is_own(raw) then
      local index = number_of(raw.content_index)
      local part = index and state.part_of[index] or first_text(content)
      if part and part.type == "text" then
        part.citations = part.citations or {}
        part.citations[#part.citations + 1] = { quote = text_of(raw.text), raw = raw }
      end
    end
  end
end

function Role.assistant(message, state, param)
  state.part_of = {}
  local content = content_of(message, state, param)
  local plan = text_of(message.tool_plan)
  if plan then
    table.insert(content, 1, { type = "reasoning", text = plan, format = answer.PLAN })
  end
  add_citations(message, state, content)
  for i, call in ipairs(table_of(given(message.tool_calls))) do
    content[#content + 1] = call_of(call, state, param .. ".tool_calls[" .. i - 1 .. "]")
  end
  return { role = "assistant", content = content }
end

-- The results of one turn's calls stand in one message of the user.
function Role.tool(message, state, param)
  local id = text_of(message.tool_call_id)
  if not id then
    refuse("a result needs tool_call_id, the id of its call", param .. ".tool_call_id")
  end
  local last = state.messages[#state.messages]
  if not last or last ~= state.results then
    last = { role = "user", content = {} }
    state.results = last
    state.messages[#state.messages + 1] = last
  end
  last.content[#last.content + 1] = {
    type = "tool_result", id = id, name = state.names[id],
    content = content_of(message, state, param),
  }
end

-- ---- the whole ----------------------------------------------------------------------------------

local function is_question(message)
  if message.role ~= "user" then return false end
  for _, part in ipairs(message.content) do
    if part.type ~= "tool_result" then return true end
  end
  return false
end

local function files_of(list, state)
  local files = {}
  for i, document in ipairs(table_of(given(list))) do
    local file = documents.file(document, "doc:" .. i - 1, state.is_cited)
    if not file then
      refuse("a document is a text, or has `data`", "documents[" .. i - 1 .. "]")
    end
    files[i] = file
  end
  return files
end

-- The last message in which the user asks something; else the last one, when it is the user's.
local function question(messages)
  for i = #messages, 1, -1 do
    if is_question(messages[i]) then return messages[i] end
  end
  local last = messages[#messages]
  if not last or last.role ~= "user" then
    last = { role = "user", content = {} }
    messages[#messages + 1] = last
  end
  return last
end

-- What the answer may cite stands before the question, and behind results of tools.
local function add_documents(list, state)
  local files = files_of(list, state)
  if #files == 0 then return end
  local message = question(state.messages)
  local content, rest = {}, {}
  for _, part in ipairs(message.content) do
    local goes_to = part.type == "tool_result" and content or rest
    goes_to[#goes_to + 1] = part
  end
  for _, more in ipairs({ files, rest }) do
    for _, part in ipairs(more) do content[#content + 1] = part end
  end
  message.content = content
end

local function read(messages, list, is_cited)
  local state = {
    system = {}, messages = {}, names = {}, calls = 0, documents = 0, part_of = {},
    is_cited = is_cited,
  }
  for i, message in ipairs(messages) do
    local param = "messages[" .. i - 1 .. "]"
    if type(message) ~= "table" then refuse("a message must be an object", param) end
    local role = string_of(message.role)
    local take = role and Role[role:lower()]
    if not take then
      refuse("a message needs a role: system, user, assistant or tool", param .. ".role")
    end
    local made = take(message, state, param)
    if made then state.messages[#state.messages + 1] = made end
  end
  add_documents(list, state)
  return state
end

--- Reads them.
-- @param messages of the body
-- @param list its documents
-- @tparam boolean is_cited whether citations are wanted
-- @treturn table|nil { system = parts, messages = list }
-- @treturn nil|table { message =, param = } when they cannot be read
function M.read(messages, list, is_cited)
  if type(messages) ~= "table" or messages == core.null
    or #messages == 0 and next(messages) ~= nil then
    return nil, { message = "messages must be a list", param = "messages" }
  end
  local ok, result = pcall(read, messages, list, is_cited)
  if ok then return result end
  if type(result) == "table" and result.param then return nil, result end
  error(result, 0)
end

return M
