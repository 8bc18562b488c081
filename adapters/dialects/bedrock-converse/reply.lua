-- Canonical answers and events as a client of Bedrock's Converse gets them. Pure.
local blocks = require("dialects.bedrock-converse.blocks")
local canonical = require("tide.canonical")
local citations = require("dialects.bedrock-converse.citations")
local core = require("core")
local media = require("dialects.bedrock-converse.media")
local seals = require("dialects.bedrock-converse.seals")

local M = {}

local DIALECT = "bedrock-converse"

-- ---- what both forms share ----------------------------------------------------------------------

local REASONS = {
  stop = "end_turn", length = "max_tokens", tool_calls = "tool_use",
  content_filter = "content_filtered", error = "end_turn",
}

-- Words of our own that the canonical form has no other for.
local KEPT = { guardrail_intervened = true, model_context_window_exceeded = true }

local function stop_reason(finish, is_refused)
  if KEPT[finish.raw] then return finish.raw end
  if finish.sequence then return "stop_sequence" end
  if is_refused then return "content_filtered" end
  return REASONS[finish.reason] or "end_turn"
end

local function fields_of(finish)
  return finish.sequence and { stop_sequence = finish.sequence } or nil
end

-- What was read from a cache or written to it stands beside the input, each token once. Some
-- providers tell of more from a cache than they say they have read.
local function usage_of(counts)
  local input, cached, written = counts.input or 0, counts.cached, counts.cache_write
  cached = cached and math.min(cached, input)
  input = input - (cached or 0)
  written = written and math.min(written, input)
  input = input - (written or 0)
  local output = counts.output or 0
  return {
    inputTokens = input, outputTokens = output, cacheReadInputTokens = cached,
    cacheWriteInputTokens = written,
    totalTokens = input + output + (cached or 0) + (written or 0),
  }
end

-- How long the model took is not known here; the member must be there.
local METRICS = { latencyMs = 0 }

local function tier_of(tier)
  return tier and (tier == "priority" or tier == "flex") and { type = tier } or nil
end

-- ---- whole answers ------------------------------------------------------------------------------

local function reasoning_block(part)
  if part.redacted then
    return { reasoningContent = { redactedContent = seals.seal_for(part.format, part.redacted) } }
  end
  return {
    reasoningContent = {
      reasoningText = {
        text = part.text or "",
        signature = seals.signature_for(part.format, part.signature),
      },
    },
  }
end

-- A signature of what has no place for one here.
local function signature_block(part)
  return reasoning_block({ text = "", format = part.format, signature = part.signature })
end

local Part = {}

function Part.text(part, content)
  if part.text ~= "" then
    content[#content + 1] = part.citations and citations.told(part.text, part.citations)
      or { text = part.text }
  end
  if part.signature then content[#content + 1] = signature_block(part) end
end

function Part.refusal(part, content, seen)
  seen.is_refused = true
  content[#content + 1] = { text = part.text }
end

function Part.reasoning(part, content)
  content[#content + 1] = reasoning_block(part)
end

function Part.tool_use(part, content)
  if part.signature then content[#content + 1] = signature_block(part) end
  content[#content + 1] = {
    toolUse = { toolUseId = part.id, name = part.name, input = blocks.input(part) },
  }
end

function Part.image(part, content, _, call)
  local format = media.format("image", part.mime)
  if not (part.data and format) then return call.warn("image") end
  content[#content + 1] = { image = { format = format, source = { bytes = part.data } } }
end

function Part.audio(part, content, _, call)
  local format = media.format("audio", part.mime or "audio/wav")
  if part.transcript and part.transcript ~= "" then
    content[#content + 1] = { text = part.transcript }
  end
  if not (part.data and format) then return call.warn("audio") end
  content[#content + 1] = { audio = { format = format, source = { bytes = part.data } } }
end

function Part.opaque(part, content, _, call)
  if part.dialect == DIALECT then
    content[#content + 1] = part.value
  else
    call.warn(part.what or "a block of another provider")
  end
end

-- Citations that came before any text are about the text behind them.
local function cite(content, list)
  if type(list) ~= "table" or #list == 0 then return end
  for i = #content, 1, -1 do
    if content[i].text then
      content[i] = citations.told(content[i].text, list)
      return
    end
  end
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

--- The answer for a client, to be encoded.
-- @tparam table answer canonical
function M.answer(answer, call)
  local choices = answer.choices or {}
  local choice = choices[1] or {}
  local content, seen = content_of(choice, call)
  if #choices > 1 then call.warn("choices after the first") end
  if choice.logprobs then call.warn("logprobs") end
  local finish = {
    reason = choice.finish_reason, raw = choice.finish_raw, sequence = choice.sequence,
  }
  return {
    output = { message = { role = "assistant", content = core.array(content) } },
    stopReason = stop_reason(finish, seen.is_refused),
    additionalModelResponseFields = fields_of(finish), usage = usage_of(answer.usage or {}),
    metrics = METRICS, serviceTier = tier_of(answer.service_tier),
  }
end

-- ---- streams ------------------------------------------------------------------------------------

local function begin(state, write)
  if state.is_begun then return end
  state.is_begun = true
  write('{"role":"assistant"}', "messageStart")
end

local function put_signature(state, write)
  local signature = seals.signature_for(state.format, state.signature)
  write(state.prefix .. '{"reasoningContent":{"signature":' .. core.encode(signature) .. "}}}",
    "contentBlockDelta")
end

-- Reasoning ends with a signature.
local function close(state, write)
  if not state.open then return end
  if state.open == "reasoning" then put_signature(state, write) end
  state.open, state.format, state.signature = nil, nil, nil
  write('{"contentBlockIndex":' .. state.index .. "}", "contentBlockStop")
end

-- A block has no event of its own to begin with, but for tools and pictures. What is common to its
-- deltas is made once.
local function open(state, write, kind)
  begin(state, write)
  close(state, write)
  state.index = (state.index or -1) + 1
  state.open = kind
  state.prefix = '{"contentBlockIndex":' .. state.index .. ',"delta":'
end

local TEXT, REASONING = '{"text":', '{"reasoningContent":{"text":'
local TOOL = '{"toolUse":{"input":'

local function open_text(state, write)
  if state.open == "text" then return end
  open(state, write, "text")
  state.text_prefix = state.prefix .. TEXT
end

local function open_reasoning(state, write)
  if state.open == "reasoning" then return end
  open(state, write, "reasoning")
  state.text_prefix = state.prefix .. REASONING
end

local function sign(state, write, event)
  open_reasoning(state, write)
  state.format, state.signature = event.format, event.signature
  close(state, write)
end

local Event = {}

function Event.start(event, write, state)
  state.service_tier = event.service_tier
  begin(state, write)
end

function Event.text(event, write, state)
  local delta = event.delta
  if delta and delta ~= "" then
    open_text(state, write)
    write(state.text_prefix .. core.encode(delta) .. "}}", "contentBlockDelta")
  end
  if event.signature then
    close(state, write)
    sign(state, write, event)
  end
end

function Event.refusal(event, write, state)
  state.is_refused = true
  Event.text({ delta = event.delta }, write, state)
end

function Event.reasoning(event, write, state)
  if event.delta and event.delta ~= "" then
    open_reasoning(state, write)
    state.format = event.format
    write(state.text_prefix .. core.encode(event.delta) .. "}}}", "contentBlockDelta")
  end
  if event.redacted then
    open(state, write, "sealed")
    write(state.prefix .. '{"reasoningContent":{"redactedContent":'
      .. core.encode(seals.seal_for(event.format, event.redacted)) .. "}}}", "contentBlockDelta")
    close(state, write)
  elseif event.signature then
    sign(state, write, event)
  end
end

local function put_args(state, write, text)
  write(state.prefix .. TOOL .. core.encode(text) .. "}}}", "contentBlockDelta")
end

function Event.tool_start(event, write, state)
  if event.signature then
    close(state, write)
    sign(state, write, event)
  end
  open(state, write, "tool")
  write('{"contentBlockIndex":' .. state.index .. ',"start":{"toolUse":{"toolUseId":'
    .. core.encode(event.id or "") .. ',"name":' .. core.encode(event.name or "") .. "}}}",
    "contentBlockStart")
  state.is_custom = event.kind == "custom"
  if state.is_custom then put_args(state, write, '{"input":"') end
end

function Event.tool_args(event, write, state)
  if state.open ~= "tool" or not event.delta then return end
  local delta = event.delta
  if state.is_custom then delta = core.encode(delta):sub(2, -2) end
  put_args(state, write, delta)
end

function Event.tool_end(_, write, state)
  if state.open ~= "tool" then return end
  if state.is_custom then put_args(state, write, '"}') end
  close(state, write)
end

function Event.citation(event, write, state)
  open_text(state, write)
  write(state.prefix .. '{"citation":' .. core.encode(citations.own(event)) .. "}}",
    "contentBlockDelta")
end

function Event.image(event, write, state, call)
  local format = media.format("image", event.mime)
  if not (event.data and format) then return call.warn("image") end
  open(state, write, "image")
  write('{"contentBlockIndex":' .. state.index .. ',"start":{"image":{"format":"' .. format
    .. '"}}}', "contentBlockStart")
  write(state.prefix .. '{"image":{"source":{"bytes":' .. core.encode(event.data) .. "}}}}",
    "contentBlockDelta")
  close(state, write)
end

function Event.audio(_, _, _, call) call.warn("audio") end

function Event.usage(event, _, state)
  local counts = state.counts or {}
  state.counts = counts
  for _, name in ipairs(canonical.COUNTS) do counts[name] = event[name] or counts[name] end
end

function Event.finish(event, write, state)
  begin(state, write)
  close(state, write)
  local fields = fields_of(event)
  write(core.encode({
    stopReason = stop_reason(event, state.is_refused), additionalModelResponseFields = fields,
  }), "messageStop")
end

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

--- Writes the end of a stream: the counts come behind the reason.
function M.finish(write, state)
  write(core.encode({
    usage = usage_of(state.counts or {}), metrics = METRICS,
    serviceTier = tier_of(state.service_tier),
  }), "metadata")
end

return M
