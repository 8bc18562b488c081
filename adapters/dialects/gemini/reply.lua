-- An answer in Gemini's words for its clients: whole, or as a stream of chunks, each a whole
-- GenerateContentResponse with what is new. Pure.
local core = require("core")
local parts = require("dialects.gemini.parts")
local sources = require("dialects.gemini.sources")

local M = {}

local encode = core.encode

-- ---- streams ------------------------------------------------------------------------------------

-- What is the same in all chunks of a stream is prepared once.
local function prepare(state, event, call)
  local more = { responseId = event.id or call.id, modelVersion = event.model or call.model }
  local text = encode(more)
  state.prepared = true
  state.tail = "," .. text:sub(2)
  state.text_head = '{"candidates":[{"content":{"parts":[{"text":'
  state.thought_end = ',"thought":true'
  state.part_end = '}],"role":"model"},"index":0}]' .. state.tail
  state.choices, state.order = {}, {}
end

local function choice_of(state, event)
  local number = event.choice or 1
  local choice = state.choices[number]
  if not choice then
    choice = { index = number - 1, pieces = {}, citations = {} }
    state.choices[number] = choice
    state.order[#state.order + 1] = choice
  end
  return choice
end

local function write_candidate(state, choice, candidate, write)
  candidate.index = choice.index
  write('{"candidates":[' .. encode(candidate) .. "]" .. state.tail)
end

local function write_part(state, choice, part, write)
  local content = { parts = core.array({ part }), role = "model" }
  write_candidate(state, choice, { content = content }, write)
end

-- The common chunk is put together by hand; the rest is not worth it.
local function write_text(event, write, state, is_thought)
  local choice = choice_of(state, event)
  if not is_thought then choice.pieces[#choice.pieces + 1] = event.delta end
  if choice.index == 0 and not event.signature and not event.redacted and not event.logprobs then
    return write(state.text_head .. encode(event.delta)
      .. (is_thought and state.thought_end or "") .. state.part_end)
  end
  local part = is_thought and parts.thought(event) or {
    text = event.delta, thoughtSignature = parts.signature(event.signature, event.format),
  }
  local candidate = { content = { parts = core.array({ part }), role = "model" } }
  if event.logprobs then candidate.logprobsResult = parts.logprobs(event.logprobs) end
  write_candidate(state, choice, candidate, write)
end

local writers = {}

function writers.text(event, write, state) return write_text(event, write, state, false) end
writers.refusal = writers.text

function writers.reasoning(event, write, state) return write_text(event, write, state, true) end

function writers.tool_start(event, _, state)
  local choice = choice_of(state, event)
  choice.tool, choice.arguments = event, {}
end

function writers.tool_args(event, _, state)
  local choice = choice_of(state, event)
  if choice.arguments then choice.arguments[#choice.arguments + 1] = event.delta end
end

-- A call goes out whole, as clients expect it.
function writers.tool_end(event, write, state)
  local choice = choice_of(state, event)
  if not choice.tool then return end
  local arguments = table.concat(choice.arguments)
  local part = parts.call(choice.tool, arguments)
  choice.tool, choice.arguments = nil, nil
  if part then return write_part(state, choice, part, write) end
  choice.malformed = arguments
end

function writers.citation(event, _, state)
  local choice = choice_of(state, event)
  choice.citations[#choice.citations + 1] = event
end

function writers.image(event, write, state)
  local part = parts.media(event, "image/png")
  if part then write_part(state, choice_of(state, event), part, write) end
end

function writers.audio(event, write, state)
  local choice = choice_of(state, event)
  local part = parts.media(event, "audio/wav")
  if part then write_part(state, choice, part, write) end
  if event.transcript and event.transcript ~= "" then
    write_part(state, choice, { text = event.transcript }, write)
  end
end

-- The last chunk has the finishes and the usage, which comes behind them.
function writers.finish(event, _, state) choice_of(state, event).finish = event end

local function finish_of(event, malformed)
  if malformed and event.reason ~= "length" then
    return "MALFORMED_FUNCTION_CALL", "the arguments of a call are no JSON object: " .. malformed
  end
  return parts.reason(event.reason, event.raw), event.message
end

local function last_candidate(choice)
  local reason, message = finish_of(choice.finish or {}, choice.malformed)
  local candidate = {
    content = { parts = core.array({ { text = "" } }), role = "model" }, finishReason = reason,
    finishMessage = message, index = choice.index,
  }
  if #choice.citations > 0 then
    candidate.groundingMetadata = sources.grounding(choice.citations, table.concat(choice.pieces))
  end
  return candidate
end

--- encode_event of the dialect.
function M.encode_event(event, write, state, call)
  local kind = event.type
  if not state.prepared then prepare(state, kind == "start" and event or {}, call) end
  if kind == "usage" then
    state.usage = event
    return
  end
  local take = writers[kind]
  if take then return take(event, write, state) end
end

--- end_stream of the dialect.
function M.end_stream(write, state, call)
  if not state.prepared then prepare(state, {}, call) end
  local candidates = core.array({})
  for i, choice in ipairs(state.order) do candidates[i] = last_candidate(choice) end
  local usage = state.usage and ',"usageMetadata":' .. encode(parts.usage(state.usage)) or ""
  write('{"candidates":' .. encode(candidates) .. usage .. state.tail)
end

-- ---- whole answers ------------------------------------------------------------------------------

local of_part = {}

function of_part.text(part)
  return { text = part.text, thoughtSignature = parts.signature(part.signature, part.format) }
end

function of_part.refusal(part) return { text = part.text } end
function of_part.reasoning(part) return parts.thought(part) end
function of_part.image(part) return parts.media(part, "image/png") end
function of_part.audio(part) return parts.media(part, "audio/wav") end

function of_part.tool_use(part)
  return parts.call(part, part.kind == "custom" and part.input or part.arguments)
end

-- Citations stand with the text that they speak of, Google's with the candidate.
local function collect(choice)
  local citations, pieces = {}, {}
  for _, part in ipairs(choice.content) do
    if part.type == "text" then pieces[#pieces + 1] = part.text end
    for _, citation in ipairs(part.citations or {}) do citations[#citations + 1] = citation end
  end
  for _, citation in ipairs(choice.citations or {}) do citations[#citations + 1] = citation end
  return citations, table.concat(pieces)
end

local function candidate_of(choice, index)
  local list, malformed = core.array({}), nil
  for _, part in ipairs(choice.content) do
    local write = of_part[part.type]
    local written = write and write(part)
    list[#list + 1] = written
    if part.type == "tool_use" and not written then malformed = part.arguments end
    if part.transcript and part.transcript ~= "" then
      list[#list + 1] = { text = part.transcript }
    end
  end
  local reason, message = finish_of({
    reason = choice.finish_reason, raw = choice.finish_raw, message = choice.finish_message,
  }, malformed)
  local citations, said = collect(choice)
  return {
    content = { parts = list, role = "model" }, finishReason = reason, finishMessage = message,
    index = index - 1,
    groundingMetadata = #citations > 0 and sources.grounding(citations, said) or nil,
    logprobsResult = choice.logprobs and parts.logprobs(choice.logprobs) or nil,
  }
end

--- encode_answer of the dialect.
function M.encode_answer(answer, call)
  local candidates = core.array({})
  for i, choice in ipairs(answer.choices) do candidates[i] = candidate_of(choice, i) end
  return {
    candidates = candidates, usageMetadata = answer.usage and parts.usage(answer.usage) or nil,
    modelVersion = answer.model or call.model, responseId = answer.id or call.id,
  }
end

return M
