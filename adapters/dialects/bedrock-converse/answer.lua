-- What Converse answers, whole or streamed, as canonical events. Never raises on odd input. Pure.
local canonical = require("tide.canonical")
local citations = require("dialects.bedrock-converse.citations")
local core = require("core")
local errors = require("dialects.bedrock-converse.errors")
local media = require("dialects.bedrock-converse.media")
local names = require("dialects.bedrock-converse.names")
local seals = require("dialects.bedrock-converse.seals")
local tools = require("dialects.bedrock-converse.tools")

local M = {}

local given, object = canonical.given, canonical.table_of
local filled, text_of, number_of = canonical.text_of, canonical.string_of, canonical.number_of

local REASONS = {
  end_turn = "stop", stop_sequence = "stop", max_tokens = "length",
  model_context_window_exceeded = "length", tool_use = "tool_calls",
  guardrail_intervened = "content_filter", content_filtered = "content_filter",
  malformed_model_output = "error", malformed_tool_use = "error",
}

-- ---- the start and the end ----------------------------------------------------------------------

local function begin(state, call)
  if state.blocks then return end
  state.blocks, state.length = {}, 0
  state.format = seals.format(call.traits or {})
  state.names = names.of_tools(call.rq and call.rq.tools).back
end

-- Counts leave out what came from the cache and what went into it.
local function add_usage(emit, usage)
  usage = object(given(usage))
  local input, output = number_of(usage.inputTokens), number_of(usage.outputTokens)
  if not (input or output) then return end
  local cached = number_of(usage.cacheReadInputTokens)
    or number_of(usage.cacheReadInputTokenCount)
  local written = number_of(usage.cacheWriteInputTokens)
    or number_of(usage.cacheWriteInputTokenCount)
  emit("usage", {
    input = input and input + (cached or 0) + (written or 0), output = output, cached = cached,
    cache_write = written,
  })
end

-- The sequence that hit stands in the model's own fields, if they were asked for.
local function sequence_of(said)
  local fields = object(given(said.additionalModelResponseFields))
  return filled(fields.stop_sequence) or filled(object(given(fields.delta)).stop_sequence)
end

local function add_finish(said, state, emit)
  local raw = filled(said.stopReason)
  if not raw then return end
  local reason = REASONS[raw] or "stop"
  if reason == "tool_calls" and not state.has_calls then reason = "stop" end
  emit("finish", {
    reason = reason, raw = raw, sequence = sequence_of(said),
    message = reason == "error" and "the model's output was malformed (" .. raw .. ")" or nil,
  })
end

local function add_error(data, name, emit)
  local said = errors.read(data)
  emit("error", {
    error = {
      type = said.type or errors.name(name),
      message = said.message or "the provider reported an error",
      status = number_of(data.originalStatusCode),
    },
  })
end

local function add_rest(emit, said)
  if given(said.trace) ~= nil then emit("dropped", { what = "trace" }) end
  local tier = filled(object(given(said.serviceTier)).type)
  if tier and tier ~= "default" then emit("dropped", { what = "serviceTier " .. tier }) end
end

-- ---- blocks -------------------------------------------------------------------------------------

local function say(state, emit, text)
  state.length = state.length + canonical.length(text)
  emit("text", { delta = text })
end

local Block = {}

-- In a stream the citations of a text stand before it, so they wait for its end.
Block.text = {
  stop = function(block, state, emit)
    for _, citation in ipairs(block.citations or {}) do
      emit("citation", citations.canonical(citation, block.first, state.length))
    end
  end,
}

Block.reasoning = {
  stop = function(block, state, emit)
    if block.signature then
      emit("reasoning", { signature = block.signature, format = state.format })
    end
    if block.sealed then
      emit("reasoning", {
        redacted = seals.opened(block.sealed, state.format), format = state.format,
      })
    end
  end,
}

-- Without a piece of them the arguments stood in the start, or there are none.
Block.tool = {
  stop = function(block, state, emit)
    if block.is_answer then
      if not block.has_pieces then say(state, emit, block.input) end
      return
    end
    if not block.has_pieces then emit("tool_args", { i = block.i, delta = block.input }) end
    emit("tool_end", { i = block.i })
  end,
}

Block.image = {
  stop = function(block, _, emit)
    if block.bytes then
      emit("image", { data = block.bytes, mime = media.mime("image", block.format) })
    elseif block.url then
      emit("image", { url = block.url, mime = media.mime("image", block.format) })
    else
      emit("dropped", { what = "image" })
    end
  end,
}

-- Tools that the provider runs itself, their results, and kinds that came later than this file.
Block.other = { stop = function() end }

local function open_block(state, index, kind)
  local block = { kind = Block[kind], index = index, first = state.length }
  state.blocks[index] = block
  return block
end

local function close_block(state, index, emit)
  local block = state.blocks[index]
  if not block then return end
  state.blocks[index] = nil
  block.kind.stop(block, state, emit)
end

-- The open block of this kind; what nobody opened is opened by what it holds.
local function block_for(state, index, kind, emit)
  local block = state.blocks[index]
  if block and block.kind == Block[kind] then return block end
  close_block(state, index, emit)
  return open_block(state, index, kind)
end

local function open_tool(state, index, use, emit)
  if use.type == "server_tool_use" then
    emit("dropped", { what = filled(use.name) or "a tool of the provider" })
    return open_block(state, index, "other")
  end
  local block = open_block(state, index, "tool")
  local name = text_of(use.name)
  block.i, block.is_answer = index, name == tools.ANSWER_TOOL
  block.input = canonical.arguments(use.input)
  state.has_calls = state.has_calls or not block.is_answer
  if not block.is_answer then
    emit("tool_start", {
      i = index, id = filled(use.toolUseId), name = name and state.names[name] or name,
    })
  end
  return block
end

-- Bytes that come in pieces: each is base64 of its own.
local function joined(first, second)
  if not first then return second end
  local bytes, more = core.base64.decode(first), core.base64.decode(second)
  return bytes and more and core.base64.encode(bytes .. more) or first .. second
end

local function add_source(block, source)
  source = object(given(source))
  local bytes = filled(source.bytes)
  if bytes then block.bytes = joined(block.bytes, bytes) end
  block.url = filled(object(given(source.s3Location)).uri) or block.url
end

-- ---- whole answers ------------------------------------------------------------------------------

local Whole = {}

function Whole.text(value, state, index, emit)
  open_block(state, index, "text")
  if filled(value) then say(state, emit, value) end
end

function Whole.citationsContent(value, state, index, emit)
  local block = open_block(state, index, "text")
  block.citations = object(given(object(value).citations))
  for _, piece in ipairs(object(given(object(value).content))) do
    local text = filled(object(piece).text)
    if text then say(state, emit, text) end
  end
end

function Whole.reasoningContent(value, state, index, emit)
  local block = open_block(state, index, "reasoning")
  local said = object(given(object(value).reasoningText))
  local text = filled(said.text)
  if text then emit("reasoning", { delta = text }) end
  block.signature = filled(said.signature)
  block.sealed = filled(object(value).redactedContent)
end

function Whole.toolUse(value, state, index, emit)
  open_tool(state, index, object(value), emit)
end

function Whole.image(value, state, index)
  local block = open_block(state, index, "image")
  block.format = filled(object(value).format)
  add_source(block, object(value).source)
end

function Whole.audio(value, state, index, emit)
  open_block(state, index, "other")
  local data = filled(object(given(object(value).source)).bytes)
  if not data then return emit("dropped", { what = "audio" }) end
  emit("audio", { data = data, mime = media.mime("audio", filled(object(value).format)) })
end

local function add_content(block, state, index, emit)
  for kind, take in pairs(Whole) do
    if given(block[kind]) ~= nil then
      take(block[kind], state, index, emit)
      return close_block(state, index, emit)
    end
  end
  local kind = next(block)
  if kind then emit("dropped", { what = tostring(kind) }) end
end

--- The events of a whole answer.
-- @tparam table body decoded, `input` and `json` raw
function M.decode(body, emit, call)
  body = object(body)
  local message = object(given(object(given(body.output)).message))
  if given(body.output) == nil then
    if filled(body.__type) or filled(body.message) or filled(body.Message) then
      return add_error(body, nil, emit)
    end
    return emit("error", { error = { kind = "protocol", message = "the answer has no output" } })
  end
  local state = {}
  begin(state, call)
  emit("start", {})
  for i, block in ipairs(object(given(message.content))) do
    add_content(object(block), state, i, emit)
  end
  add_rest(emit, body)
  add_usage(emit, body.usage)
  add_finish({
    stopReason = filled(body.stopReason) or "end_turn",
    additionalModelResponseFields = body.additionalModelResponseFields,
  }, state, emit)
end

-- ---- events of a stream -------------------------------------------------------------------------

local Delta = {}

function Delta.text(value, state, index, emit)
  block_for(state, index, "text", emit)
  if filled(value) then say(state, emit, value) end
end

function Delta.citation(value, state, index, emit)
  local block = block_for(state, index, "text", emit)
  block.citations = block.citations or {}
  block.citations[#block.citations + 1] = given(value)
end

function Delta.reasoningContent(value, state, index, emit)
  local block = block_for(state, index, "reasoning", emit)
  value = object(value)
  local text, signature = filled(value.text), filled(value.signature)
  local sealed = filled(value.redactedContent)
  if text then emit("reasoning", { delta = text }) end
  if signature then block.signature = (block.signature or "") .. signature end
  if sealed then block.sealed = joined(block.sealed, sealed) end
end

function Delta.toolUse(value, state, index, emit)
  local block = state.blocks[index]
  local piece = filled(object(value).input)
  if not (block and block.i and piece) then return end
  block.has_pieces = true
  if block.is_answer then return say(state, emit, piece) end
  emit("tool_args", { i = block.i, delta = piece })
end

function Delta.image(value, state, index, emit)
  add_source(block_for(state, index, "image", emit), object(value).source)
end

local Event = {}

function Event.messageStart(_, state, emit)
  if state.is_started then return end
  state.is_started = true
  emit("start", {})
end

function Event.contentBlockStart(data, state, emit)
  local index, start = number_of(data.contentBlockIndex) or 0, object(given(data.start))
  close_block(state, index, emit)
  if given(start.toolUse) ~= nil then
    open_tool(state, index, object(start.toolUse), emit)
  elseif given(start.image) ~= nil then
    open_block(state, index, "image").format = filled(object(start.image).format)
  elseif next(start) then
    emit("dropped", { what = tostring((next(start))) })
    open_block(state, index, "other")
  end
end

function Event.contentBlockDelta(data, state, emit)
  local delta, index = object(given(data.delta)), number_of(data.contentBlockIndex) or 0
  local block, text = state.blocks[index], delta.text
  if block and block.kind == Block.other then return end
  if text then return Delta.text(text, state, index, emit) end
  for kind, take in pairs(Delta) do
    if given(delta[kind]) ~= nil then return take(delta[kind], state, index, emit) end
  end
end

function Event.contentBlockStop(data, state, emit)
  close_block(state, number_of(data.contentBlockIndex) or 0, emit)
end

local function close_all(state, emit)
  local open = {}
  for index in pairs(state.blocks) do open[#open + 1] = index end
  table.sort(open)
  for _, index in ipairs(open) do close_block(state, index, emit) end
end

function Event.messageStop(data, state, emit)
  close_all(state, emit)
  add_finish(data, state, emit)
end

function Event.metadata(data, _, emit)
  add_rest(emit, data)
  add_usage(emit, data.usage)
end

-- The name of an event by what it holds, for those that read an answer without its frames.
local function name_of(data)
  if data.stopReason then return "messageStop" end
  if data.delta then return "contentBlockDelta" end
  if data.start then return "contentBlockStart" end
  if data.usage then return "metadata" end
  if data.role then return "messageStart" end
  return data.contentBlockIndex and "contentBlockStop" or nil
end

local function is_exception(data, name)
  return filled(data.__type) ~= nil or name ~= nil and name:find("Exception$") ~= nil
end

--- The canonical events of one event of a stream.
-- @tparam table event { name = its type, data = decoded }
-- @tparam table state of the attempt, empty at first
function M.event(event, emit, state, call)
  local data, name = event.data, event.name
  if type(data) ~= "table" or data == core.null then return end
  begin(state, call)
  local take = Event[name or name_of(data)]
  if take then return take(data, state, emit) end
  if is_exception(data, name) then add_error(data, name, emit) end
end

return M
