-- Canonical answers and events as a client of Cohere's gets them: a message, or a stream of blocks
-- that follow each other, tool calls and citations counted apart. Pure.
local answer = require("dialects.cohere-v2.answer")
local canonical = require("tide.canonical")
local citations = require("dialects.cohere-v2.citations")
local core = require("core")

local encode = core.encode

local M = {}

local DIALECT = "cohere-v2"

local REASONS = {
  stop = "COMPLETE", length = "MAX_TOKENS", tool_calls = "TOOL_CALL",
  content_filter = "ERROR_TOXIC", error = "ERROR",
}

-- ---- what both forms share ----------------------------------------------------------------------

local function finish_reason(finish, call)
  if call.provider_dialect == DIALECT and finish.raw then return finish.raw end
  if finish.sequence and finish.reason == "stop" then return "STOP_SEQUENCE" end
  return REASONS[finish.reason] or "COMPLETE"
end

local function units(input, output)
  return (input or output) and { input_tokens = input, output_tokens = output } or nil
end

-- What another provider charges for is what was read and written.
local function usage_of(counts)
  local tokens = units(counts.input, counts.output)
  if tokens then tokens.reasoning_tokens = counts.reasoning end
  return {
    billed_units = units(counts.billed_input or counts.input,
      counts.billed_output or counts.output),
    tokens = tokens, cached_tokens = counts.cached,
  }
end

-- A member of its own, which SDKs keep that send an answer back as they got it.
local function signature_of(part)
  local secret, format = part.signature, part.format or "unknown"
  if part.redacted then secret, format = part.redacted, format .. ".redacted" end
  return secret and canonical.wrap(format, secret) or nil
end

-- Tokens of others are pieces of text, whose numbers nobody tells.
local function logprob(text, values)
  return { text = text, token_ids = core.array({}), logprobs = core.array(values) }
end

-- ---- whole answers ------------------------------------------------------------------------------

local function add_text(text, out, signature)
  if not signature and (not text or text == "") then return end
  local block = { type = "text", text = text, signature = signature }
  out.content[#out.content + 1] = block
  out.blocks[#out.blocks + 1] = { index = #out.content - 1, first = out.length }
  out.pieces[#out.pieces + 1] = text
  out.length = out.length + canonical.length(text)
end

local Part = {}

function Part.text(part, out)
  add_text(part.text, out, signature_of(part))
  for _, citation in ipairs(part.citations or {}) do out.cited[#out.cited + 1] = citation end
end

function Part.refusal(part, out) add_text(part.text, out) end

function Part.reasoning(part, out)
  if part.format == answer.PLAN and not part.signature then
    out.plan = (out.plan or "") .. (part.text or "")
    return
  end
  out.content[#out.content + 1] = {
    type = "thinking", thinking = part.text or "", signature = signature_of(part),
  }
end

function Part.tool_use(part, out)
  out.calls[#out.calls + 1] = {
    id = part.id, type = "function", signature = signature_of(part),
    ["function"] = {
      name = part.name, arguments = part.kind == "custom" and part.input or part.arguments,
    },
  }
end

function Part.audio(part, out, call)
  if part.data then call.warn("audio") end
  add_text(part.transcript, out)
end

local function parts_of(choice, call)
  local out = {
    content = core.array({}), calls = core.array({}), blocks = {}, pieces = {}, cited = {},
    length = 0,
  }
  for _, part in ipairs(choice.content or {}) do
    local take = Part[part.type]
    if take then
      take(part, out, call)
    else
      call.warn(tostring(part.type))
    end
  end
  for _, citation in ipairs(choice.citations or {}) do out.cited[#out.cited + 1] = citation end
  return out
end

local function citations_of(out, call)
  local list, said = core.array({}), table.concat(out.pieces)
  for _, citation in ipairs(out.cited) do
    local written = citations.write(citation, out.blocks, said, call.rq)
    local last = list[#list]
    if last and citations.is_same(last, written) then
      list[#list] = citations.joined(last, written)
    else
      list[#list + 1] = written
    end
  end
  return #list > 0 and list or nil
end

local function logprobs_of(list)
  local result = core.array({})
  for i, item in ipairs(list) do result[i] = logprob(item.token, { item.logprob }) end
  return result
end

local function message_of(choice, call)
  local out = parts_of(choice, call)
  local has_calls = #out.calls > 0
  if #out.content == 0 and not has_calls then out.content[1] = { type = "text", text = "" } end
  return {
    role = "assistant", content = #out.content > 0 and out.content or nil, tool_plan = out.plan,
    tool_calls = has_calls and out.calls or nil, citations = citations_of(out, call),
  }
end

--- The answer for a client, to be encoded.
-- @tparam table said canonical answer
function M.answer(said, call)
  local choices = said.choices or {}
  local choice = choices[1] or {}
  if #choices > 1 then call.warn("choices after the first") end
  return {
    id = said.id or call.id, usage = usage_of(said.usage or {}),
    message = message_of(choice, call),
    finish_reason = finish_reason({
      reason = choice.finish_reason, raw = choice.finish_raw, sequence = choice.sequence,
    }, call),
    logprobs = choice.logprobs and logprobs_of(choice.logprobs) or nil,
  }
end

-- ---- streams ------------------------------------------------------------------------------------

local function begin(state, write, call)
  if state.is_begun then return end
  state.is_begun = true
  state.index, state.calls, state.cited, state.length = -1, 0, 0, 0
  state.blocks, state.pieces = {}, {}
  write('{"id":' .. encode((state.start or {}).id or call.id) .. ',"type":"message-start",'
    .. '"delta":{"message":{"role":"assistant","content":[],"tool_plan":"","tool_calls":[],'
    .. '"citations":[]}}}', "message-start")
end

-- A citation waits for others of the same words.
local function flush_citation(state, write)
  local citation = state.citation
  if not citation then return end
  state.citation = nil
  write('{"type":"citation-start","index":' .. state.cited .. ',"delta":{"message":{"citations":'
    .. encode(citation) .. "}}}", "citation-start")
  write('{"type":"citation-end","index":' .. state.cited .. "}", "citation-end")
  state.cited = state.cited + 1
end

local function close(state, write, signature)
  if state.citation then flush_citation(state, write) end
  if not state.open then return end
  state.open = nil
  local more = signature and ',"signature":' .. encode(signature) or ""
  write('{"type":"content-end","index":' .. state.index .. more .. "}", "content-end")
end

-- Begins a block; what is common to its deltas is made once. `kind` is "text" or "thinking".
local function open(state, write, call, kind)
  begin(state, write, call)
  close(state, write)
  local index = state.index + 1
  state.index, state.open = index, kind
  write('{"type":"content-start","index":' .. index .. ',"delta":{"message":{"content":{"type":"'
    .. kind .. '","' .. kind .. '":""}}}}', "content-start")
  state.prefix = '{"type":"content-delta","index":' .. index .. ',"delta":{"message":{"content":{"'
    .. kind .. '":'
end

local function put(state, write, text, more)
  write(state.prefix .. encode(text) .. "}}}" .. (more or "") .. "}", "content-delta")
end

local Event = {}

function Event.start(event, _, state) state.start = event end

local function logprobs_member(event)
  local values = {}
  for i, item in ipairs(event.logprobs) do values[i] = item.logprob end
  return ',"logprobs":' .. encode(logprob(event.delta, values))
end

-- Text that was signed is a block of its own; a signature alone is that of the text before.
function Event.text(event, write, state, call)
  local delta, signature = event.delta, event.signature
  if state.open ~= "text" or signature and delta ~= "" then
    open(state, write, call, "text")
    state.blocks[#state.blocks + 1] = { index = state.index, first = state.length }
  end
  if state.citation then flush_citation(state, write) end
  if delta ~= "" or event.logprobs then
    state.pieces[#state.pieces + 1] = delta
    state.length = state.length + canonical.length(delta)
    put(state, write, delta, event.logprobs and logprobs_member(event))
  end
  if signature then close(state, write, signature_of(event)) end
end

function Event.refusal(event, write, state, call)
  if event.delta ~= "" then Event.text({ delta = event.delta }, write, state, call) end
end

local function write_plan(event, write, state, call)
  begin(state, write, call)
  close(state, write)
  write('{"type":"tool-plan-delta","delta":{"message":{"tool_plan":' .. encode(event.delta)
    .. "}}}", "tool-plan-delta")
end

function Event.reasoning(event, write, state, call)
  local signature = signature_of(event)
  if event.format == answer.PLAN and not signature then
    return write_plan(event, write, state, call)
  end
  if state.open ~= "thinking" then open(state, write, call, "thinking") end
  if event.delta ~= "" then put(state, write, event.delta) end
  if signature then close(state, write, signature) end
end

function Event.tool_start(event, write, state, call)
  begin(state, write, call)
  close(state, write)
  local made = {
    id = event.id, type = "function", signature = signature_of(event),
    ["function"] = { name = event.name, arguments = "" },
  }
  write('{"type":"tool-call-start","index":' .. state.calls .. ',"delta":{"message":{"tool_calls":'
    .. encode(made) .. "}}}", "tool-call-start")
  state.prefix = '{"type":"tool-call-delta","index":' .. state.calls
    .. ',"delta":{"message":{"tool_calls":{"function":{"arguments":'
end

function Event.tool_args(event, write, state)
  write(state.prefix .. encode(event.delta) .. "}}}}}", "tool-call-delta")
end

function Event.tool_end(_, write, state)
  write('{"type":"tool-call-end","index":' .. state.calls .. "}", "tool-call-end")
  state.calls = state.calls + 1
end

function Event.citation(event, write, state, call)
  begin(state, write, call)
  local said = table.concat(state.pieces)
  state.pieces = { said }
  local written = citations.write(event, state.blocks, said, call.rq)
  local waiting = state.citation
  if waiting and citations.is_same(waiting, written) then
    state.citation = citations.joined(waiting, written)
    return
  end
  flush_citation(state, write)
  state.citation = written
end

function Event.usage(event, _, state)
  local counts = state.counts or {}
  state.counts = counts
  for name, value in pairs(event) do counts[name] = value end
end

-- Its event waits for the counts.
function Event.finish(event, write, state, call)
  begin(state, write, call)
  close(state, write)
  state.finish = event
end

function Event.image(_, _, _, call) call.warn("image") end

function Event.audio(event, write, state, call)
  if event.data then call.warn("audio") end
  if event.transcript and event.transcript ~= "" then
    Event.text({ delta = event.transcript }, write, state, call)
  end
end

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
  write('{"type":"message-end","delta":{"finish_reason":'
    .. encode(finish_reason(state.finish or {}, call)) .. ',"usage":'
    .. encode(usage_of(state.counts or {})) .. "}}", "message-end")
  write("[DONE]")
end

-- ---- errors -------------------------------------------------------------------------------------

local TYPES = { context_length_exceeded = "TOO_MANY_TOKENS" }

--- The body of an error.
function M.error_body(err, call)
  return encode({
    id = err.request_id or call and call.id, message = canonical.told(err),
    error_type = TYPES[err.code],
  })
end

--- The end of a stream that broke: nothing comes behind it.
function M.error_event(err)
  local reason = (err.kind or err.code) == "timeout" and "TIMEOUT" or "ERROR"
  return 'event: message-end\ndata: {"type":"message-end","delta":{"error":'
    .. encode(err.message) .. ',"finish_reason":"' .. reason .. '"}}\n\n'
end

return M
