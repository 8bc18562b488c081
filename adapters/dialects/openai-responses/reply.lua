-- Answers for clients of the Responses protocol: canonical answers and events in its own form and
-- order. Pure.
local canonical = require("tide.canonical")
local core = require("core")
local items = require("dialects.openai-responses.items")

local M = {}

local encode = core.encode

local NO_FAILURE = { code = "server_error", message = "the provider's answer failed" }

-- ---- whole answers ------------------------------------------------------------------------------

local function add(output, call, kind, make)
  output[#output + 1] = make(items.id(call, kind, #output))
end

local function part_of(part, logprobs)
  if part.type == "refusal" then return items.refusal_part(part.text) end
  if part.type == "image" then return items.text_part(items.image_text(part)) end
  if part.type == "audio" then return items.text_part(part.transcript) end
  return items.text_part(part.text, items.annotations(part.citations, part.text), logprobs)
end

local function is_in_message(part)
  return part.type == "text" or part.type == "refusal" or (part.type == "image" and part.url)
    or (part.type == "audio" and part.transcript)
end

local function add_seal(output, call, part, of)
  add(output, call, "reasoning", function(id)
    return items.reasoning(id, { signature = part.signature, format = part.format }, of)
  end)
end

local WRITE = {}

local function is_foreign(call)
  return call.provider_dialect ~= "openai-responses"
end

-- What is sealed is bound to the id that its provider gave.
function WRITE.reasoning(output, call, part)
  add(output, call, "reasoning", function(id)
    return items.reasoning(part.id or id, {
      text = part.text, summary = part.summary, signature = part.signature,
      redacted = part.redacted, format = part.format, is_foreign = is_foreign(call),
    })
  end)
end

function WRITE.tool_use(output, call, part, status)
  if part.signature then add_seal(output, call, part, "call") end
  local kind = part.kind == "custom" and "custom_tool_call" or "function_call"
  local whole = part.kind == "custom" and part.input or part.arguments
  add(output, call, kind, function(id) return items.call(id, status, part, whole) end)
end

function WRITE.image(output, call, part)
  add(output, call, "image_generation_call", function(id)
    return items.image(id, "completed", part.data)
  end)
end

-- Parts that follow each other make one message; what is signed ends it.
local function add_message(output, call, part, writing)
  local message = writing.message
  if not message then
    message = items.message(items.id(call, "message", #output), writing.status, {})
    writing.message = message
    output[#output + 1] = message
  end
  message.content[#message.content + 1] = part_of(part, writing.logprobs)
  if part.type == "text" then writing.logprobs = nil end
  if part.signature then
    writing.message = nil
    add_seal(output, call, part, "text")
  end
end

local function add_part(output, call, part, writing)
  if part.type == "audio" and part.transcript and part.data then call.warn("audio") end
  if is_in_message(part) then return add_message(output, call, part, writing) end
  writing.message = nil
  local write = WRITE[part.type]
  if not write then return call.warn(part.what or part.type) end
  write(output, call, part, writing.status)
end

-- Why a filter stopped the answer is told where a refusal is.
local function add_why(output, call, choice, writing)
  local why = choice.finish_reason == "content_filter" and choice.finish_message
  if why and not writing.is_refused then
    add_message(output, call, { type = "refusal", text = why }, writing)
  end
end

local function output_of(choice, call, status)
  local output = core.array({})
  local writing = { status = status, logprobs = choice.logprobs }
  for _, part in ipairs(choice.content or {}) do
    add_part(output, call, part, writing)
    writing.is_refused = writing.is_refused or part.type == "refusal"
  end
  add_why(output, call, choice, writing)
  return output
end

-- Citations that no text was told before stand with the first text.
local function add_loose_citations(output, citations)
  for _, item in ipairs(citations and output or {}) do
    local part = item.type == "message" and item.content[1]
    if part and part.annotations then
      local length = canonical.length(part.text)
      for _, citation in ipairs(citations) do
        part.annotations[#part.annotations + 1] = items.annotation(citation, length)
      end
      return
    end
  end
end

--- The response object of a canonical answer.
function M.answer(answer, call)
  local choice = answer.choices[1] or {}
  local status, why = items.status(choice.finish_reason)
  local response = items.envelope(answer, call)
  response.status = status
  response.output = output_of(choice, call, status == "incomplete" and status or "completed")
  add_loose_citations(response.output, choice.citations)
  response.usage = items.usage(answer.usage)
  response.error = status == "failed" and NO_FAILURE or core.null
  response.incomplete_details = why and { reason = why } or core.null
  if #answer.choices > 1 then call.warn("n") end
  return response
end

-- ---- streams: the frame -------------------------------------------------------------------------

-- Written by hand: one of these goes out for every token.
local function send(write, state, name, rest)
  local number = state.sequence
  state.sequence = number + 1
  write('{"type":"' .. name .. '","sequence_number":' .. number .. "," .. rest .. "}", name)
end

local function response_text(state, status, usage, failure, why)
  return '{"status":"' .. status .. '","output":[' .. table.concat(state.output, ",")
    .. '],"usage":' .. (usage and encode(items.usage(usage)) or "null")
    .. ',"error":' .. (failure and encode(failure) or "null")
    .. ',"incomplete_details":' .. (why and encode({ reason = why }) or "null")
    .. "," .. state.envelope
end

local function send_response(write, state, name, status, usage, failure, why)
  send(write, state, name, '"response":' .. response_text(state, status, usage, failure, why))
end

local function begin(write, state, call, start)
  if state.envelope then return end
  state.sequence, state.output, state.count = 0, {}, 0
  state.envelope = encode(items.envelope(start, call)):sub(2)
  send_response(write, state, "response.created", "in_progress")
  send_response(write, state, "response.in_progress", "in_progress")
end

-- ---- streams: items -----------------------------------------------------------------------------

local function add_item(write, state, item)
  state.index = state.count
  state.count = state.count + 1
  state.at = '"item_id":"' .. item.id .. '","output_index":' .. state.index
  send(write, state, "response.output_item.added",
    '"output_index":' .. state.index .. ',"item":' .. encode(item))
end

local function end_item(write, state, item)
  local text = encode(item)
  state.output[#state.output + 1] = text
  state.open = nil
  send(write, state, "response.output_item.done",
    '"output_index":' .. state.index .. ',"item":' .. text)
end

local function whole(open)
  return table.concat(open.pieces)
end

-- An item that holds no more than a signature.
local function send_seal(write, state, call, part, of)
  local id = items.id(call, "reasoning", state.count)
  add_item(write, state, items.reasoning(id))
  end_item(write, state, items.reasoning(id, part, of))
end

-- ---- streams: messages --------------------------------------------------------------------------

local PARTS = {
  text = {
    delta = "response.output_text.delta", done = "response.output_text.done", field = '"text":',
    more = ',"logprobs":[]',
    make = function(text, open) return items.text_part(text, open.annotations, open.logprobs) end,
  },
  refusal = {
    delta = "response.refusal.delta", done = "response.refusal.done", field = '"refusal":',
    more = "", make = items.refusal_part,
  },
}

local function end_part(write, state, open)
  local part = open.part
  if not part then return end
  local text = whole(open)
  local made = part.make(text, open)
  open.content[#open.content + 1] = made
  local more = open.logprobs and ',"logprobs":' .. encode(core.array(open.logprobs)) or part.more
  send(write, state, part.done, open.at .. "," .. part.field .. encode(text) .. more)
  send(write, state, "response.content_part.done", open.at .. ',"part":' .. encode(made))
  open.part = nil
end

local function begin_part(write, state, open, part)
  open.part, open.pieces, open.annotations, open.logprobs = part, {}, core.array({}), nil
  open.at = state.at .. ',"content_index":' .. #open.content
  open.prefix = open.at .. ',"delta":'
  send(write, state, "response.content_part.added",
    open.at .. ',"part":' .. encode(part.make("", open)))
end

local function end_message(write, state, open, call, status)
  end_part(write, state, open)
  end_item(write, state, items.message(open.id, status, open.content))
  if open.signature then
    send_seal(write, state, call, { signature = open.signature, format = open.format }, "text")
  end
end

-- ---- streams: reasoning -------------------------------------------------------------------------

local function end_thought(write, state, open)
  if not open.prefix then return end
  local text = encode(whole(open))
  local kind = open.summary and "response.reasoning_summary" or "response.reasoning"
  send(write, state, kind .. "_text.done", open.at .. ',"text":' .. text)
  local part = '{"type":"' .. open.part_type .. '","text":' .. text .. "}"
  local name = open.summary and "response.reasoning_summary_part.done"
    or "response.content_part.done"
  send(write, state, name, open.at .. ',"part":' .. part)
end

local function begin_thought(write, state, open)
  local summary = open.summary
  open.part_type = summary and "summary_text" or "reasoning_text"
  open.at = state.at .. (summary and ',"summary_index":0' or ',"content_index":0')
  open.prefix = open.at .. ',"delta":'
  open.delta = summary and "response.reasoning_summary_text.delta"
    or "response.reasoning_text.delta"
  local name = summary and "response.reasoning_summary_part.added" or "response.content_part.added"
  send(write, state, name,
    open.at .. ',"part":{"type":"' .. open.part_type .. '","text":""}')
end

local function end_reasoning(write, state, open)
  end_thought(write, state, open)
  end_item(write, state, items.reasoning(open.id, {
    text = whole(open), summary = open.summary, signature = open.signature,
    redacted = open.redacted, format = open.format, is_foreign = open.is_foreign,
  }))
end

-- ---- streams: calls -----------------------------------------------------------------------------

local function end_call(write, state, open, _, status)
  local text = whole(open)
  if open.kind ~= "custom" and text == "" then text = "{}" end
  local name = "response.function_call_arguments.done"
  local field = ',"name":' .. encode(open.name) .. ',"arguments":'
  if open.kind == "custom" then
    name, field = "response.custom_tool_call_input.done", ',"input":'
  end
  send(write, state, name, state.at .. field .. encode(text))
  end_item(write, state, items.call(open.item_id, status, open, text))
end

local ENDS = { message = end_message, reasoning = end_reasoning, call = end_call }

local function close(write, state, call, status)
  local open = state.open
  if open then ENDS[open.what](write, state, open, call, status or "completed") end
end

local function open_message(write, state, call)
  local open = state.open
  if open and open.what == "message" then return open end
  close(write, state, call)
  open = { what = "message", id = items.id(call, "message", state.count), content = {} }
  state.open = open
  add_item(write, state, items.message(open.id, "in_progress", {}))
  return open
end

local function open_part(write, state, call, part)
  local open = open_message(write, state, call)
  if open.part ~= part then
    end_part(write, state, open)
    begin_part(write, state, open, part)
  end
  return open
end

-- ---- streams: events ----------------------------------------------------------------------------

local TAKE = {}

function TAKE.start(event, write, state, call) begin(write, state, call, event) end

local function add_logprobs(open, list)
  open.logprobs = open.logprobs or {}
  for _, item in ipairs(list) do open.logprobs[#open.logprobs + 1] = item end
  return encode(core.array(list))
end

-- Sources that were told before any text belong to the first.
local function send_citations(write, state, open)
  local waiting = state.citations
  if not waiting then return end
  state.citations = nil
  for _, citation in ipairs(waiting) do
    local annotation = items.annotation(citation, canonical.length(whole(open)))
    open.annotations[#open.annotations + 1] = annotation
    send(write, state, "response.output_text.annotation.added", open.at .. ',"annotation_index":'
      .. (#open.annotations - 1) .. ',"annotation":' .. encode(annotation))
  end
end

function TAKE.text(event, write, state, call)
  local open = state.open
  if not open or open.part ~= PARTS.text then open = open_part(write, state, call, PARTS.text) end
  local delta = event.delta
  if delta ~= "" or event.logprobs then
    open.pieces[#open.pieces + 1] = delta
    local more = event.logprobs and ',"logprobs":' .. add_logprobs(open, event.logprobs)
      or ',"logprobs":[]'
    send(write, state, "response.output_text.delta", open.prefix .. encode(delta) .. more)
  end
  if state.citations then send_citations(write, state, open) end
  if event.signature then
    open.signature, open.format = event.signature, event.format
    close(write, state, call)
  end
end

function TAKE.refusal(event, write, state, call)
  state.is_refused = true
  local open = open_part(write, state, call, PARTS.refusal)
  open.pieces[#open.pieces + 1] = event.delta
  send(write, state, "response.refusal.delta", open.prefix .. encode(event.delta))
end

local function is_same_thought(open, event, summary)
  return open and open.what == "reasoning" and open.of == event.id
    and (open.summary == summary or not open.prefix)
end

function TAKE.reasoning(event, write, state, call)
  local open, foreign = state.open, is_foreign(call)
  local summary = event.summary or foreign
  if not is_same_thought(open, event, summary) then
    close(write, state, call)
    open = {
      what = "reasoning", id = event.id or items.id(call, "reasoning", state.count), of = event.id,
      summary = summary, is_foreign = foreign, pieces = {},
    }
    state.open = open
    add_item(write, state, items.reasoning(open.id))
  end
  local delta = event.delta
  if delta and delta ~= "" then
    open.pieces[#open.pieces + 1] = delta
    if not open.prefix then begin_thought(write, state, open) end
    send(write, state, open.delta, open.prefix .. encode(delta))
  end
  if event.signature or event.redacted then
    open.signature, open.redacted, open.format = event.signature, event.redacted, event.format
    close(write, state, call)
  end
end

function TAKE.tool_start(event, write, state, call)
  close(write, state, call)
  if event.signature then
    send_seal(write, state, call, { signature = event.signature, format = event.format }, "call")
  end
  local kind = event.kind == "custom" and "custom_tool_call" or "function_call"
  local open = {
    what = "call", item_id = items.id(call, kind, state.count), kind = event.kind,
    id = event.id, name = event.name, pieces = {},
    delta = event.kind == "custom" and "response.custom_tool_call_input.delta"
      or "response.function_call_arguments.delta",
  }
  state.open = open
  add_item(write, state, items.call(open.item_id, "in_progress", open, ""))
  open.prefix = state.at .. ',"delta":'
end

-- No tool_end: an answer may have been cut within its last call, so what follows ends it.
function TAKE.tool_args(event, write, state)
  local open = state.open
  if not open or open.what ~= "call" then return end
  open.pieces[#open.pieces + 1] = event.delta
  send(write, state, open.delta, open.prefix .. encode(event.delta))
end

function TAKE.citation(event, write, state, call)
  state.citations = state.citations or {}
  state.citations[#state.citations + 1] = event
  local open = state.open
  if open and open.part == PARTS.text then send_citations(write, state, open, call) end
end

function TAKE.image(event, write, state, call)
  if not event.data then
    TAKE.text({ delta = items.image_text(event) }, write, state, call)
    return
  end
  close(write, state, call)
  local id = items.id(call, "image_generation_call", state.count)
  add_item(write, state, items.image(id, "in_progress"))
  send(write, state, "response.image_generation_call.completed", state.at)
  end_item(write, state, items.image(id, "completed", event.data))
end

-- What is heard has no place of its own here; what was said in it has.
function TAKE.audio(event, write, state, call)
  if event.data and not state.has_warned then
    state.has_warned = true
    call.warn("audio")
  end
  if event.transcript and event.transcript ~= "" then
    TAKE.text({ delta = event.transcript }, write, state, call)
  end
end

function TAKE.usage(event, _, state)
  local usage = state.usage or {}
  state.usage = usage
  for name, value in pairs(event) do usage[name] = value end
end

-- Why a filter stopped the answer is told where a refusal is.
function TAKE.finish(event, write, state, call)
  state.reason = event.reason
  if event.reason == "content_filter" and event.message and not state.is_refused then
    TAKE.refusal({ delta = event.message }, write, state, call)
  end
end

--- One canonical event of the first choice; the protocol has no other.
function M.event(event, write, state, call)
  if event.choice then
    if event.type == "finish" then call.warn("n") end
    return
  end
  local take = TAKE[event.type]
  if not take then return end
  if not state.envelope and event.type ~= "start" then begin(write, state, call, {}) end
  take(event, write, state, call)
end

--- The end of a stream.
function M.finish(write, state, call)
  if not state.envelope then begin(write, state, call, {}) end
  if state.citations then
    send_citations(write, state, open_part(write, state, call, PARTS.text))
  end
  local status, why = items.status(state.reason)
  close(write, state, call, status == "incomplete" and status or nil)
  local failure = status == "failed" and NO_FAILURE or nil
  send_response(write, state, "response." .. status, status, state.usage, failure, why)
end

-- ---- errors -------------------------------------------------------------------------------------

local function or_null(value)
  if value == nil then return core.null end
  return value
end

local function error_of(err)
  return {
    message = err.message, type = err.type, param = or_null(err.param), code = or_null(err.code),
  }
end

--- The body of an answer that is an error.
function M.error_body(err)
  return encode({ error = error_of(err) })
end

--- The event that ends a broken stream: flat, as it is documented, and nested, as it is sent and as
-- the official SDKs raise it.
function M.error_event(err, _, state)
  local event = error_of(err)
  event.type, event.error = "error", error_of(err)
  event.sequence_number = state and state.sequence or 0
  return "event: error\ndata: " .. encode(event) .. "\n\n"
end

return M
