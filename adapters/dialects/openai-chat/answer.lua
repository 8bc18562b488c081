-- Reads answers of openai-chat, whole or streamed, and tells them as canonical events. Nothing that
-- a provider sends makes it fail. Pure.
--
-- emit(type, fields, of, name): `of[name]` is where the event stands in what was read, for who
-- writes changes back (canonical_edit.lua); a tool_start stands in `of` itself, `name` is "tool".
local canonical = require("tide.canonical")
local core = require("core")
local reasoning = require("dialects.openai-chat.reasoning")

local given, string_of, text_of = canonical.given, canonical.string_of, canonical.text_of
local table_of, number_of = canonical.table_of, canonical.number_of

local M = {}

-- ---- words --------------------------------------------------------------------------------------

local REASONS = {
  stop = "stop", eos = "stop", eos_token = "stop", stop_sequence = "stop", end_turn = "stop",
  length = "length", model_length = "length", max_tokens = "length",
  model_context_window_exceeded = "length",
  tool_calls = "tool_calls", function_call = "tool_calls", tool_use = "tool_calls",
  content_filter = "content_filter", sensitive = "content_filter", safety = "content_filter",
  error = "error", network_error = "error", insufficient_system_resource = "error",
  abort = "error",
}
local KINDS = { insufficient_system_resource = "overloaded" }

--- The gateway's word for a finish reason; nil for none.
function M.reason(value)
  value = given(value)
  return value and (REASONS[value] or "stop")
end

-- xAI's completion_tokens leave reasoning out; the total then tells. An adapter says so, too.
local function output_of(value, thought, is_excluded)
  local output = number_of(value.completion_tokens)
  if not output or not thought or thought <= 0 then return output end
  local input, total = number_of(value.prompt_tokens), number_of(value.total_tokens)
  if input and total then is_excluded = total == input + output + thought end
  return is_excluded and output + thought or output
end

--- Counts of tokens in the gateway's words; nil when there are none.
-- @tparam boolean|nil is_excluded completion_tokens come without reasoning_tokens
function M.usage(value, is_excluded)
  if type(value) ~= "table" then return nil end
  local input = table_of(value.prompt_tokens_details)
  local output = table_of(value.completion_tokens_details)
  local thought = number_of(output.reasoning_tokens) or number_of(value.reasoning_tokens)
  return {
    input = number_of(value.prompt_tokens), output = output_of(value, thought, is_excluded),
    cached = number_of(input.cached_tokens) or number_of(value.cached_tokens)
      or number_of(value.prompt_cache_hit_tokens) or number_of(value.num_cached_tokens),
    cache_write = number_of(input.cache_write_tokens), reasoning = thought,
    input_audio = number_of(input.audio_tokens), output_audio = number_of(output.audio_tokens),
    accepted_prediction = number_of(output.accepted_prediction_tokens),
    rejected_prediction = number_of(output.rejected_prediction_tokens),
    cost = number_of(value.cost),
  }
end

local function words_of(value)
  if type(value) == "string" then return value end
  return type(value) == "number" and tostring(value) or nil
end

-- { loc, msg, type } of a server that checks its input.
local function of_detail(detail)
  if type(detail) ~= "table" then return words_of(detail) end
  local said = {}
  for _, item in ipairs(table_of(detail.detail or detail)) do
    said[#said + 1] = words_of(table_of(item).msg)
  end
  return said[1] and table.concat(said, "; ") or words_of(detail.message)
end

-- What the provider behind a provider said stands as text of JSON in `metadata.raw`.
local function with_raw(message, metadata)
  local raw = text_of(table_of(metadata).raw)
  if not raw or raw == message then return message end
  return (message and message .. ": " or "") .. raw
end

local function message_of(inner, outer)
  return words_of(inner) or words_of(outer.message) or of_detail(given(outer.message))
    or of_detail(given(outer.detail))
end

local function status_of(outer)
  local status = number_of(outer.status_code) or number_of(outer.code)
  return status and status >= 400 and status < 600 and status or nil
end

--- What a body, or an event, says went wrong.
-- @treturn table { message, code, type, param, status }, texts but for the status, or nil
function M.error_of(body)
  local inner = given(body.error)
  local outer = type(inner) == "table" and inner or body
  local base = table_of(body.base_resp)
  local message = message_of(inner, outer) or words_of(base.status_msg)
  return {
    message = with_raw(message, outer.metadata), code = words_of(outer.code)
      or words_of(base.status_code), type = words_of(outer.type), param = words_of(outer.param),
    status = status_of(outer),
  }
end

-- ---- tool calls ---------------------------------------------------------------------------------

-- A provider may number all of its calls 0. What comes with another id and a name, or with a name
-- once the call before is complete, is another call.
local function is_another(known, id, name, piece)
  if id and known.id and id ~= known.id then return name ~= nil end
  if id or not name or not piece or not known.is_told then return false end
  local last = known.pieces[#known.pieces]
  if not (last and last:find("}%s*$")) then return false end
  return type(core.decode(table.concat(known.pieces))) == "table"
end

local function new_call(of, id, index)
  of.count = of.count + 1
  local known = { i = of.count, id = id, pieces = {}, is_told = false }
  if id then of.by_id[id] = known end
  if index then of.by_index[index] = known end
  return known
end

local function find_call(of, call, id, name, piece)
  local index = tonumber(given(call.index))
  if not index then
    if id and of.by_id[id] then return of.by_id[id] end
    if (id or name) or not of.last then return new_call(of, id) end
    return of.last
  end
  local known = of.by_index[index]
  if not known or is_another(known, id, name, piece) then return new_call(of, id, index) end
  return known
end

local function signature_of(owner)
  local google = table_of(table_of(owner.extra_content).google)
  return text_of(google.thought_signature)
end

local function tell_start(known, call, custom, emit, number)
  known.is_told = true
  local signature = signature_of(call)
  local of = not custom and call or nil
  emit("tool_start", {
    i = known.i, id = known.id, name = known.name, kind = custom and "custom" or nil,
    signature = signature, format = signature and "gemini", choice = number,
  }, of, of and "tool")
end

local function piece_of(called, name)
  local piece = given(called[name])
  if type(piece) == "table" then return core.encode(piece) end
  return text_of(piece)
end

-- What came before the name waits for it.
local function tell_piece(known, piece, emit, number, of, name)
  known.pieces[#known.pieces + 1] = piece
  if known.is_told then
    emit("tool_args", { i = known.i, delta = piece, choice = number }, of, name)
  end
end

local function tell_known(known, call, custom, emit, number)
  local early = table.concat(known.pieces)
  known.pieces = {}
  tell_start(known, call, custom, emit, number)
  if early ~= "" then tell_piece(known, early, emit, number) end
end

local function complete(known, id, name)
  known.id, known.name = known.id or id, known.name or name
end

local function take_call(of, call, emit, number, is_whole)
  local custom = type(call.custom) == "table" and call.custom or nil
  local called, field = custom or table_of(call["function"]), custom and "input" or "arguments"
  local id, name, piece = text_of(call.id), text_of(called.name), piece_of(called, field)
  local known = is_whole and new_call(of, id) or find_call(of, call, id, name, piece)
  of.last = known
  complete(known, id, name)
  if not known.is_told and (known.name or is_whole) then
    tell_known(known, call, custom, emit, number)
  end
  if piece then tell_piece(known, piece, emit, number, called, field) end
end

-- A call whose name never came is no call that could be made.
local function tell_nameless(of, emit, number)
  for _, known in pairs(of.by_index) do
    if not known.is_told then
      known.is_told = true
      emit("tool_start", { i = known.i, id = known.id, choice = number })
    end
  end
end

local function take_function(of, call, emit, number)
  local name, piece = text_of(call.name), piece_of(call, "arguments")
  local known = of.by_index["function"] or new_call(of, nil, "function")
  if name and not known.is_told then
    known.name, known.is_told = name, true
    emit("tool_start", { i = known.i, name = name, choice = number })
  end
  if piece then tell_piece(known, piece, emit, number, call, "arguments") end
end

-- ---- content ------------------------------------------------------------------------------------

local function take_image(image, emit, number)
  local url = given(table_of(image).image_url)
  if type(url) == "table" then url = url.url end
  if not text_of(url) then return end
  local mime, data = canonical.parse_data_url(url)
  if mime then return emit("image", { mime = mime, data = data, choice = number }) end
  emit("image", { url = url, choice = number })
end

local function take_audio(audio, emit, number)
  emit("audio", {
    id = text_of(audio.id), data = text_of(audio.data), transcript = text_of(audio.transcript),
    expires = number_of(audio.expires_at), choice = number,
  })
end

local function take_annotation(annotation, emit, number)
  annotation = table_of(annotation)
  local of = table_of(annotation.url_citation)
  local file = table_of(annotation.file_citation)
  if not text_of(of.url) and not text_of(annotation.url) and not next(file) then
    return emit("dropped", { what = "annotations" })
  end
  local from = next(of) and of or next(file) and file or annotation
  emit("citation", {
    url = text_of(from.url), title = text_of(from.title), quote = text_of(from.content)
      or text_of(from.quote), start = number_of(from.start_index),
    stop = number_of(from.end_index), file = text_of(from.file_id) or text_of(from.filename),
    choice = number,
  })
end

-- Mistral's { type = "thinking", thinking = { { type = "text", text }, ... } }.
local function thinking_of(part)
  if type(part.thinking) == "string" then return part.thinking end
  local pieces = {}
  for _, item in ipairs(table_of(part.thinking)) do
    pieces[#pieces + 1] = text_of(table_of(item).text)
  end
  return table.concat(pieces)
end

local PARTS = {
  text = function(part, emit, number)
    emit("text", { delta = string_of(part.text) or "", choice = number }, part, "text")
  end,
  thinking = function(part, emit, number)
    emit("reasoning", { delta = thinking_of(part), choice = number })
  end,
  refusal = function(part, emit, number)
    emit("refusal", { delta = string_of(part.refusal) or "", choice = number })
  end,
  image_url = take_image,
}
PARTS.output_text = PARTS.text

local function take_parts(list, emit, number)
  for _, part in ipairs(list) do
    part = table_of(part)
    local take = PARTS[part.type] or text_of(part.text) and PARTS.text
    if take then
      take(part, emit, number)
    else
      emit("dropped", { what = words_of(part.type) or "content" })
    end
  end
end

-- Together's { tokens, token_logprobs } for OpenAI's { content = { { token, logprob } } }.
local function logprobs_of(choice, name)
  local said = choice.logprobs
  if type(said) ~= "table" then return nil end
  if type(said[name]) == "table" and #said[name] > 0 then return said[name] end
  if name ~= "content" or type(said.token_logprobs) ~= "table" then return nil end
  local list = {}
  for i, token in ipairs(table_of(said.tokens)) do
    list[i] = { token = token, logprob = said.token_logprobs[i], top_logprobs = core.array({}) }
  end
  return list[1] and list or nil
end

local function take_text(delta, name, choice, emit, number)
  local content = delta[name]
  if type(content) == "table" then return take_parts(content, emit, number) end
  local logprobs = choice.logprobs ~= nil and logprobs_of(choice, "content") or nil
  local signature = delta.extra_content ~= nil and signature_of(delta) or nil
  if not text_of(content) then
    if not logprobs and not signature then return end
    content = ""
  end
  emit("text", {
    delta = content, choice = number, logprobs = logprobs, signature = signature,
    format = signature and "gemini",
  }, delta, name)
end

local function take_more(delta, choice, emit, number)
  if text_of(delta.refusal) then
    emit("refusal", {
      delta = delta.refusal, choice = number, logprobs = logprobs_of(choice, "refusal"),
    })
  end
  if type(delta.audio) == "table" then take_audio(delta.audio, emit, number) end
  for _, image in ipairs(table_of(delta.images)) do take_image(image, emit, number) end
  for _, item in ipairs(table_of(delta.annotations)) do take_annotation(item, emit, number) end
  if type(delta.executed_tools) == "table" and #delta.executed_tools > 0 then
    emit("dropped", { what = "executed_tools" }) -- of Groq's own
  end
end

local function take_calls(of, delta, emit, number, is_whole)
  for _, call in ipairs(table_of(delta.tool_calls)) do
    if type(call) == "table" then take_call(of, call, emit, number, is_whole) end
  end
  if type(delta.function_call) == "table" then
    take_function(of, delta.function_call, emit, number)
  end
end

-- ---- choices ------------------------------------------------------------------------------------

local function state_of(state, number)
  local choices = state.choices
  if not choices then
    choices = {}
    state.choices = choices
  end
  local of = choices[number]
  if not of then
    of = { count = 0, by_id = {}, by_index = {} }
    choices[number] = of
  end
  return of
end

-- Perplexity tells its sources beside the choices, in every chunk anew.
local function tell_sources(chunk, emit, number)
  local results = table_of(chunk.search_results)
  for _, result in ipairs(results) do
    result = table_of(result)
    if text_of(result.url) then
      emit("citation", { url = result.url, title = text_of(result.title), choice = number })
    end
  end
  if #results > 0 then return end
  for _, url in ipairs(table_of(chunk.citations)) do
    if text_of(url) then emit("citation", { url = url, choice = number }) end
  end
end

local function finish_of(choice, reason, number)
  return {
    reason = reason, choice = number, kind = KINDS[choice.finish_reason],
    raw = text_of(choice.native_finish_reason) or text_of(choice.finish_reason),
    sequence = text_of(choice.stop_reason),
  }
end

-- There are streams that go on with content behind a finish, so it is told at their end.
local function take_finish(choice, of, emit, number, state)
  local reason = M.reason(choice.finish_reason)
  if not reason then return end
  if state.is_shown then
    emit("finish", finish_of(choice, reason, number), choice, "finish_reason")
  end
  of.finish = of.finish or finish_of(choice, reason, number)
end

-- What is told when no more can come.
local function tell_rest(of, sources, emit, number)
  tell_nameless(of, emit, number)
  if sources then tell_sources(sources, emit, number) end
  if of.finish then emit("finish", of.finish) end
  of.finish = nil
end

-- Where there are both, `text` and `message` repeat what the delta says.
local function take_choice(choice, position, emit, state, is_whole)
  local number = (tonumber(given(choice.index)) or position - 1) + 1
  local of = state_of(state, number)
  if number == 1 then number = nil end
  local delta, other = choice.delta, choice.message
  if is_whole or type(delta) ~= "table" then delta, other = other, delta end
  if type(delta) ~= "table" then delta = other end
  if type(delta) == "table" then
    reasoning.emit(delta, emit, of, number)
    take_text(delta, "content", choice, emit, number)
    take_more(delta, choice, emit, number)
    take_calls(of, delta, emit, number, is_whole)
  else
    take_text(choice, "text", choice, emit, number)
  end
  take_finish(choice, of, emit, number, state)
end

local function take_choices(body, emit, state, is_whole)
  for position, choice in ipairs(table_of(body.choices)) do
    if type(choice) == "table" then
      take_choice(choice, position, emit, state, is_whole)
    end
  end
end

local function take_usage(body, emit, call)
  local is_excluded = call and call.traits and call.traits.reasoning_excluded
  local value, of = given(body.usage), body
  if type(value) ~= "table" then
    of = table_of(body.x_groq)
    value = of.usage
  end
  if type(value) ~= "table" then
    of = table_of(table_of(body.choices)[1])
    value = of.usage
  end
  local usage = M.usage(value, is_excluded)
  if usage then emit("usage", usage, of, "usage") end
end

local function begin(body, emit, state)
  local id, model = text_of(body.id), text_of(body.model)
  if not id and not model and #table_of(body.choices) == 0 then return end
  state.is_started = true
  local created = number_of(body.created)
  emit("start", {
    id = id, model = model, created = created and created > 0 and created or nil,
    service_tier = text_of(body.service_tier), fingerprint = text_of(body.system_fingerprint),
  })
end

local function tell_error(body, emit)
  local err = M.error_of(body)
  err.message = err.message or "the provider's answer failed"
  emit("error", { error = err })
end

-- ---- the two ways -------------------------------------------------------------------------------

--- One event of a stream.
-- @tparam table event { name =, data = decoded }
-- @tparam function emit see above
-- @tparam table state {} in the beginning; { is_shown = true } for who wants to see each finish
--   where it stands
function M.event(event, emit, state, call)
  local chunk = event.data
  if type(chunk) ~= "table" then return end
  local is_error = given(chunk.error) ~= nil or event.name == "error"
  if not is_error and not state.is_started then begin(chunk, emit, state) end
  take_choices(chunk, emit, state)
  if chunk.citations ~= nil or chunk.search_results ~= nil then state.sources = chunk end
  take_usage(chunk, emit, call)
  if is_error then tell_error(chunk, emit) end
end

--- The stream has ended properly.
function M.finish(emit, state)
  local numbers = {}
  for number in pairs(state.choices or {}) do numbers[#numbers + 1] = number end
  table.sort(numbers)
  for _, number in ipairs(numbers) do
    tell_rest(state.choices[number], state.sources, emit, number > 1 and number or nil)
  end
end

--- A whole answer.
function M.answer(body, emit, call)
  local status = number_of(table_of(body.base_resp).status_code)
  local choices = table_of(body.choices)
  if given(body.error) ~= nil or #choices == 0 and (status or 0) ~= 0 then
    return tell_error(body, emit)
  end
  if #choices == 0 and M.error_of(body).message then return tell_error(body, emit) end
  local state = { sources = body }
  begin(body, emit, state)
  take_choices(body, emit, state, true)
  M.finish(emit, state)
  take_usage(body, emit, call)
end

return M
