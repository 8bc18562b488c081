-- The messages of a canonical request as Ollama's: one text each, pictures and sound beside it as
-- base64, results of tools in messages of their own. Pure.
local canonical = require("tide.canonical")
local core = require("core")
local custom_tools = require("tide.custom_tools")

local M = {}

-- ---- what a message holds -----------------------------------------------------------------------

local function new_said()
  return { texts = {}, images = {} }
end

-- Said in the place where it stood, so that the model does not guess.
local function missing(said, what, call)
  call.warn(what)
  said.texts[#said.texts + 1] = "[" .. what .. " that this model cannot take was left out]"
end

local function add_bytes(said, part, call)
  if not part.data then return missing(said, part.type, call) end
  if part.detail and part.detail ~= "auto" then call.warn("detail") end
  said.images[#said.images + 1] = part.data
end

local TEXT_MIMES = {
  ["application/json"] = true, ["application/xml"] = true, ["application/yaml"] = true,
  ["application/x-yaml"] = true, ["application/javascript"] = true,
}

local function text_of_file(part)
  if part.text then return part.text end
  local mime = part.mime or ""
  if part.data and (mime:find("^text/") or TEXT_MIMES[mime]) then
    return core.base64.decode(part.data)
  end
end

local PARTS = {}

function PARTS.text(said, part)
  if part.text ~= "" then said.texts[#said.texts + 1] = part.text end
end

PARTS.refusal = PARTS.text
PARTS.image = add_bytes
PARTS.audio = add_bytes -- models that hear take it where others take pictures

function PARTS.file(said, part, call)
  if part.citations then call.warn("citations") end
  if part.data and (part.mime or ""):find("^image/") then return add_bytes(said, part, call) end
  local text = text_of_file(part)
  if not text then return missing(said, "file", call) end
  for _, piece in ipairs({ part.title or part.name or "", part.context or "", text }) do
    if piece ~= "" then said.texts[#said.texts + 1] = piece end
  end
end

function PARTS.video(said, _, call) missing(said, "video", call) end

local function add_part(said, part, call)
  if part.cache then call.warn("cache_control") end
  local add = PARTS[part.type]
  if add then return add(said, part, call) end
  call.warn(part.what or tostring(part.type))
end

local function message_of(role, said, separator)
  return {
    role = role, content = table.concat(said.texts, separator or "\n\n"),
    images = #said.images > 0 and core.array(said.images) or nil,
  }
end

-- ---- roles --------------------------------------------------------------------------------------

local function result_of(part, context)
  local said, call = new_said(), context.call
  for _, piece in ipairs(part.content or {}) do add_part(said, piece, call) end
  if part.cache then call.warn("cache_control") end
  if part.is_error then call.warn("is_error") end
  local message = message_of("tool", said, "\n")
  message.tool_name = part.name or context.names[part.id]
  message.tool_call_id = part.id
  return message
end

local function add_user(list, message, context)
  local said, has_results = new_said(), false
  for _, part in ipairs(message.content) do
    if part.type == "tool_result" then
      has_results = true
      list[#list + 1] = result_of(part, context)
    else
      add_part(said, part, context.call)
    end
  end
  if has_results and #said.texts + #said.images == 0 then return end
  list[#list + 1] = message_of("user", said)
end

local function call_of(part, context)
  context.count = context.count + 1
  if part.id then context.names[part.id], context.places[part.id] = part.name, context.count end
  local arguments = part.kind == "custom" and custom_tools.arguments(part.input)
    or canonical.arguments(part.arguments)
  return { id = part.id, ["function"] = { name = part.name, arguments = core.raw(arguments) } }
end

-- The pieces of one answer are one text again.
local function add_spoken(said, part)
  local last = said.texts[#said.texts]
  if not last or part.apart then
    said.texts[#said.texts + 1] = part.text
  else
    said.texts[#said.texts] = last .. part.text
  end
end

local SPOKEN = {
  text = function(said, part) add_spoken(said, part) end,
  refusal = function(said, part) add_spoken(said, part) end,
  reasoning = function(said, part)
    if part.text and part.text ~= "" then said.thoughts[#said.thoughts + 1] = part.text end
  end,
  tool_use = function(said, part, context)
    said.calls[#said.calls + 1] = call_of(part, context)
  end,
  audio = function(said, part, context)
    if not part.transcript then return context.call.warn("audio") end
    add_spoken(said, { text = part.transcript })
  end,
  image = function(_, _, context) context.call.warn("an image of the assistant") end,
}

local function add_assistant(list, message, context)
  local said, call = new_said(), context.call
  said.thoughts, said.calls = {}, core.array({})
  for _, part in ipairs(message.content) do
    local add = SPOKEN[part.type]
    if add then add(said, part, context) else call.warn(part.what or tostring(part.type)) end
    if part.cache then call.warn("cache_control") end
  end
  local made = message_of("assistant", said)
  made.thinking = #said.thoughts > 0 and table.concat(said.thoughts, "\n\n") or nil
  made.tool_calls = #said.calls > 0 and said.calls or nil
  list[#list + 1] = made
end

local function add_system(list, content, context)
  local said = new_said()
  for _, part in ipairs(content) do add_part(said, part, context.call) end
  if #said.texts > 0 then list[#list + 1] = message_of("system", said) end
end

-- A model knows whose a result is by its place: results stand in the order of their calls.
local function sort_results(list, places)
  local first = 1
  while first <= #list do
    local run = {}
    while list[first + #run] and list[first + #run].role == "tool" do
      local message = list[first + #run]
      run[#run + 1] = { message = message, at = #run, place = places[message.tool_call_id] or 0 }
    end
    table.sort(run, function(a, b)
      if a.place ~= b.place then return a.place < b.place end
      return a.at < b.at
    end)
    for i, one in ipairs(run) do list[first + i - 1] = one.message end
    first = first + #run + 1
  end
end

local ROLES = {
  user = add_user, assistant = add_assistant,
  system = function(list, message, context) add_system(list, message.content, context) end,
}

--- The messages of a request.
-- @tparam table rq
-- @tparam table call
-- @treturn table array
function M.messages(rq, call)
  local list = core.array({})
  local context = { call = call, names = {}, places = {}, count = 0 }
  add_system(list, rq.system or {}, context)
  for _, message in ipairs(rq.messages or {}) do
    if message.name then call.warn("name") end
    local add = ROLES[message.role]
    if add then add(list, message, context) end
  end
  sort_results(list, context.places)
  return list
end

return M
