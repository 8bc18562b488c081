-- What a provider answers in the Responses protocol, whole or streamed, in canonical events. Pure.
--
-- Every event of a stream may be missing but the last: what a "done" or the final response tells
-- and no delta told before is told then. Items are known by `output_index`, or by id without one.
local canonical = require("tide.canonical")
local seals = require("dialects.openai-responses.seals")

local M = {}

local given, text, object = canonical.given, canonical.text_of, canonical.table_of
local number = canonical.number_of

-- ---- items and how much of them has been told ---------------------------------------------------

local function new_item(state, key)
  local item = { key = key, sent = {} }
  state.items[key] = item
  return item
end

local function item_of(state, data)
  local index, id = number(data.output_index), text(data.item_id)
  local item = index and state.items[index] or id and state.by_id[id]
  if not item then item = new_item(state, index or id or 0) end
  if id then state.by_id[id] = item end
  return item
end

-- What is new in `whole`.
local function rest(item, slot, whole)
  local sent = item.sent[slot] or 0
  if type(whole) ~= "string" or #whole <= sent then return nil end
  item.sent[slot] = #whole
  return sent == 0 and whole or whole:sub(sent + 1)
end

local function piece(item, slot, delta)
  if type(delta) ~= "string" or delta == "" then return nil end
  item.sent[slot] = (item.sent[slot] or 0) + #delta
  return delta
end

-- ---- messages -----------------------------------------------------------------------------------

local function probabilities(list)
  if type(list) == "table" and list[1] then return list end
end

local function tell_text(item, part, slot, emit)
  local delta = rest(item, slot, part.text)
  if delta then emit("text", { delta = delta, logprobs = probabilities(part.logprobs) }) end
end

local function tell_refusal(item, part, slot, emit)
  local delta = rest(item, slot, part.refusal)
  if delta then emit("refusal", { delta = delta }) end
end

local function citation_of(annotation)
  local start = number(annotation.start_index) or number(annotation.index)
  return {
    url = text(annotation.url), title = text(annotation.title) or text(annotation.filename),
    file = text(annotation.file_id), start = start, stop = number(annotation.end_index),
    raw = annotation,
  }
end

local function tell_citations(item, part, slot, emit)
  local annotations = object(part.annotations)
  for i = (item.cited and item.cited[slot] or 0) + 1, #annotations do
    if type(annotations[i]) == "table" then emit("citation", citation_of(annotations[i])) end
  end
end

local function tell_part(item, part, slot, emit)
  part = object(part)
  if part.type == "refusal" then
    tell_refusal(item, part, slot, emit)
  elseif part.type == "output_text" or part.type == "text" then
    tell_text(item, part, slot, emit)
    tell_citations(item, part, slot, emit)
  end
end

local function end_message(output, item, emit)
  if type(output.content) == "string" then
    tell_text(item, { text = output.content }, 0, emit)
    return
  end
  for i, part in ipairs(object(output.content)) do tell_part(item, part, i - 1, emit) end
end

-- ---- reasoning ----------------------------------------------------------------------------------

-- Paragraphs of a summary are apart.
local function tell_summary(item, index, delta, emit)
  if not delta then return end
  if item.paragraph and item.paragraph ~= index then delta = "\n\n" .. delta end
  item.paragraph = index
  emit("reasoning", { delta = delta, id = item.id, summary = true })
end

local function tell_thought(item, delta, emit)
  if delta then emit("reasoning", { delta = delta, id = item.id }) end
end

-- Slots of summaries are below zero: both kinds may be in one item.
local function summary_slot(index) return -1 - index end

local function tell_seal(item, sealed, emit)
  if not sealed then return end
  local seal = seals.read(sealed)
  if not (seal.signature or seal.redacted) then return end
  emit("reasoning", {
    signature = seal.signature, redacted = seal.redacted, format = seal.format, id = item.id,
    summary = item.paragraph and true or nil,
  })
end

local function end_reasoning(output, item, emit)
  item.id = item.id or text(output.id)
  for i, part in ipairs(object(output.content)) do
    tell_thought(item, rest(item, i - 1, object(part).text), emit)
  end
  for i, part in ipairs(object(output.summary)) do
    tell_summary(item, i - 1, rest(item, summary_slot(i - 1), object(part).text), emit)
  end
  tell_seal(item, text(output.encrypted_content), emit)
end

-- ---- calls --------------------------------------------------------------------------------------

local ARGUMENTS = -1000000

local function start_call(output, item, emit)
  if item.is_started then return end
  item.is_started = true
  emit("tool_start", {
    i = item.key, id = text(output.call_id) or text(output.id), name = text(output.name),
    kind = output.type == "custom_tool_call" and "custom" or nil,
  })
end

-- Without its start a piece waits for the whole call.
local function tell_arguments(data, emit, state)
  local item = item_of(state, data)
  if not item.is_started then return end
  local delta = piece(item, ARGUMENTS, data.delta)
  if delta then emit("tool_args", { i = item.key, delta = delta }) end
end

local function tell_rest_of_arguments(item, whole, emit)
  if not item.is_started then return end
  local delta = rest(item, ARGUMENTS, whole)
  if delta then emit("tool_args", { i = item.key, delta = delta }) end
end

local function end_call(output, item, emit)
  start_call(output, item, emit)
  local whole = output.type == "custom_tool_call" and output.input or output.arguments
  tell_rest_of_arguments(item, whole, emit)
  emit("tool_end", { i = item.key })
end

-- ---- other items --------------------------------------------------------------------------------

local function end_image(output, _, emit)
  local result = text(output.result)
  if not result then return end
  local mime, data = canonical.parse_data_url(result)
  emit("image", {
    data = data or result, mime = mime or "image/" .. (text(output.output_format) or "png"),
  })
end

local ENDS = {
  message = end_message, reasoning = end_reasoning, function_call = end_call,
  custom_tool_call = end_call, image_generation_call = end_image,
}

local function end_item(output, item, emit)
  if item.is_ended then return end
  item.is_ended = true
  local finish = ENDS[output.type]
  if finish then
    finish(output, item, emit)
  else
    emit("dropped", { what = text(output.type) or "an item without a type" })
  end
end

-- ---- the whole response -------------------------------------------------------------------------

local function tell_start(response, emit, state)
  if state.is_started then return end
  state.is_started = true
  emit("start", {
    id = text(response.id), model = text(response.model), created = number(response.created_at),
    service_tier = text(response.service_tier),
  })
end

local function tell_usage(usage, emit)
  usage = object(usage)
  local input, output = object(usage.input_tokens_details), object(usage.output_tokens_details)
  local told = {
    input = number(usage.input_tokens), output = number(usage.output_tokens),
    cached = number(input.cached_tokens), cache_write = number(input.cache_write_tokens),
    reasoning = number(output.reasoning_tokens),
  }
  if next(told) then emit("usage", told) end
end

local KINDS = {
  rate_limit_exceeded = "rate_limited", insufficient_quota = "quota",
  invalid_prompt = "bad_request",
  context_length_exceeded = "context_length", content_filter = "content_filter",
  image_content_policy_violation = "content_filter", bio_policy = "content_filter",
  server_is_overloaded = "overloaded", invalid_api_key = "auth",
}

local function tell_error(said, emit, state)
  if state.has_failed then return end
  state.has_failed = true
  if type(said) == "string" then said = { message = said } end
  said = object(said)
  local code = text(said.code)
  emit("error", {
    error = {
      kind = KINDS[code or ""] or KINDS[text(said.type) or ""] or "upstream_5xx",
      message = text(said.message) or "the provider reported a failure without a word about it",
      code = code, type = text(said.type),
    },
  })
end

local INCOMPLETE = { max_output_tokens = "length", content_filter = "content_filter" }

local function tell_finish(response, status, emit, state)
  if status == "completed" then
    emit("finish", { reason = "stop", raw = status })
  elseif status == "incomplete" then
    local raw = text(object(response.incomplete_details).reason) or status
    emit("finish", { reason = INCOMPLETE[raw] or "stop", raw = raw })
  elseif given(response.error) ~= nil then
    tell_error(response.error, emit, state)
  else
    tell_error("the answer's status is '" .. tostring(status) .. "'", emit, state)
  end
end

local function end_response(response, status, emit, state)
  tell_start(response, emit, state)
  for i, output in ipairs(object(response.output)) do
    output = object(output)
    local id = text(output.id)
    local item = state.items[i - 1] or id and state.by_id[id] or new_item(state, i - 1)
    end_item(output, item, emit)
  end
  tell_usage(response.usage, emit)
  tell_finish(response, text(response.status) or status, emit, state)
end

local function new_state(state)
  state.items, state.by_id = {}, {}
  return state
end

--- A whole answer.
function M.answer(body, emit)
  local state = new_state({})
  body = object(body)
  local output = object(body.output)
  local unknown = (next(output) ~= nil and given(body.error) == nil) and "completed" or "missing"
  end_response(body, unknown, emit, state)
end

-- ---- events -------------------------------------------------------------------------------------

local EVENTS = {}

local function on_start(data, emit, state) tell_start(object(data.response), emit, state) end

EVENTS["response.created"] = on_start
EVENTS["response.queued"] = on_start
EVENTS["response.in_progress"] = on_start

EVENTS["response.output_item.added"] = function(data, emit, state)
  local output = object(data.item)
  local item = item_of(state, data)
  local id = text(output.id)
  if id then
    item.id, state.by_id[id] = id, item
  end
  local is_call = output.type == "function_call" or output.type == "custom_tool_call"
  if is_call and text(output.name) then
    start_call(output, item, emit)
  end
end

EVENTS["response.output_item.done"] = function(data, emit, state)
  end_item(object(data.item), item_of(state, data), emit)
end

EVENTS["response.content_part.done"] = function(data, emit, state)
  local part, item, index = object(data.part), item_of(state, data), number(data.content_index) or 0
  if part.type == "reasoning_text" then
    tell_thought(item, rest(item, index, part.text), emit)
  elseif part.type == "refusal" then
    tell_refusal(item, part, index, emit)
  else
    tell_text(item, part, index, emit)
  end
end

EVENTS["response.output_text.delta"] = function(data, emit, state)
  local delta = piece(item_of(state, data), number(data.content_index) or 0, data.delta)
  if delta then emit("text", { delta = delta, logprobs = probabilities(data.logprobs) }) end
end

EVENTS["response.output_text.done"] = function(data, emit, state)
  tell_text(item_of(state, data), data, number(data.content_index) or 0, emit)
end

EVENTS["response.output_text.annotation.added"] = function(data, emit, state)
  local item, slot = item_of(state, data), number(data.content_index) or 0
  item.cited = item.cited or {}
  item.cited[slot] = (item.cited[slot] or 0) + 1
  emit("citation", citation_of(object(data.annotation)))
end

EVENTS["response.refusal.delta"] = function(data, emit, state)
  local delta = piece(item_of(state, data), number(data.content_index) or 0, data.delta)
  if delta then emit("refusal", { delta = delta }) end
end

EVENTS["response.refusal.done"] = function(data, emit, state)
  tell_refusal(item_of(state, data), data, number(data.content_index) or 0, emit)
end

local function thought_item(data, state)
  local item = item_of(state, data)
  item.id = item.id or text(data.item_id)
  return item
end

EVENTS["response.reasoning_text.delta"] = function(data, emit, state)
  local item = thought_item(data, state)
  tell_thought(item, piece(item, number(data.content_index) or 0, data.delta), emit)
end

EVENTS["response.reasoning_text.done"] = function(data, emit, state)
  local item = thought_item(data, state)
  tell_thought(item, rest(item, number(data.content_index) or 0, data.text), emit)
end

EVENTS["response.reasoning_summary_text.delta"] = function(data, emit, state)
  local item, index = thought_item(data, state), number(data.summary_index) or 0
  tell_summary(item, index, piece(item, summary_slot(index), data.delta), emit)
end

EVENTS["response.reasoning_summary_text.done"] = function(data, emit, state)
  local item, index = thought_item(data, state), number(data.summary_index) or 0
  tell_summary(item, index, rest(item, summary_slot(index), data.text), emit)
end

EVENTS["response.reasoning_summary_part.done"] = function(data, emit, state)
  local item, index = thought_item(data, state), number(data.summary_index) or 0
  tell_summary(item, index, rest(item, summary_slot(index), object(data.part).text), emit)
end

EVENTS["response.function_call_arguments.delta"] = tell_arguments
EVENTS["response.custom_tool_call_input.delta"] = tell_arguments

EVENTS["response.function_call_arguments.done"] = function(data, emit, state)
  tell_rest_of_arguments(item_of(state, data), data.arguments, emit)
end

EVENTS["response.custom_tool_call_input.done"] = function(data, emit, state)
  tell_rest_of_arguments(item_of(state, data), data.input, emit)
end

EVENTS["response.audio.delta"] = function(data, emit)
  if text(data.delta) then emit("audio", { data = data.delta }) end
end

EVENTS["response.audio.transcript.delta"] = function(data, emit)
  if text(data.delta) then emit("audio", { transcript = data.delta }) end
end

local function on_end(status)
  return function(data, emit, state)
    end_response(object(data.response), status, emit, state)
  end
end

EVENTS["response.completed"] = on_end("completed")
EVENTS["response.incomplete"] = on_end("incomplete")
EVENTS["response.failed"] = on_end("failed")
EVENTS["response.cancelled"] = on_end("cancelled")

-- Flat as it is documented, or nested as it is sent.
EVENTS["error"] = function(data, emit, state)
  local inner = given(data.error)
  tell_error(inner ~= nil and inner or data, emit, state)
end

--- One event of a stream.
-- @tparam table event { name =, data = decoded, or text that is no JSON }
-- @tparam function emit emit(type, fields)
-- @tparam table state of this stream, empty at first
function M.event(event, emit, state)
  local data = event.data
  if type(data) ~= "table" then return end
  local read = EVENTS[data.type] or EVENTS[event.name]
  if not read then return end
  if not state.items then new_state(state) end
  read(data, emit, state)
end

return M
