-- What Cohere answers, whole or streamed, as canonical events. Never raises on odd input. Pure.
local canonical = require("tide.canonical")
local citations = require("dialects.cohere-v2.citations")
local core = require("core")

local M = {}

--- Marks what a model says before its tool calls, its plan, among other reasoning.
M.PLAN = "cohere_plan"

local given, string_of, text_of = canonical.given, canonical.string_of, canonical.text_of
local number_of, table_of = canonical.number_of, canonical.table_of

local REASONS = {
  COMPLETE = "stop", STOP_SEQUENCE = "stop", MAX_TOKENS = "length", TOOL_CALL = "tool_calls",
  ERROR = "error", TIMEOUT = "error", ERROR_TOXIC = "content_filter", ERROR_LIMIT = "length",
  USER_CANCEL = "error",
}
local KINDS = { TIMEOUT = "timeout" }

-- ---- what both forms share ----------------------------------------------------------------------

--- Counts of tokens in the gateway's words. `tokens` is what the model read and wrote; what of it
-- is charged, `billed_units`, leaves out what Cohere itself adds to a prompt and is told besides.
function M.usage(value)
  local tokens = table_of(given(value.tokens))
  local billed = table_of(given(value.billed_units))
  local input = number_of(tokens.input_tokens)
  return {
    input = input or number_of(billed.input_tokens),
    output = number_of(tokens.output_tokens) or number_of(billed.output_tokens),
    cached = input and number_of(value.cached_tokens),
    reasoning = number_of(tokens.reasoning_tokens),
    billed_input = number_of(billed.input_tokens), billed_output = number_of(billed.output_tokens),
  }
end

local function add_usage(value, emit)
  if type(value) == "table" and value ~= core.null then emit("usage", M.usage(value)) end
end

local function add_finish(said, message, emit)
  local raw = text_of(said)
  local reason = raw and REASONS[raw] or "stop"
  if text_of(message) then reason = "error" end
  emit("finish", {
    reason = reason, raw = raw, kind = reason == "error" and (KINDS[raw] or "upstream_5xx") or nil,
    message = text_of(message)
      or reason == "error" and "the provider broke off with " .. (raw or "an error") or nil,
  })
end

-- Cohere's tokens are those of a piece of text; that of the piece is the product.
local function logprob_of(item)
  item = table_of(item)
  local text, sum = string_of(item.text), nil
  for _, one in ipairs(table_of(given(item.logprobs))) do
    if type(one) == "number" then sum = (sum or 0) + one end
  end
  if not text or not sum then return nil end
  return { token = text, logprob = sum, top_logprobs = core.array({}) }
end

local function logprobs_of(list)
  local result = {}
  for _, item in ipairs(list) do result[#result + 1] = logprob_of(item) end
  return #result > 0 and result or nil
end

-- Where the blocks of text begin, in characters of all text.
local function offsets(state)
  return function(index)
    return index and state.blocks[index] or index == nil and state.first or 0
  end
end

local function say(state, emit, text, logprobs)
  state.length = state.length + canonical.length(text)
  emit("text", { delta = text, logprobs = logprobs })
end

local function open_text(state, index)
  state.blocks[index] = state.length
  state.first = state.first or state.length
end

local function begin(state)
  state.blocks, state.calls, state.count, state.length = {}, {}, 0, 0
end

--- What an error says: { message, type }, or nil when it is none.
function M.error_of(body)
  if type(body) == "string" then body = core.decode(body) end
  if type(body) ~= "table" then return nil end
  local inner = given(body.error)
  if type(inner) == "table" then body = inner end
  local message = string_of(body.message) or string_of(inner)
  if not message then return nil end
  return { message = message, type = text_of(body.error_type) }
end

local function add_error(body, emit)
  local err = M.error_of(body) or {}
  err.message = err.message or "the provider reported an error"
  emit("error", { error = err })
end

local function is_error(body)
  return type(body.message) == "string" or given(body.error) ~= nil
end

-- ---- tool calls ---------------------------------------------------------------------------------

local function arguments_of(called)
  local value = given(called.arguments)
  if type(value) == "table" then return canonical.json_text(value) end
  return text_of(value)
end

local function start_call(state, index, call, emit)
  local called = table_of(given(call["function"]))
  state.count = state.count + 1
  state.calls[index] = state.count
  emit("tool_start", {
    i = state.count, id = text_of(call.id), name = text_of(called.name),
  })
  local arguments = arguments_of(called)
  if arguments then emit("tool_args", { i = state.count, delta = arguments }) end
end

-- ---- whole answers ------------------------------------------------------------------------------

local function add_block(block, index, state, emit)
  if type(block) == "string" then block = { type = "text", text = block } end
  block = table_of(block)
  if text_of(block.thinking) then
    emit("reasoning", { delta = block.thinking })
  elseif string_of(block.text) then
    open_text(state, index)
    say(state, emit, block.text)
  elseif block.type ~= "text" and block.type ~= "thinking" then
    emit("dropped", { what = text_of(block.type) or "a block of the content" })
  end
end

local function add_message(message, state, emit)
  if text_of(message.tool_plan) then
    emit("reasoning", { delta = message.tool_plan, format = M.PLAN })
  end
  local content = given(message.content)
  if type(content) == "string" then content = { content } end
  for i, block in ipairs(table_of(content)) do add_block(block, i - 1, state, emit) end
  for _, citation in ipairs(table_of(given(message.citations))) do
    citations.emit(citation, offsets(state), emit)
  end
  for i, call in ipairs(table_of(given(message.tool_calls))) do
    start_call(state, i, table_of(call), emit)
    emit("tool_end", { i = state.count })
  end
end

--- The events of a whole answer.
-- @tparam table body decoded
function M.decode(body, emit)
  body = table_of(body)
  local message = given(body.message)
  if is_error(body) then return add_error(body, emit) end
  if type(message) ~= "table" then
    return emit("error", { error = { kind = "protocol", message = "the answer has no message" } })
  end
  local state = {}
  begin(state)
  emit("start", { id = text_of(body.id), model = text_of(body.model) })
  add_message(message, state, emit)
  local logprobs = logprobs_of(table_of(given(body.logprobs)))
  if logprobs then emit("text", { delta = "", logprobs = logprobs }) end
  add_usage(body.usage, emit)
  add_finish(body.finish_reason, nil, emit)
end

-- ---- events of a stream -------------------------------------------------------------------------

local function message_in(data)
  return table_of(given(table_of(given(data.delta)).message))
end

-- A member that holds an object, or a list of one.
local function first_of(value)
  value = table_of(given(value))
  return type(value[1]) == "table" and value[1] or value
end

local function add_piece(data, state, emit)
  local content = given(message_in(data).content)
  if type(content) == "string" then content = { text = content } end
  content = first_of(content)
  local index = number_of(data.index) or 0
  if text_of(content.thinking) then emit("reasoning", { delta = content.thinking }) end
  local text = string_of(content.text)
  if not text then return end
  local logprobs = data.logprobs ~= nil and logprobs_of({ data.logprobs }) or nil
  if text == "" and not logprobs then return end
  if not state.blocks[index] then open_text(state, index) end
  say(state, emit, text, logprobs)
end

local Event = {}

Event["message-start"] = function(data, _, emit)
  emit("start", { id = text_of(data.id), model = text_of(data.model) })
end

Event["content-start"] = add_piece
Event["content-delta"] = add_piece

Event["tool-plan-delta"] = function(data, _, emit)
  local plan = text_of(message_in(data).tool_plan)
  if plan then emit("reasoning", { delta = plan, format = M.PLAN }) end
end

Event["tool-call-start"] = function(data, state, emit)
  start_call(state, number_of(data.index) or 0, first_of(message_in(data).tool_calls), emit)
end

Event["tool-call-delta"] = function(data, state, emit)
  local call = first_of(message_in(data).tool_calls)
  local arguments = arguments_of(table_of(given(call["function"])))
  if not arguments then return end
  local index = number_of(data.index) or 0
  emit("tool_args", { i = state.calls[index] or "no call", delta = arguments })
end

Event["tool-call-end"] = function(data, state, emit)
  local i = state.calls[number_of(data.index) or 0]
  if i then emit("tool_end", { i = i }) end
end

Event["citation-start"] = function(data, state, emit)
  citations.emit(first_of(message_in(data).citations), offsets(state), emit)
end

Event["message-end"] = function(data, _, emit)
  local delta = table_of(given(data.delta))
  add_usage(delta.usage, emit)
  add_finish(delta.finish_reason, delta.error, emit)
end

--- The canonical events of one event of a stream.
-- @tparam table event { name =, data = decoded }
-- @tparam table state of the attempt, empty at first
function M.event(event, emit, state)
  local data = event.data
  if type(data) ~= "table" or data == core.null then return end
  if not state.blocks then begin(state) end
  local take = Event[data.type] or Event[event.name]
  if take then return take(data, state, emit) end
  if event.name == "error" or data.type == nil and is_error(data) then add_error(data, emit) end
end

return M
