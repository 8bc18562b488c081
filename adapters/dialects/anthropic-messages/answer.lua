-- What a provider with Anthropic's Messages API answers, whole or streamed, as canonical events.
-- Never raises on odd input. Pure.
local anthropic_request = require("dialects.anthropic-messages.request")
local canonical = require("tide.canonical")
local core = require("core")

local M = {}

local FORMAT = "anthropic"
local ANSWER_TOOL = anthropic_request.ANSWER_TOOL

local REASONS = {
  end_turn = "stop", stop_sequence = "stop", pause_turn = "stop", compaction = "stop",
  max_tokens = "length", model_context_window_exceeded = "length", tool_use = "tool_calls",
  refusal = "content_filter",
}

-- error.type to a kind of the gateway.
local KINDS = {
  overloaded_error = "overloaded", rate_limit_error = "rate_limited", timeout_error = "timeout",
  authentication_error = "auth", permission_error = "auth", billing_error = "quota",
  invalid_request_error = "bad_request", not_found_error = "no_target",
  request_too_large = "too_large", api_error = "upstream_5xx",
}

local given, object, filled = canonical.given, canonical.table_of, canonical.text_of
local text_of, number_of = canonical.string_of, canonical.number_of

-- ---- usage --------------------------------------------------------------------------------------

local COUNTS = {
  "input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens",
}

-- Counts come in two events; what a later one says holds.
local function take_counts(counts, usage)
  for _, name in ipairs(COUNTS) do counts[name] = number_of(usage[name]) or counts[name] end
  counts.thinking = number_of(object(usage.output_tokens_details).thinking_tokens)
    or counts.thinking
end

local TIERS = { standard = "default" }

local function add_usage(emit, counts, is_early)
  local input = counts.input_tokens
  local cached, written = counts.cache_read_input_tokens, counts.cache_creation_input_tokens
  if not (input or counts.output_tokens) then return end
  emit("usage", {
    input = input and input + (cached or 0) + (written or 0), cached = cached,
    cache_write = written, output = not is_early and counts.output_tokens or nil,
    reasoning = counts.thinking,
  })
end

-- ---- blocks -------------------------------------------------------------------------------------

local function citation_of(raw, first, last)
  raw = object(raw)
  return {
    url = text_of(raw.url), title = text_of(raw.title) or text_of(raw.document_title),
    quote = text_of(raw.cited_text), file = text_of(raw.file_id), raw = raw,
    start = first, stop = last,
  }
end

local Block = {}

-- A block of text; its citations are about all of it, so they wait for its end.
local function say(state, emit, delta)
  state.length = state.length + canonical.length(delta)
  emit("text", { delta = delta })
end

Block.text = {
  start = function(block, data, state, emit)
    block.first, block.citations = state.length, {}
    for _, citation in ipairs(object(data.citations)) do
      block.citations[#block.citations + 1] = citation
    end
    if filled(data.text) then say(state, emit, data.text) end
  end,
  stop = function(block, state, emit)
    for _, citation in ipairs(block.citations) do
      emit("citation", citation_of(citation, block.first, state.length))
    end
  end,
}

Block.thinking = {
  start = function(block, data, _, emit)
    block.signature = text_of(data.signature) or ""
    if filled(data.thinking) then emit("reasoning", { delta = data.thinking }) end
  end,
  stop = function(block, _, emit)
    if block.signature ~= "" then
      emit("reasoning", { signature = block.signature, format = FORMAT })
    end
  end,
}

Block.redacted_thinking = {
  start = function(_, data, _, emit)
    if filled(data.data) then emit("reasoning", { redacted = data.data, format = FORMAT }) end
  end,
}

Block.tool_use = {
  start = function(block, data, state, emit)
    block.i, block.is_answer = block.index, data.name == ANSWER_TOOL
    block.input = canonical.arguments(data.input)
    state.has_calls = state.has_calls or not block.is_answer
    if block.is_answer then return end
    emit("tool_start", { i = block.i, id = filled(data.id), name = text_of(data.name) })
  end,
  -- Without a piece of them the arguments stood in the start, or there are none.
  stop = function(block, state, emit)
    if block.is_answer then
      if not block.has_pieces then say(state, emit, block.input) end
      return
    end
    if not block.has_pieces then
      emit("tool_args", { i = block.i, delta = block.input })
    end
    emit("tool_end", { i = block.i })
  end,
}

-- Tools of the provider's own, and kinds of blocks that came later than this file.
local OTHER = {
  start = function(_, data, _, emit)
    emit("dropped", { what = text_of(data.type) or "a block without a type" })
  end,
}

local function open_block(state, index, data, emit)
  local kind = Block[data.type] or OTHER
  local block = { index = index, kind = kind }
  state.blocks[index] = block
  kind.start(block, data, state, emit)
  return block
end

local function close_block(state, index, emit)
  local block = state.blocks[index]
  if not block then return end
  state.blocks[index] = nil
  if block.kind.stop then block.kind.stop(block, state, emit) end
end

-- ---- the start and the end ----------------------------------------------------------------------

local function begin(state)
  state.blocks, state.counts, state.length = {}, {}, 0
end

local function add_start(message, state, emit)
  local usage = object(given(message.usage))
  local tier = text_of(usage.service_tier)
  emit("start", {
    id = text_of(message.id), model = text_of(message.model),
    service_tier = tier and (TIERS[tier] or tier),
  })
  take_counts(state.counts, usage)
end

local function reason_of(raw, state)
  if raw == "tool_use" and not state.has_calls then return "stop" end
  return REASONS[raw] or "stop"
end

local function add_finish(said, state, emit)
  local raw = text_of(said.stop_reason)
  if not raw then return end
  local details = object(given(said.stop_details))
  local message = text_of(details.explanation)
  if raw == "pause_turn" then emit("dropped", { what = "pause_turn" }) end
  emit("finish", {
    reason = reason_of(raw, state), raw = raw, sequence = text_of(said.stop_sequence),
    message = message or text_of(details.category),
  })
end

local function add_error(data, emit)
  local err = object(given(data.error))
  local type_ = text_of(err.type)
  emit("error", {
    error = {
      kind = KINDS[type_] or "upstream_5xx", type = type_,
      message = text_of(err.message) or "the provider reported an error",
      code = text_of(object(given(err.details)).error_code),
    },
  })
end

-- ---- whole answers ------------------------------------------------------------------------------

--- The events of a whole answer.
-- @tparam table body decoded, `input` raw
function M.decode(body, emit)
  body = object(body)
  if body.type == "error" or given(body.error) ~= nil then return add_error(body, emit) end
  if given(body.content) == nil and not text_of(body.stop_reason) then
    return emit("error", { error = { kind = "protocol", message = "the answer is no message" } })
  end
  local state = {}
  begin(state)
  add_start(body, state, emit)
  for i, data in ipairs(object(given(body.content))) do
    open_block(state, i, object(data), emit)
    close_block(state, i, emit)
  end
  add_usage(emit, state.counts)
  add_finish({
    stop_reason = text_of(body.stop_reason) or "end_turn", stop_sequence = body.stop_sequence,
    stop_details = body.stop_details,
  }, state, emit)
end

-- ---- events of a stream -------------------------------------------------------------------------

local Delta = {}

function Delta.text_delta(_, delta, state, emit)
  if filled(delta.text) then say(state, emit, delta.text) end
end

function Delta.thinking_delta(_, delta, _, emit)
  if filled(delta.thinking) then emit("reasoning", { delta = delta.thinking }) end
end

function Delta.signature_delta(block, delta)
  block.signature = (block.signature or "") .. (text_of(delta.signature) or "")
end

function Delta.input_json_delta(block, delta, state, emit)
  if not block.i or not filled(delta.partial_json) then return end
  block.has_pieces = true
  if block.is_answer then return say(state, emit, delta.partial_json) end
  emit("tool_args", { i = block.i, delta = delta.partial_json })
end

function Delta.citations_delta(block, delta)
  if block.citations then block.citations[#block.citations + 1] = given(delta.citation) end
end

-- A block that nobody opened is opened by what it holds.
local OPENED_BY = { text_delta = "text", thinking_delta = "thinking", signature_delta = "thinking" }

local Event = {}

function Event.message_start(data, state, emit)
  add_start(object(given(data.message)), state, emit)
  add_usage(emit, state.counts, true)
end

function Event.content_block_start(data, state, emit)
  local index = number_of(data.index) or 0
  close_block(state, index, emit)
  open_block(state, index, object(given(data.content_block)), emit)
end

function Event.content_block_delta(data, state, emit)
  local delta = object(given(data.delta))
  local take = Delta[delta.type]
  if not take then return end
  local index = number_of(data.index) or 0
  local block = state.blocks[index]
  if not block then
    if not OPENED_BY[delta.type] then return end
    block = open_block(state, index, { type = OPENED_BY[delta.type] }, emit)
  end
  take(block, delta, state, emit)
end

function Event.content_block_stop(data, state, emit)
  close_block(state, number_of(data.index) or 0, emit)
end

local function close_all(state, emit)
  local open = {}
  for index in pairs(state.blocks) do open[#open + 1] = index end
  table.sort(open)
  for _, index in ipairs(open) do close_block(state, index, emit) end
end

function Event.message_delta(data, state, emit)
  take_counts(state.counts, object(given(data.usage)))
  local delta = object(given(data.delta))
  if text_of(delta.stop_reason) then close_all(state, emit) end
  add_usage(emit, state.counts)
  add_finish(delta, state, emit)
end

function Event.ping(_, _, emit) emit("ping", {}) end

function Event.error(data, _, emit) add_error(data, emit) end

--- The canonical events of one event of a stream.
-- @tparam table event { name =, data = decoded, `input` raw }
-- @tparam table state of the attempt, empty at first
function M.event(event, emit, state)
  local data = event.data
  if type(data) ~= "table" or data == core.null then return end
  if not state.blocks then begin(state) end
  local take = Event[data.type] or Event[event.name]
  if take then take(data, state, emit) end
end

return M
