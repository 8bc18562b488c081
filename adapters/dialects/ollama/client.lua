-- What a client asks for in Ollama's words, at /api/chat and /api/generate, as a canonical request.
-- Pure.
local canonical = require("tide.canonical")
local core = require("core")
local media = require("dialects.ollama.media")
local reply = require("dialects.ollama.reply")
local shape = require("dialects.ollama.shape")

local M = {}

local given, text_of, table_of = canonical.given, canonical.text_of, canonical.table_of
local string_of, number_of = canonical.string_of, canonical.number_of

-- What is wrong with the request is raised as { message =, param = }, and caught in M.decode().
local function refuse(message, param)
  error({ message = message, param = param }, 0)
end

-- ---- messages -----------------------------------------------------------------------------------

-- Pictures stand before the words, as Ollama shows them to its models.
local function content_of(text, images)
  local content = {}
  for _, data in ipairs(table_of(images)) do
    if text_of(data) then content[#content + 1] = media.part(data) end
  end
  if text_of(text) then content[#content + 1] = { type = "text", text = text } end
  return content
end

local function remember(state, part)
  state.names[part.id] = part.name
  state.open[#state.open + 1] = part
end

local function add_calls(content, calls, state)
  for _, call in ipairs(table_of(calls)) do
    call = table_of(call)
    local called = table_of(call["function"])
    state.count = state.count + 1
    local name = text_of(called.name) or ""
    local part = {
      type = "tool_use", id = text_of(call.id) or canonical.call_id(state.count, name),
      name = name, arguments = (canonical.arguments(called.arguments)),
    }
    remember(state, part)
    content[#content + 1] = part
  end
end

local function take_open(state, name, value)
  for i, part in ipairs(state.open) do
    if value == nil or part[name] == value then return table.remove(state.open, i) end
  end
end

-- A result names its call by id, by name and order, or by order alone.
local function call_of(message, state)
  local id, name = text_of(message.tool_call_id), text_of(message.tool_name)
    or text_of(message.name)
  if id then return take_open(state, "id", id) or { id = id, name = state.names[id] or name } end
  local call = name and take_open(state, "name", name) or take_open(state)
  if call then return call end
  state.count = state.count + 1
  return { id = canonical.call_id(state.count, name or ""), name = name }
end

local ROLES = {}

function ROLES.system(message, state)
  local content = content_of(message.content, message.images)
  if #state.messages > 0 then return { role = "system", content = content } end
  for _, part in ipairs(content) do state.system[#state.system + 1] = part end
end

ROLES.developer = ROLES.system

function ROLES.user(message)
  return { role = "user", content = content_of(message.content, message.images) }
end

-- What came as a stream is sent back in pieces, which are one message again.
local function add_piece(content, part)
  local last = content[#content]
  if last and last.type == part.type and (part.type == "text" or part.type == "reasoning") then
    last.text = last.text .. part.text
  else
    content[#content + 1] = part
  end
end

function ROLES.assistant(message, state)
  local made = state.messages[#state.messages]
  local goes_on = made ~= nil and made.role == "assistant"
  if not goes_on then made, state.open = { role = "assistant", content = {} }, {} end
  if text_of(message.thinking) then
    add_piece(made.content, { type = "reasoning", text = message.thinking })
  end
  for _, part in ipairs(content_of(message.content, message.images)) do
    add_piece(made.content, part)
  end
  add_calls(made.content, message.tool_calls, state)
  return not goes_on and made or nil
end

-- The results of one turn's calls stand in one message of the user.
function ROLES.tool(message, state)
  local call = call_of(message, state)
  local last = state.messages[#state.messages]
  if not (last and last == state.results) then
    last = { role = "user", content = {} }
    state.results = last
    state.messages[#state.messages + 1] = last
  end
  last.content[#last.content + 1] = {
    type = "tool_result", id = call.id, name = call.name,
    content = content_of(message.content, message.images),
  }
end

local function read_message(message, state, param)
  if type(message) ~= "table" then refuse(param .. " must be an object", param) end
  local content = given(message.content)
  if content ~= nil and type(content) ~= "string" then
    refuse(param .. ".content must be a string", param .. ".content")
  end
  local take = ROLES[(string_of(message.role) or ""):lower()]
  if not take then
    refuse(param .. " needs a role: system, user, assistant or tool", param .. ".role")
  end
  return take(message, state)
end

local function read_messages(rq, body)
  local list = given(body.messages)
  if type(list) ~= "table" or #list == 0 and next(list) ~= nil then
    refuse("messages must be a list", "messages")
  end
  local state = { system = {}, messages = {}, names = {}, open = {}, count = 0 }
  for i, message in ipairs(list) do
    local made = read_message(message, state, "messages[" .. i - 1 .. "]")
    if made then state.messages[#state.messages + 1] = made end
  end
  rq.messages, rq.system = state.messages, #state.system > 0 and state.system or nil
end

-- ---- tools --------------------------------------------------------------------------------------

local function raw_of(value)
  value = given(value)
  if type(value) ~= "table" then return nil end
  return core.is_raw(value) and value or core.raw(core.encode(value))
end

local function read_tools(rq, body)
  local tools = {}
  for i, tool in ipairs(table_of(given(body.tools))) do
    local declared = table_of(tool)["function"]
    if type(declared) ~= "table" or not text_of(declared.name) then
      refuse("a tool needs a function with a name", "tools[" .. i - 1 .. "]")
    end
    tools[i] = {
      type = "function", name = declared.name, description = text_of(declared.description),
      parameters = raw_of(declared.parameters),
    }
  end
  rq.tools = #tools > 0 and tools or nil
end

-- ---- settings -----------------------------------------------------------------------------------

local NUMBERS = {
  temperature = "temperature", top_p = "top_p", top_k = "top_k",
  presence_penalty = "presence_penalty", frequency_penalty = "frequency_penalty",
}

-- Below 0 they mean: no limit, any number.
local NATURAL = { num_predict = "max_tokens", seed = "seed" }

local OPTIONS = { stop = true }

local function read_stop(rq, stop)
  if text_of(stop) then stop = { stop } end
  local list = {}
  for _, text in ipairs(table_of(stop)) do list[#list + 1] = text_of(text) end
  rq.stop = #list > 0 and list or nil
end

local function read_options(rq, body)
  local options = table_of(given(body.options))
  for theirs, ours in pairs(NUMBERS) do rq[ours] = number_of(options[theirs]) end
  for theirs, ours in pairs(NATURAL) do
    local value = number_of(options[theirs])
    rq[ours] = value and value >= 0 and value or nil
  end
  read_stop(rq, options.stop)
  for name, value in pairs(options) do
    local is_known = OPTIONS[name] or NUMBERS[name] or NATURAL[name]
    if not is_known and value ~= core.null then rq.ext["options." .. tostring(name)] = value end
  end
end

-- "" and null are what some clients write for nothing.
local function read_format(rq, body)
  local format = given(body.format)
  if format == "json" then
    rq.response_format = { type = "json" }
  elseif type(format) == "table" then
    rq.response_format = { type = "json_schema", name = "response", schema = raw_of(format) }
  elseif format ~= nil and format ~= "" then
    refuse("format must be \"json\" or a JSON schema", "format")
  end
end

local LEVELS = { low = true, medium = true, high = true, max = true }

local function read_think(rq, body)
  local think = given(body.think)
  if think == nil or think == "" then return end
  if think == true then
    rq.reasoning = { enabled = true, show = true }
  elseif think == false then
    rq.reasoning = { enabled = false, effort = "none" }
  elseif LEVELS[think] then
    rq.reasoning = { enabled = true, effort = think, show = true }
  else
    refuse("think must be true, false, \"low\", \"medium\", \"high\" or \"max\"", "think")
  end
end

-- ---- the whole ----------------------------------------------------------------------------------

local COMMON = {
  model = true, stream = true, options = true, format = true, think = true, logprobs = true,
  top_logprobs = true, images = true,
}
local OF_CHAT = { messages = true, tools = true }
local OF_GENERATE = { prompt = true, system = true }

local function is_nothing(value)
  return value == core.null or value == "" or value == false
    or type(value) == "table" and next(value) == nil
end

local function read_rest(rq, body, known)
  rq.logprobs = given(body.logprobs) == true or nil
  rq.top_logprobs = rq.logprobs and number_of(body.top_logprobs) or nil
  for name, value in pairs(body) do
    if not (COMMON[name] or known[name] or is_nothing(value)) then rq.ext[name] = value end
  end
end

local function read_prompt(rq, body)
  rq.messages = { { role = "user", content = content_of(body.prompt, body.images) } }
  local system = text_of(body.system)
  rq.system = system and { { type = "text", text = system } } or nil
end

local function read(rq, body, call)
  local is_generate = call.endpoint == "generate"
  if is_generate then
    read_prompt(rq, body)
  else
    read_messages(rq, body)
    read_tools(rq, body)
  end
  read_options(rq, body)
  read_format(rq, body)
  read_think(rq, body)
  read_rest(rq, body, is_generate and OF_GENERATE or OF_CHAT)
  if next(rq.ext) == nil then rq.ext = nil end
  return rq
end

-- ---- loading ------------------------------------------------------------------------------------

-- A request that says nothing has the model loaded, or unloaded: for a provider elsewhere there is
-- nothing to do.
local function says_nothing(body, call)
  if call.endpoint == "generate" then return not text_of(body.prompt) end
  local messages = given(body.messages)
  return messages == nil or type(messages) == "table" and next(messages) == nil
end

local function is_zero(value)
  return value == 0 or type(value) == "string" and value:find("^%-?0[smh]*$") ~= nil
end

--- decode_request of the dialect.
-- @tparam table body decoded, with the raw members of the dialect
-- @tparam table call
-- @treturn table|nil rq
-- @treturn nil|table { message =, param = }, or { reply = what the gateway answers by itself }
function M.decode(body, call)
  local problem = shape.of_chat(body, call.endpoint)
  if problem then return nil, problem end
  if says_nothing(body, call) then
    return nil, { reply = reply.loaded(is_zero(body.keep_alive) and "unload" or "load", call) }
  end
  local ok, result = pcall(read, {
    op = "chat", model = call.asked, stream = call.stream or false, include_usage = true,
    messages = {}, ext = {},
  }, body, call)
  if ok then return result end
  if type(result) == "table" and result.param then return nil, result end
  error(result, 0)
end

return M
