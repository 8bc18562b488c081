-- An answer in Ollama's words for its clients: whole, or a line for each piece. /api/generate says
-- in `response` what /api/chat says in a message. Pure.
local canonical = require("tide.canonical")
local core = require("core")
local custom_tools = require("tide.custom_tools")
local time = require("dialects.ollama.time")

local M = {}

local encode = core.encode

-- ---- pieces -------------------------------------------------------------------------------------

-- There is no word for an answer that was withheld; the gateway's says more than "stop".
local REASONS = { length = "length", content_filter = "content_filter" }

local function reason_of(reason)
  return REASONS[reason] or "stop"
end

local function call_of(index, call, arguments)
  local text = call.kind == "custom" and custom_tools.arguments(arguments)
    or canonical.arguments(arguments)
  return {
    id = call.id,
    ["function"] = { index = index - 1, name = call.name, arguments = core.raw(text) },
  }
end

local function tokens_of(list)
  local result = core.array({})
  for i, item in ipairs(list) do
    local token = { token = item.token, logprob = item.logprob, bytes = item.bytes }
    if item.top_logprobs then token.top_logprobs = tokens_of(item.top_logprobs) end
    result[i] = token
  end
  return result
end

-- In nanoseconds. Reading is what came before the first word; nothing has to be loaded.
local function add_times(body, seconds, first)
  local reading = first or 0
  body.total_duration = math.floor(seconds * 1e9)
  body.load_duration = 0
  body.prompt_eval_duration = math.floor(reading * 1e9)
  body.eval_duration = math.max(math.floor((seconds - reading) * 1e9), 1)
end

-- What the last line and a whole answer tell besides. Counts that nobody knows are left out.
local function add_end(body, reason, usage, call, first)
  usage = usage or {}
  body.done, body.done_reason = true, reason_of(reason)
  body.prompt_eval_count, body.eval_count = usage.input, usage.output
  add_times(body, call.elapsed and call.elapsed() or 0, first)
  return body
end

local function place(body, message, call)
  if call.endpoint ~= "generate" then
    message.role = "assistant"
    body.message = message
    return body
  end
  body.response, message.content = message.content, nil
  for name, value in pairs(message) do body[name] = value end
  return body
end

-- ---- streams ------------------------------------------------------------------------------------

-- What is the same in all lines is prepared once.
local function prepare(state, event, call)
  state.model = event.model or call.model
  state.created = time.text(event.created or call.created)
  local head = '{"model":' .. encode(state.model) .. ',"created_at":"' .. state.created .. '",'
  if call.endpoint == "generate" then
    state.head, state.tail = head .. '"response":', ""
  else
    state.head, state.tail = head .. '"message":{"role":"assistant","content":', "}"
  end
  state.line_end = state.tail .. ',"done":false}'
  state.count = 0
end

local function write_line(state, call, message, write, more)
  message.content = message.content or ""
  local body = { model = state.model, created_at = state.created, done = false }
  for name, value in pairs(more or {}) do body[name] = value end
  write(place(body, message, call))
end

-- The common lines are put together by hand; the rest is not worth it.
local writers = {}

function writers.text(event, write, state)
  if not event.logprobs then
    if event.delta == "" then return end
    return write(state.head .. encode(event.delta) .. state.line_end)
  end
  write(state.head .. encode(event.delta) .. state.tail .. ',"done":false,"logprobs":'
    .. encode(tokens_of(event.logprobs)) .. "}")
end

writers.refusal = writers.text

function writers.reasoning(event, write, state)
  if event.delta == "" then return end
  write(state.head .. '"","thinking":' .. encode(event.delta) .. state.line_end)
end

function writers.tool_start(event, _, state)
  state.tool, state.arguments = event, {}
end

function writers.tool_args(event, _, state)
  if state.arguments then state.arguments[#state.arguments + 1] = event.delta end
end

-- A call goes out whole, as clients expect it.
function writers.tool_end(_, write, state, call)
  if not state.tool then return end
  state.count = state.count + 1
  local made = call_of(state.count, state.tool, table.concat(state.arguments))
  state.tool, state.arguments = nil, nil
  write_line(state, call, { tool_calls = core.array({ made }) }, write)
end

function writers.image(event, write, state, call)
  if not event.data then return call.warn("image") end
  write_line(state, call, { images = core.array({ event.data }) }, write)
end

function writers.audio(event, write, state, call)
  if event.data and not state.has_audio then
    state.has_audio = true
    call.warn("audio")
  end
  if event.transcript and event.transcript ~= "" then
    writers.text({ delta = event.transcript }, write, state)
  end
end

function writers.citation(_, _, state, call)
  if not state.has_citations then call.warn("citations") end
  state.has_citations = true
end

function writers.finish(event, _, state) state.reason = event.reason end
function writers.usage(event, _, state) state.usage = event end

local COUNTS = { usage = true, finish = true }

--- encode_event of the dialect. Clients of Ollama get one answer.
function M.encode_event(event, write, state, call)
  local kind = event.type
  if not state.head then prepare(state, kind == "start" and event or {}, call) end
  local take = writers[kind]
  if (event.choice or 1) > 1 then
    if kind == "finish" then call.warn("choices after the first") end
    return
  end
  if not take then return end
  if not state.first and call.elapsed and not COUNTS[kind] then state.first = call.elapsed() end
  return take(event, write, state, call)
end

--- end_stream of the dialect.
function M.end_stream(write, state, call)
  if not state.head then prepare(state, {}, call) end
  local body = { model = state.model, created_at = state.created }
  place(body, { content = "" }, call)
  write(add_end(body, state.reason, state.usage, call, state.first))
end

-- ---- whole answers ------------------------------------------------------------------------------

local of_part = {}

function of_part.text(part, said, call)
  said.texts[#said.texts + 1] = part.text
  if part.citations then call.warn("citations") end
end

function of_part.refusal(part, said) said.texts[#said.texts + 1] = part.text end
function of_part.reasoning(part, said) said.thoughts[#said.thoughts + 1] = part.text end

function of_part.tool_use(part, said)
  local arguments = part.kind == "custom" and part.input or part.arguments
  said.calls[#said.calls + 1] = call_of(#said.calls + 1, part, arguments)
end

function of_part.image(part, said, call)
  if not part.data then return call.warn("image") end
  said.images[#said.images + 1] = part.data
end

function of_part.audio(part, said, call)
  if part.data then call.warn("audio") end
  said.texts[#said.texts + 1] = part.transcript
end

local function list_of(list)
  return #list > 0 and list or nil
end

local function text_of(list)
  return #list > 0 and table.concat(list) or nil
end

local function message_of(choice, call)
  local said = { texts = {}, thoughts = {}, calls = core.array({}), images = core.array({}) }
  for _, part in ipairs(choice.content) do
    local take = of_part[part.type]
    if take then take(part, said, call) end
  end
  if choice.citations then call.warn("citations") end
  return {
    content = table.concat(said.texts), thinking = text_of(said.thoughts),
    tool_calls = list_of(said.calls), images = list_of(said.images),
  }
end

--- encode_answer of the dialect.
function M.encode_answer(answer, call)
  local choice = answer.choices[1] or { content = {} }
  if #answer.choices > 1 then call.warn("choices after the first") end
  local body = {
    model = answer.model or call.model, created_at = time.text(answer.created or call.created),
    logprobs = choice.logprobs and tokens_of(choice.logprobs) or nil,
  }
  place(body, message_of(choice, call), call)
  return add_end(body, choice.finish_reason, answer.usage, call)
end

--- The answer to a request that only has a model loaded ("load"), or taken out of memory
-- ("unload").
function M.loaded(reason, call)
  local body = {
    model = call.asked, created_at = time.text(call.created), done = true, done_reason = reason,
  }
  return place(body, { content = "" }, call)
end

return M
