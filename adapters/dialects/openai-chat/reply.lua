-- Writes canonical events and answers as openai-chat: chunks of a stream, whole answers. Pure.
--
-- A stream is written by hand: what does not change within it is put together once, so that a piece
-- of text costs one JSON string and a concatenation.
local canonical = require("tide.canonical")
local core = require("core")
local reasoning = require("dialects.openai-chat.reasoning")

local encode = core.encode

local M = {}

-- ---- what both forms share ----------------------------------------------------------------------

local function id_of(said, call)
  return said.id or "chatcmpl-" .. call.id
end

local REASONS = {
  stop = "stop", length = "length", tool_calls = "tool_calls", content_filter = "content_filter",
}

local function details(fields)
  return next(fields) and fields or nil
end

local function null_or(value)
  if value == nil then return core.null end
  return value
end

--- Usage as OpenAI writes it; what is unknown is null.
function M.usage(usage)
  local input, output = usage.input, usage.output
  return {
    prompt_tokens = null_or(input), completion_tokens = null_or(output),
    total_tokens = null_or(input and output and input + output),
    prompt_tokens_details = details({
      cached_tokens = usage.cached, cache_write_tokens = usage.cache_write,
      audio_tokens = usage.input_audio,
    }),
    completion_tokens_details = details({
      reasoning_tokens = usage.reasoning, audio_tokens = usage.output_audio,
      accepted_prediction_tokens = usage.accepted_prediction,
      rejected_prediction_tokens = usage.rejected_prediction,
    }),
    cost = usage.cost,
  }
end

-- Sources without an address are of files that the request brought along.
local function annotation(citation, start, stop)
  start, stop = citation.start or start, citation.stop or stop
  if citation.url then
    return {
      type = "url_citation",
      url_citation = {
        url = citation.url, title = citation.title or "", content = citation.quote,
        start_index = start, end_index = stop,
      },
    }
  end
  return {
    type = "file_citation",
    file_citation = {
      file_id = citation.file, title = citation.title, quote = citation.quote,
      start_index = start, end_index = stop,
    },
  }
end

local function image(said)
  local url = said.url or canonical.data_url(said.mime, said.data or "")
  return { type = "image_url", image_url = { url = url } }
end

local function audio(said)
  return {
    id = said.id, data = said.data, transcript = said.transcript, expires_at = said.expires,
  }
end

-- Where Google's own service for this dialect puts the signature of a thought.
local function extra_content(said)
  if not said.signature or said.format ~= "gemini" then return nil end
  return { google = { thought_signature = said.signature } }
end

local function tool_call(said, arguments)
  if said.kind == "custom" then
    return { id = said.id, type = "custom", custom = { name = said.name, input = arguments } }
  end
  return {
    id = said.id, type = "function", ["function"] = { name = said.name, arguments = arguments },
    extra_content = extra_content(said),
  }
end

-- ---- streams ------------------------------------------------------------------------------------

-- The text before a choice's delta, and all behind it as long as the choice goes on.
local function begin(said, state, call)
  local head = {
    '{"id":', encode(id_of(said, call)), ',"object":"chat.completion.chunk","created":',
    encode(said.created or call.created), ',"model":', encode(said.model or call.model),
  }
  if said.service_tier then head[#head + 1] = ',"service_tier":' .. encode(said.service_tier) end
  if said.fingerprint then
    head[#head + 1] = ',"system_fingerprint":' .. encode(said.fingerprint)
  end
  state.head = table.concat(head)
  state.tail = call.include_usage and ',"usage":null}' or "}"
  state.go_on = '},"logprobs":null,"finish_reason":null}]' .. state.tail
  state.choices = {}
end

local function choice_of(event, write, state)
  local number = event.choice or 1
  local choice = state.choices[number]
  if choice then return choice end
  choice = {
    open = state.head .. ',"choices":[{"index":' .. number - 1 .. ',"delta":{', chars = 0,
    block = 0,
  }
  choice.text = choice.open .. '"content":'
  state.choices[number] = choice
  write(choice.open .. '"role":"assistant","content":"","refusal":null' .. state.go_on)
  return choice
end

local function write_delta(fields, choice, write, state)
  write(choice.open .. encode(fields):sub(2, -2) .. state.go_on)
end

local function write_logprobs(fields, logprobs, choice, write, state)
  local go_on = '},"logprobs":' .. encode(logprobs) .. ',"finish_reason":null}]' .. state.tail
  write(choice.open .. encode(fields):sub(2, -2) .. go_on)
end

local function count(choice, delta)
  choice.chars = choice.chars + canonical.length(delta)
end

local function write_text(event, write, state)
  local choice = choice_of(event, write, state)
  local delta = event.delta
  count(choice, delta)
  if event.logprobs then
    local logprobs = { content = core.array(event.logprobs), refusal = core.null }
    return write_logprobs({ content = delta }, logprobs, choice, write, state)
  end
  if event.signature then
    local fields = { content = delta, extra_content = extra_content(event) }
    return write_delta(fields, choice, write, state)
  end
  write(choice.text .. encode(delta) .. state.go_on)
end

local function write_refusal(event, write, state)
  local choice = choice_of(event, write, state)
  choice.is_refused = true
  if event.logprobs then
    local logprobs = { content = core.null, refusal = core.array(event.logprobs) }
    return write_logprobs({ refusal = event.delta }, logprobs, choice, write, state)
  end
  write_delta({ refusal = event.delta }, choice, write, state)
end

-- A client that joins the pieces of a detail joins its texts: what must stand there once is told
-- once, with the first piece or with the signature.
local function open_block(choice, event)
  choice.is_block_open, choice.block_id = true, event.id
  local name = event.summary and "summary" or "text"
  choice.block_head = '"reasoning_details":[{"type":"reasoning.' .. name .. '","index":'
    .. choice.block .. ',"' .. name .. '":'
  choice.block = choice.block + 1
  return event.id and ',"id":' .. encode(event.id) or ""
end

local function write_thought(event, choice, write, state)
  local id = ""
  if not choice.is_block_open or choice.block_id ~= event.id then
    id = open_block(choice, event)
  end
  local text, signed = encode(event.delta), ""
  if event.signature then
    signed = ',"signature":' .. encode(event.signature) .. ',"format":'
      .. encode(reasoning.name_of(event.format) or "unknown")
  end
  local plain = event.delta ~= "" and '"reasoning_content":' .. text .. "," or ""
  write(choice.open .. plain .. choice.block_head .. text .. id .. signed .. "}]"
    .. state.go_on)
end

local function write_redacted(event, choice, write, state)
  local detail = {
    type = "reasoning.encrypted", data = event.redacted, id = event.id, index = choice.block,
    format = reasoning.name_of(event.format),
  }
  choice.block = choice.block + 1
  write_delta({ reasoning_details = core.array({ detail }) }, choice, write, state)
end

local function write_reasoning(event, write, state)
  local choice = choice_of(event, write, state)
  if event.delta ~= "" or event.signature then write_thought(event, choice, write, state) end
  if event.redacted then write_redacted(event, choice, write, state) end
  if event.signature or event.redacted then choice.is_block_open = false end
end

local function write_tool_start(event, write, state)
  local choice = choice_of(event, write, state)
  local fields = tool_call(event, "")
  fields.index = event.i - 1
  choice.call, choice.kind, choice.is_empty = fields.index, event.kind, true
  local body = event.kind == "custom" and '"custom":{"input":' or '"function":{"arguments":'
  choice.args = choice.open .. '"tool_calls":[{"index":' .. fields.index .. "," .. body
  choice.args_end = "}}]" .. state.go_on
  write_delta({ tool_calls = core.array({ fields }) }, choice, write, state)
end

local function write_tool_args(event, write, state)
  local choice = choice_of(event, write, state)
  choice.is_empty = false
  write(choice.args .. encode(event.delta) .. choice.args_end)
end

-- Clients decode what they got: no arguments are an empty object.
local function write_tool_end(event, write, state)
  local choice = choice_of(event, write, state)
  if choice.is_empty and choice.kind ~= "custom" then
    write(choice.args .. '"{}"' .. choice.args_end)
  end
  choice.is_empty = false
end

-- Without places of its own a source speaks of the text since the sources before.
local function write_citation(event, write, state)
  local choice = choice_of(event, write, state)
  if choice.cited_to ~= choice.chars then
    choice.cited_from, choice.cited_to = choice.cited_to or 0, choice.chars
  end
  local said = annotation(event, choice.cited_from, choice.cited_to)
  write_delta({ annotations = core.array({ said }) }, choice, write, state)
end

local function write_image(event, write, state)
  local choice = choice_of(event, write, state)
  local said = image(event)
  choice.images = (choice.images or -1) + 1
  said.index = choice.images
  write_delta({ images = core.array({ said }) }, choice, write, state)
end

local function write_audio(event, write, state)
  write_delta({ audio = audio(event) }, choice_of(event, write, state), write, state)
end

-- Why a filter stopped the answer is told where a refusal is.
local function write_finish(event, write, state)
  local choice = choice_of(event, write, state)
  if event.reason == "content_filter" and event.message and not choice.is_refused then
    write_delta({ refusal = event.message }, choice, write, state)
  end
  write(choice.open .. '},"logprobs":null,"finish_reason":'
    .. encode(REASONS[event.reason] or "stop") .. "}]" .. state.tail)
end

local function write_usage(event, write, state, call)
  if event.early or not call.include_usage then return end
  write(state.head .. ',"choices":[],"usage":' .. encode(M.usage(event)) .. "}")
end

local WRITE = {
  text = write_text, refusal = write_refusal, reasoning = write_reasoning,
  tool_start = write_tool_start, tool_args = write_tool_args, tool_end = write_tool_end,
  citation = write_citation, image = write_image, audio = write_audio, finish = write_finish,
  usage = write_usage,
}

--- One canonical event, as of the grammar, as chunks.
function M.event(event, write, state, call)
  local write_it = WRITE[event.type]
  if write_it then return write_it(event, write, state, call) end
  if event.type == "start" then
    begin(event, state, call)
    choice_of(event, write, state)
  end
end

-- ---- whole answers ------------------------------------------------------------------------------

local FIELDS = {}

function FIELDS.text(part, said)
  local from = said.chars
  said.text[#said.text + 1] = part.text
  said.chars = said.chars + canonical.length(part.text)
  for _, citation in ipairs(part.citations or {}) do
    said.annotations[#said.annotations + 1] = annotation(citation, from, said.chars)
  end
  said.message.extra_content = extra_content(part) or said.message.extra_content
end

function FIELDS.refusal(part, said)
  said.message.refusal = (canonical.given(said.message.refusal) or "") .. part.text
end

function FIELDS.tool_use(part, said)
  local arguments = part.kind == "custom" and part.input or part.arguments
  said.calls[#said.calls + 1] = tool_call(part, arguments)
end

function FIELDS.image(part, said)
  local one = image(part)
  one.index = #said.images
  said.images[#said.images + 1] = one
end

function FIELDS.audio(part, said)
  said.message.audio = audio(part)
end

local function list(items)
  return #items > 0 and core.array(items) or nil
end

local function tell_why(message, choice)
  if choice.finish_reason == "content_filter" and message.refusal == core.null then
    message.refusal = choice.finish_message or core.null
  end
end

local function message_of(choice)
  local said = {
    message = { role = "assistant", refusal = core.null }, text = {}, chars = 0,
    annotations = {}, calls = {}, images = {},
  }
  for _, part in ipairs(choice.content) do
    local add = FIELDS[part.type]
    if add then add(part, said) end
  end
  for _, citation in ipairs(choice.citations or {}) do
    said.annotations[#said.annotations + 1] = annotation(citation, 0, said.chars)
  end
  local message, text = said.message, table.concat(said.text)
  tell_why(message, choice)
  local is_other = #said.calls > 0 or message.refusal ~= core.null or message.audio
  message.content = (text ~= "" or not is_other) and text or core.null
  message.reasoning_content, message.reasoning_details = reasoning.fields(choice.content)
  message.tool_calls, message.images = list(said.calls), list(said.images)
  message.annotations = list(said.annotations)
  return message
end

local function array_or_null(items)
  return items and core.array(items) or core.null
end

local function logprobs_of(choice)
  if not choice.logprobs and not choice.refusal_logprobs then return core.null end
  return {
    content = array_or_null(choice.logprobs), refusal = array_or_null(choice.refusal_logprobs),
  }
end

--- A canonical answer as the body of a whole answer.
function M.answer(answer, call)
  local choices = {}
  for i, choice in ipairs(answer.choices) do
    choices[i] = {
      index = i - 1, message = message_of(choice), logprobs = logprobs_of(choice),
      finish_reason = REASONS[choice.finish_reason] or "stop",
    }
  end
  return {
    id = id_of(answer, call), object = "chat.completion",
    created = answer.created or call.created, model = answer.model or call.model,
    service_tier = answer.service_tier, system_fingerprint = answer.fingerprint,
    choices = core.array(choices), usage = answer.usage and M.usage(answer.usage) or nil,
  }
end

return M
