-- Canonical answers and events as a client of Anthropic's Messages API gets them: a message, or a
-- stream of blocks that follow each other and never interleave. Pure.
local anthropic_turns = require("dialects.anthropic-messages.turns")
local canonical = require("tide.canonical")
local core = require("core")

local M = {}

local DIALECT, FORMAT = "anthropic-messages", "anthropic"
local NULL = core.null

local REASONS = {
  stop = "end_turn", length = "max_tokens", tool_calls = "tool_use", content_filter = "refusal",
  error = "end_turn",
}

-- ---- what both forms share ----------------------------------------------------------------------

-- What another provider signed, or did not sign at all, travels inside a signature of ours: there
-- are clients that do not send back thinking without one.
local function wrapped(format, signature)
  if format == FORMAT and signature then return signature end
  return canonical.wrap(format or "none", signature or "")
end

local TIERS = { default = "standard", auto = "standard" }

local function tier_of(name)
  return name and (TIERS[name] or name) or nil
end

-- Counts in Anthropic's words: what was read from a cache or written to it stands beside the input,
-- each token once. Some providers count what they write and read at once as both, and some tell of
-- more tokens from a cache than they say they have read.
local function usage_of(counts)
  local input, cached, written = counts.input, counts.cached, counts.cache_write
  if input then
    cached = cached and math.min(cached, input)
    input = input - (cached or 0)
    if written then
      written = math.min(written, input)
      input = input - written
    end
  end
  return {
    input_tokens = input or NULL, output_tokens = counts.output or 0,
    cache_read_input_tokens = cached or NULL, cache_creation_input_tokens = written or NULL,
    output_tokens_details = counts.reasoning and { thinking_tokens = counts.reasoning } or nil,
  }
end

-- The first counts must be numbers: clients add to them.
local function first_usage(counts, service_tier)
  local usage = usage_of(counts)
  if usage.input_tokens == NULL then usage.input_tokens = 0 end
  usage.output_tokens_details = nil
  usage.service_tier = tier_of(service_tier)
  return usage
end

-- Words of our own that the canonical form has no other for.
local KEPT = { pause_turn = true, model_context_window_exceeded = true }

local function stop_reason(finish, is_refused, call)
  if KEPT[finish.raw] and call.provider_dialect == DIALECT then return finish.raw end
  if finish.sequence then return "stop_sequence" end
  if is_refused then return "refusal" end
  return REASONS[finish.reason] or "end_turn"
end

local function stop_details(reason, message)
  if reason ~= "refusal" or not message then return NULL end
  return { type = "refusal", category = NULL, explanation = message }
end

-- Those of other providers are marked, so that they do not go to Anthropic when they come back.
local function citation_of(citation)
  if anthropic_turns.is_own_citation(citation.raw) then return citation.raw end
  if citation.url then
    return {
      type = "web_search_result_location", url = citation.url, title = citation.title or NULL,
      cited_text = citation.quote or "", encrypted_index = wrapped(),
    }
  end
  return {
    type = "char_location", cited_text = citation.quote or "", document_index = 0,
    document_title = citation.title or NULL, file_id = wrapped(nil, citation.file),
    start_char_index = citation.start or 0, end_char_index = citation.stop or 0,
  }
end

local function message_id(id, call)
  return id or ("msg_" .. (call.id or ""))
end

-- ---- whole answers ------------------------------------------------------------------------------

local function text_block(text, citations)
  local list = {}
  for i, citation in ipairs(citations or {}) do list[i] = citation_of(citation) end
  return { type = "text", text = text, citations = #list > 0 and core.array(list) or nil }
end

local function signature_block(part)
  return { type = "thinking", thinking = "", signature = wrapped(part.format, part.signature) }
end

local Part = {}

function Part.text(part, content)
  if part.text ~= "" then content[#content + 1] = text_block(part.text, part.citations) end
  if part.signature then content[#content + 1] = signature_block(part) end
end

function Part.refusal(part, content, seen)
  seen.is_refused, seen.refusal = true, part.text
  content[#content + 1] = text_block(part.text)
end

function Part.reasoning(part, content)
  if part.redacted then
    content[#content + 1] = {
      type = "redacted_thinking", data = wrapped(part.format, part.redacted),
    }
    return
  end
  content[#content + 1] = {
    type = "thinking", thinking = part.text or "",
    signature = wrapped(part.format, part.signature),
  }
end

function Part.tool_use(part, content)
  if part.signature then content[#content + 1] = signature_block(part) end
  content[#content + 1] = {
    type = "tool_use", id = part.id, name = part.name, input = anthropic_turns.input(part),
  }
end

function Part.opaque(part, content, _, call)
  if part.dialect == DIALECT then
    content[#content + 1] = part.value
  else
    call.warn(part.what or "a block of another provider")
  end
end

local function last_text(content)
  for i = #content, 1, -1 do
    if content[i].type == "text" then return content[i] end
  end
end

-- Citations that came before any text are about the text behind them.
local function cite(content, citations)
  if type(citations) ~= "table" or #citations == 0 then return end
  local block = last_text(content)
  if not block or block.citations then return end
  block.citations = text_block("", citations).citations
end

local function content_of(choice, call)
  local content, seen = {}, {}
  for _, part in ipairs(choice.content or {}) do
    local add = Part[part.type]
    if add then
      add(part, content, seen, call)
    else
      call.warn(tostring(part.type))
    end
  end
  cite(content, choice.citations)
  return content, seen
end

local function whole_usage(answer)
  local usage = usage_of(answer.usage or {})
  if usage.input_tokens == NULL then usage.input_tokens = 0 end
  usage.service_tier = tier_of(answer.service_tier)
  return usage
end

--- The message for a client, to be encoded.
-- @tparam table answer canonical
function M.answer(answer, call)
  local choices = answer.choices or {}
  local choice = choices[1] or {}
  local content, seen = content_of(choice, call)
  if #choices > 1 then call.warn("choices after the first") end
  if choice.logprobs then call.warn("logprobs") end
  local reason = stop_reason({
    reason = choice.finish_reason, raw = choice.finish_raw, sequence = choice.sequence,
  }, seen.is_refused, call)
  return {
    id = message_id(answer.id, call), type = "message", role = "assistant",
    model = answer.model or call.model or "", content = core.array(content),
    stop_reason = reason, stop_sequence = choice.sequence or NULL,
    stop_details = stop_details(reason, choice.finish_message or seen.refusal),
    usage = whole_usage(answer),
  }
end

-- ---- streams ------------------------------------------------------------------------------------

local PING = '{"type": "ping"}'

-- Not before something is to be told: a provider that counts its input early does so by then.
local function begin(state, write, call)
  if state.is_begun then return end
  state.is_begun = true
  local start = state.start or {}
  write(core.encode({
    type = "message_start",
    message = {
      id = message_id(start.id, call), type = "message", role = "assistant",
      model = start.model or call.model or "", content = core.array({}), stop_reason = NULL,
      stop_sequence = NULL, stop_details = NULL,
      usage = first_usage(state.counts or {}, start.service_tier),
    },
  }), "message_start")
  write(PING, "ping")
end

-- A delta of another kind than the block's usual one.
local function put_delta(state, write, delta)
  write('{"type":"content_block_delta","index":' .. state.index .. ',"delta":' .. delta .. "}",
    "content_block_delta")
end

local function put_signature(state, write, format, signature)
  put_delta(state, write, '{"type":"signature_delta","signature":'
    .. core.encode(wrapped(format, signature)) .. "}")
end

-- Thinking ends with a signature.
local function close(state, write)
  if not state.open then return end
  if state.open == "thinking" then put_signature(state, write, state.format, state.signature) end
  state.open, state.format, state.signature = nil, nil, nil
  write('{"type":"content_block_stop","index":' .. state.index .. "}", "content_block_stop")
end

-- Begins a block; what is common to its deltas is made once.
local function open(state, write, call, kind, block, delta)
  begin(state, write, call)
  close(state, write)
  state.index = (state.index or -1) + 1
  state.open = kind
  write('{"type":"content_block_start","index":' .. state.index .. ',"content_block":' .. block
    .. "}", "content_block_start")
  state.prefix = '{"type":"content_block_delta","index":' .. state.index .. ',"delta":{"type":"'
    .. delta
end

local function put(state, write, text)
  write(state.prefix .. core.encode(text) .. "}}", "content_block_delta")
end

local TEXT, TEXT_DELTA = '{"type":"text","text":""}', 'text_delta","text":'
local THINKING = '{"type":"thinking","thinking":"","signature":""}'
local THINKING_DELTA = 'thinking_delta","thinking":'

local function open_text(state, write, call)
  if state.open ~= "text" then open(state, write, call, "text", TEXT, TEXT_DELTA) end
end

local function open_thinking(state, write, call)
  if state.open == "thinking" then return end
  open(state, write, call, "thinking", THINKING, THINKING_DELTA)
end

local function sign(state, write, call, event)
  open_thinking(state, write, call)
  state.format, state.signature = event.format, event.signature
  close(state, write)
end

local Event = {}

function Event.start(event, _, state) state.start = event end

function Event.text(event, write, state, call)
  local delta = event.delta
  if delta and delta ~= "" then
    open_text(state, write, call)
    put(state, write, delta)
  end
  if event.signature then
    close(state, write)
    sign(state, write, call, event)
  end
end

function Event.refusal(event, write, state, call)
  state.is_refused, state.refusal = true, (state.refusal or "") .. (event.delta or "")
  Event.text({ delta = event.delta }, write, state, call)
end

function Event.reasoning(event, write, state, call)
  if event.delta and event.delta ~= "" then
    open_thinking(state, write, call)
    state.format = event.format
    put(state, write, event.delta)
  end
  if event.redacted then
    open(state, write, call, "redacted", '{"type":"redacted_thinking","data":'
      .. core.encode(wrapped(event.format, event.redacted)) .. "}", "")
    close(state, write)
  elseif event.signature then
    sign(state, write, call, event)
  end
end

function Event.tool_start(event, write, state, call)
  if event.signature then
    close(state, write)
    sign(state, write, call, event)
  end
  open(state, write, call, "tool", '{"type":"tool_use","id":' .. core.encode(event.id or "")
    .. ',"name":' .. core.encode(event.name or "") .. ',"input":{}}',
    'input_json_delta","partial_json":')
  state.is_custom = event.kind == "custom"
  if state.is_custom then put(state, write, '{"input":"') end
end

function Event.tool_args(event, write, state)
  if state.open ~= "tool" or not event.delta then return end
  local delta = event.delta
  if state.is_custom then delta = core.encode(delta):sub(2, -2) end
  put(state, write, delta)
end

function Event.tool_end(_, write, state)
  if state.open ~= "tool" then return end
  if state.is_custom then put(state, write, '"}') end
  close(state, write)
end

function Event.citation(event, write, state, call)
  open_text(state, write, call)
  put_delta(state, write, '{"type":"citations_delta","citation":'
    .. core.encode(citation_of(event)) .. "}")
end

function Event.usage(event, _, state)
  local counts = state.counts or {}
  state.counts = counts
  for _, name in ipairs(canonical.COUNTS) do counts[name] = event[name] or counts[name] end
end

-- Its event waits for the counts, which some providers tell after the reason.
function Event.finish(event, write, state, call)
  begin(state, write, call)
  close(state, write)
  state.finish = event
end

function Event.ping(_, write, state, call)
  if state.is_begun then
    write(PING, "ping")
  else
    begin(state, write, call)
  end
end

function Event.image(_, _, _, call) call.warn("image") end
function Event.audio(_, _, _, call) call.warn("audio") end
function Event.dropped(event, _, _, call) call.warn(event.what or "something") end

--- Writes what one canonical event is to the client.
-- @tparam table event of the grammar
-- @tparam function write write(text, name of the event)
-- @tparam table state of the attempt, empty at first
function M.event(event, write, state, call)
  local take = Event[event.type]
  if not take then return end
  if event.choice then
    if event.type == "finish" then call.warn("choices after the first") end
    return
  end
  take(event, write, state, call)
end

--- Writes the end of a stream.
function M.finish(write, state, call)
  begin(state, write, call)
  close(state, write)
  local finish = state.finish or {}
  local reason = stop_reason(finish, state.is_refused, call)
  write(core.encode({
    type = "message_delta",
    delta = {
      stop_reason = reason, stop_sequence = finish.sequence or NULL,
      stop_details = stop_details(reason, finish.message or state.refusal),
    },
    usage = usage_of(state.counts or {}),
  }), "message_delta")
  write('{"type":"message_stop"}', "message_stop")
end

return M
