-- The messages of a canonical request as Gemini's contents. Pure.
local canonical = require("tide.canonical")
local core = require("core")
local custom_tools = require("tide.custom_tools")
local media = require("dialects.gemini.media")

local M = {}

-- Gemini 3 refuses a call of its history that has no signature. This stands for one that another
-- model made; the field is one of bytes, hence base64 ("skip_thought_signature_validator").
local DUMMY = "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I="

local function sign(written, part)
  if part.signature and part.format == "gemini" then written.thoughtSignature = part.signature end
  return written
end

-- A response is an object: what is none is wrapped.
local function response_of(text, is_error)
  if is_error then return { error = text } end
  if text:find("^%s*{") and core.decode(text) ~= nil then return core.raw(text) end
  if text:find("^%s*%[") and core.decode(text) ~= nil then return { result = core.raw(text) } end
  return { result = text }
end

local function textual(part)
  if part.type == "text" or part.type == "refusal" then return part.text end
  return part.type == "file" and not part.data and not part.url and part.text or nil
end

local writers = {}

function writers.text(part)
  if part.text == "" and not (part.signature and part.format == "gemini") then return nil end
  return sign({ text = part.text }, part)
end

function writers.refusal(part) return { text = part.text } end

-- Thoughts of other models are nothing that Gemini has thought. One without words is the signature
-- of the picture or sound before it, which the canonical form has not.
function writers.reasoning(part, context, before)
  local is_own = part.format == "gemini"
    or part.format == nil and context.call.client_dialect == "gemini"
  if not is_own or not part.text then return nil end
  if part.text ~= "" then return sign({ text = part.text, thought = true }, part) end
  if part.signature and before and before.inlineData and not before.thoughtSignature then
    sign(before, part)
  elseif part.signature then
    return sign({ text = "", thought = true }, part)
  end
end

local function media_part(part, context)
  if part.citations then context.call.warn("citations") end
  local written = media.part(part)
  if not written then context.call.warn(part.type) end
  if part.detail and part.detail ~= "auto" then context.call.warn("detail") end
  return written
end

writers.image, writers.audio, writers.video = media_part, media_part, media_part
writers.file = media_part

function writers.tool_use(part, context)
  context.names[part.id] = part.name
  local arguments = part.kind == "custom" and custom_tools.arguments(part.input)
    or canonical.arguments(part.arguments)
  return sign({
    functionCall = {
      id = part.id, name = part.name, args = core.raw(arguments),
    },
  }, part)
end

function writers.opaque(part, context)
  if part.dialect == "gemini" then return part.value end
  context.call.warn(part.what or "content")
end

-- `before` is the part that was written before it, if any.
local function write_part(part, context, before)
  if part.cache then context.call.warn("cache_control") end
  local write = writers[part.type]
  if write then return write(part, context, before) end
  context.call.warn(tostring(part.type))
end

-- Pictures and files of a result stand beside it, which every model accepts.
local function write_result(part, context, responses, others)
  local texts = {}
  for _, piece in ipairs(part.content or {}) do
    local text = textual(piece)
    if text then
      texts[#texts + 1] = text
    else
      others[#others + 1] = write_part(piece, context)
    end
  end
  if part.cache then context.call.warn("cache_control") end
  responses[#responses + 1] = {
    functionResponse = {
      id = part.id,
      name = part.name or context.names[part.id] or part.id,
      response = response_of(table.concat(texts, "\n"), part.is_error),
    },
  }
end

-- Only the first of parallel calls is signed, and only where none of the turn has a signature of
-- its own is one missing.
local function sign_calls(parts)
  local first
  for _, part in ipairs(parts) do
    if type(part) == "table" and part.functionCall then
      if part.thoughtSignature then return end
      first = first or part
    end
  end
  if first then first.thoughtSignature = DUMMY end
end

local function add(list, more)
  for _, item in ipairs(more) do list[#list + 1] = item end
end

local function turn_of(contents, role)
  local last = contents[#contents]
  if not (last and last.role == role) then
    last = { role = role, parts = core.array({}) }
    contents[#contents + 1] = last
  end
  return last
end

local ROLES = { assistant = "model", user = "user", system = "user" }

-- All results of a turn's calls stand before anything else that the user says.
local function write_message(message, context, contents)
  if message.name then context.call.warn("name") end
  local responses, others = {}, {}
  for _, part in ipairs(message.content) do
    if part.type == "tool_result" then
      write_result(part, context, responses, others)
    else
      others[#others + 1] = write_part(part, context, others[#others])
    end
  end
  if #responses + #others == 0 then return end
  local turn = turn_of(contents, ROLES[message.role] or "user")
  if #responses > 0 then
    turn.responses = turn.responses or 0
    for _, response in ipairs(responses) do
      turn.responses = turn.responses + 1
      table.insert(turn.parts, turn.responses, response)
    end
  end
  add(turn.parts, others)
end

-- Results come in the order of their calls.
local function sort_responses(turn, before)
  local places, count = {}, 0
  for _, part in ipairs(before and before.parts or {}) do
    local called = type(part) == "table" and part.functionCall
    if called and called.id then
      count = count + 1
      places[called.id] = count
    end
  end
  local responses = {}
  for i = 1, turn.responses do responses[i] = { part = turn.parts[i], at = i } end
  table.sort(responses, function(a, b)
    local left = places[a.part.functionResponse.id] or math.huge
    local right = places[b.part.functionResponse.id] or math.huge
    if left ~= right then return left < right end
    return a.at < b.at
  end)
  for i, response in ipairs(responses) do turn.parts[i] = response.part end
end

local function strip_ids(parts)
  for _, part in ipairs(parts) do
    if type(part) == "table" and not core.is_raw(part) then
      local named = part.functionCall or part.functionResponse
      if named then named.id = nil end
    end
  end
end

local function close_turn(turn, before, traits)
  if turn.responses then sort_responses(turn, before) end
  turn.responses = nil
  if turn.role == "model" and traits.signatures == "required" then sign_calls(turn.parts) end
end

local function instruction_of(system, call)
  local parts = core.array({})
  for _, part in ipairs(system) do
    if part.text and part.text ~= "" then parts[#parts + 1] = { text = part.text } end
    if part.cache then call.warn("cache_control") end
  end
  return #parts > 0 and { parts = parts } or nil
end

--- The contents of a request, and its instruction.
-- @tparam table rq
-- @tparam table call its `traits` decide: `signatures` = "required" (Gemini 3), `call_ids` = false
--   where calls have no ids (before Gemini 3), `system` = false where there is no instruction
-- @treturn table array of contents
-- @treturn table|nil
function M.contents(rq, call)
  local traits, contents = call.traits or {}, core.array({})
  local context = { call = call, names = {} }
  -- A request must have contents: an instruction alone is what the user says.
  local as_user = rq.system and (traits.system == false or #rq.messages == 0)
  if as_user then write_message({ role = "user", content = rq.system }, context, contents) end
  for _, message in ipairs(rq.messages) do write_message(message, context, contents) end
  for i, turn in ipairs(contents) do close_turn(turn, contents[i - 1], traits) end
  if traits.call_ids == false then
    for _, turn in ipairs(contents) do strip_ids(turn.parts) end
  end
  return contents, not as_user and rq.system and instruction_of(rq.system, call) or nil
end

return M
