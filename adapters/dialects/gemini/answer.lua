-- What Gemini answers, whole or in a stream, as canonical events. A chunk of a stream has the shape
-- of a whole answer and holds what is new. Pure.
local canonical = require("tide.canonical")
local core = require("core")
local members = require("dialects.gemini.members")
local sources = require("dialects.gemini.sources")

local M = {}

local object, objects = members.object, members.objects
local text, number = members.text, members.number

-- ---- the end ------------------------------------------------------------------------------------

local REASONS = { STOP = "stop", MAX_TOKENS = "length" }

for _, name in ipairs({ "SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII",
  "IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION", "LANGUAGE", "MODEL_ARMOR" }) do
  REASONS[name] = "content_filter"
end

for _, name in ipairs({ "MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL",
  "MISSING_THOUGHT_SIGNATURE", "TOO_MANY_TOOL_CALLS", "MALFORMED_RESPONSE" }) do
  REASONS[name] = "error"
end

local KINDS = {
  INVALID_ARGUMENT = "bad_request", FAILED_PRECONDITION = "bad_request", UNAUTHENTICATED = "auth",
  PERMISSION_DENIED = "auth", NOT_FOUND = "no_target", RESOURCE_EXHAUSTED = "rate_limited",
  UNAVAILABLE = "overloaded", DEADLINE_EXCEEDED = "timeout",
}

local function emit_error(emit, problem)
  if type(problem) ~= "table" then problem = { message = tostring(problem) } end
  local status = text(problem, "status")
  emit("error", {
    error = {
      kind = KINDS[status] or "upstream_5xx", type = status,
      message = text(problem, "message") or "the provider's answer failed",
      code = status, status = number(problem, "code"),
    },
  })
end

-- ---- parts --------------------------------------------------------------------------------------

-- What is known of one candidate from chunk to chunk.
local function candidate_of(state, index)
  state.candidates = state.candidates or {}
  local candidate = state.candidates[index]
  if not candidate then
    candidate = { choice = index > 1 and index or nil, calls = 0, pieces = {}, told = {} }
    state.candidates[index] = candidate
  end
  return candidate
end

local function call_id(state, candidate, given)
  if given and given ~= "" then return given end
  return canonical.call_id(state.seed, candidate.choice or 1, candidate.calls)
end

local function start_call(emit, state, candidate, called, part)
  candidate.calls = candidate.calls + 1
  local signature = text(part, "thoughtSignature")
  emit("tool_start", {
    i = candidate.calls, id = call_id(state, candidate, text(called, "id")),
    name = text(called, "name") or "", choice = candidate.choice,
    signature = signature, format = signature and "gemini" or nil,
  })
end

local function end_call(emit, candidate, arguments)
  emit("tool_args", { i = candidate.calls, delta = arguments, choice = candidate.choice })
  emit("tool_end", { i = candidate.calls, choice = candidate.choice })
end

-- ---- arguments in pieces (Vertex, where a client asked for them) --------------------------------

local function steps_of(path)
  local steps = {}
  local step = "%.?([^.%[%]]*)%[?(%d*)['\"]?([^'\"%]]*)"
  for name, index, quoted in path:gsub("^%$", ""):gmatch(step) do
    if name ~= "" then steps[#steps + 1] = name end
    if index ~= "" then steps[#steps + 1] = tonumber(index) + 1 end
    if index == "" and quoted ~= "" then steps[#steps + 1] = quoted end
  end
  return steps
end

local LONGEST_LIST, DEEPEST = 10000, 64

-- The table and the key where a path leads, made on the way.
local function place_of(arguments, path)
  local steps, at = steps_of(path), arguments
  if #steps > DEEPEST then return nil end
  for i = 1, #steps - 1 do
    if type(at[steps[i]]) ~= "table" then
      at[steps[i]] = type(steps[i + 1]) == "number" and core.array({}) or {}
    end
    at = at[steps[i]]
  end
  local last = steps[#steps]
  if last == nil or type(last) == "number" and last > LONGEST_LIST then return nil end
  return at, last
end

local VALUES = { "stringValue", "numberValue", "boolValue" }

local function add_piece(arguments, piece)
  local at, key = place_of(arguments, text(piece, "jsonPath") or "")
  if not at then return end
  for _, name in ipairs(VALUES) do
    local value = members.get(piece, name)
    if name == "stringValue" and type(value) == "string" and type(at[key]) == "string" then
      at[key] = at[key] .. value
    elseif value ~= nil then
      at[key] = value
    end
  end
  if piece.nullValue ~= nil or piece.null_value ~= nil then at[key] = core.null end
end

local function add_pieces(candidate, called)
  for _, piece in ipairs(objects(called, "partialArgs")) do
    add_piece(candidate.arguments, piece)
  end
end

local function end_pieces(emit, candidate)
  if not candidate.arguments then return end
  end_call(emit, candidate, core.encode(candidate.arguments))
  candidate.arguments = nil
end

local function take_call(emit, state, candidate, called, part)
  local name = text(called, "name")
  local goes_on = members.flag(called, "willContinue")
  if candidate.arguments and not name then
    add_pieces(candidate, called)
    return not goes_on and end_pieces(emit, candidate)
  end
  if not name then return emit("dropped", { what = "functionCall" }) end
  end_pieces(emit, candidate)
  start_call(emit, state, candidate, called, part)
  if goes_on then
    candidate.arguments = {}
    return add_pieces(candidate, called)
  end
  local arguments = members.raw(called, "args")
  end_call(emit, candidate, arguments and arguments.raw or "{}")
end

-- ---- the other parts ----------------------------------------------------------------------------

local function take_text(emit, candidate, part, said)
  local signature = text(part, "thoughtSignature")
  if said == "" and not signature then return end
  if part.thought == true then
    return emit("reasoning", {
      delta = said, signature = signature, format = "gemini", choice = candidate.choice,
    })
  end
  candidate.pieces[#candidate.pieces + 1] = said
  emit("text", {
    delta = said, signature = signature, format = signature and "gemini" or nil,
    choice = candidate.choice, logprobs = candidate.logprobs,
  })
  candidate.logprobs = nil
end

local function take_data(emit, candidate, value)
  local mime, data = text(value, "mimeType") or "", text(value, "data")
  if not data then return end
  if mime:find("^image/") then
    return emit("image", { data = members.base64(data), mime = mime, choice = candidate.choice })
  elseif mime:find("^audio/") then
    return emit("audio", { data = members.base64(data), mime = mime, choice = candidate.choice })
  end
  emit("dropped", { what = "inlineData" })
end

local function take_file(emit, candidate, value)
  local mime, url = text(value, "mimeType") or "", text(value, "fileUri")
  if url and mime:find("^image/") then
    return emit("image", { url = url, mime = mime, choice = candidate.choice })
  end
  emit("dropped", { what = "fileData" })
end

local OTHERS = { "executableCode", "codeExecutionResult", "toolCall", "toolResponse" }

-- The canonical form has signatures of text, calls and thoughts: that of anything else, also of
-- what cannot be carried, becomes a thought without words. A part that is only signed is text.
local function take_other(emit, candidate, part, is_told)
  for _, name in ipairs(OTHERS) do
    if members.get(part, name) ~= nil then
      emit("dropped", { what = name })
      is_told = true
    end
  end
  if not is_told then return take_text(emit, candidate, part, "") end
  local signature = text(part, "thoughtSignature")
  if not signature then return end
  emit("reasoning", {
    delta = "", signature = signature, format = "gemini", choice = candidate.choice,
  })
end

local function take_part(emit, state, candidate, part)
  local said = part.text
  if type(said) == "string" then return take_text(emit, candidate, part, said) end
  local called = object(part, "functionCall")
  if called then return take_call(emit, state, candidate, called, part) end
  local data, file = object(part, "inlineData"), object(part, "fileData")
  if data then take_data(emit, candidate, data) end
  if file then take_file(emit, candidate, file) end
  take_other(emit, candidate, part, data ~= nil or file ~= nil)
end

-- ---- candidates ---------------------------------------------------------------------------------

local function read_token(item)
  return { token = text(item, "token") or "", logprob = number(item, "logProbability") }
end

local function read_logprobs(result)
  local list, tops = {}, objects(result, "topCandidates")
  for i, item in ipairs(objects(result, "chosenCandidates")) do
    local token = read_token(item)
    for k, top in ipairs(tops[i] and objects(tops[i], "candidates") or {}) do
      token.top_logprobs = token.top_logprobs or {}
      token.top_logprobs[k] = read_token(top)
    end
    list[i] = token
  end
  return #list > 0 and list or nil
end

-- Log probabilities belong to text, so they wait for it; what has none is told alone.
local function take_logprobs(emit, candidate)
  if not candidate.logprobs then return end
  emit("text", { delta = "", logprobs = candidate.logprobs, choice = candidate.choice })
  candidate.logprobs = nil
end

local function take_candidate(emit, state, value, position)
  local index = (number(value, "index") or position - 1) + 1
  local candidate = candidate_of(state, index)
  local result = object(value, "logprobsResult")
  if result then candidate.logprobs = read_logprobs(result) end
  local content = object(value, "content")
  for _, part in ipairs(content and objects(content, "parts") or {}) do
    take_part(emit, state, candidate, part)
  end
  take_logprobs(emit, candidate)
  sources.emit(emit, candidate, value)
  local raw = text(value, "finishReason")
  if raw and raw ~= "" and raw ~= "FINISH_REASON_UNSPECIFIED" then
    candidate.finish = {
      reason = REASONS[raw] or "stop", raw = raw, choice = candidate.choice,
      message = text(value, "finishMessage"),
    }
  end
end

-- ---- usage and the whole ------------------------------------------------------------------------

local function sum(first, second)
  if not first and not second then return nil end
  return (first or 0) + (second or 0)
end

-- A count of 0 is left out, which only the total tells from one that is not known.
local function output_of(metadata, input, thoughts)
  local output = sum(number(metadata, "candidatesTokenCount"), thoughts)
  local total = number(metadata, "totalTokenCount")
  if output or not (total and input) then return output end
  return math.max(total - input, 0)
end

--- The canonical counts of a usageMetadata; nil when it tells none.
function M.usage(metadata)
  local prompt = number(metadata, "promptTokenCount")
  local thoughts = number(metadata, "thoughtsTokenCount")
  local input = prompt and prompt + (number(metadata, "toolUsePromptTokenCount") or 0)
  local usage = {
    input = input, output = output_of(metadata, input, thoughts),
    cached = number(metadata, "cachedContentTokenCount"), reasoning = thoughts,
  }
  return next(usage) and usage or nil
end

-- Each total comes with all that it is made of, and what is 0 is left out: the last one counts.
-- What was read is told at once as well, as some clients hear of it before the content.
local function take_usage(emit, state, metadata)
  local usage = M.usage(metadata)
  if not usage then return end
  if not state.usage and usage.input then emit("usage", { input = usage.input }) end
  if state.usage and not number(metadata, "totalTokenCount") then
    for name, count in pairs(usage) do state.usage[name] = count end
  else
    state.usage = usage
  end
end

local function take_blocked(state, body)
  local feedback = object(body, "promptFeedback")
  local reason = feedback and text(feedback, "blockReason")
  if not reason or reason == "BLOCK_REASON_UNSPECIFIED" then return end
  candidate_of(state, 1).finish = {
    reason = "content_filter", raw = reason, message = text(feedback, "blockReasonMessage"),
  }
end

local function take_start(body, emit, state, call)
  if state.is_started then return end
  state.is_started = true
  local id = text(body, "responseId")
  state.seed = id or call.id or ""
  emit("start", { id = id, model = text(body, "modelVersion") })
end

local function take(body, emit, state, call)
  if body.error ~= nil and body.error ~= core.null then return emit_error(emit, body.error) end
  take_start(body, emit, state, call)
  local metadata = object(body, "usageMetadata")
  if metadata then take_usage(emit, state, metadata) end
  for position, candidate in ipairs(objects(body, "candidates")) do
    take_candidate(emit, state, candidate, position)
  end
  take_blocked(state, body)
end

-- Finishes are told last: sources and usage may still come with or behind them.
local function emit_end(emit, state)
  local numbers = {}
  if state.usage then emit("usage", state.usage) end
  for index in pairs(state.candidates or {}) do numbers[#numbers + 1] = index end
  table.sort(numbers)
  for _, index in ipairs(numbers) do
    local candidate = state.candidates[index]
    end_pieces(emit, candidate)
    if candidate.finish then emit("finish", candidate.finish) end
  end
end

--- decode_event of the dialect. A failure that stands where a list would stand is one, too.
function M.decode_event(event, emit, state, call)
  local data = event.data
  if type(data) ~= "table" then return end
  if type(data[1]) == "table" and data[1].error then data = data[1] end
  take(data, emit, state, call)
end

--- end_events of the dialect.
function M.end_events(emit, state)
  emit_end(emit, state)
end

--- decode_answer of the dialect. An answer that neither ends nor says anything is none.
function M.decode_answer(body, emit, call)
  local state = {}
  if type(body[1]) == "table" then
    for _, chunk in ipairs(body) do take(chunk, emit, state, call) end
  else
    take(body, emit, state, call)
  end
  local has_end = false
  for _, candidate in pairs(state.candidates or {}) do
    has_end = has_end or candidate.finish ~= nil or #candidate.pieces > 0 or candidate.calls > 0
  end
  if not has_end then
    return emit("error", {
      error = { kind = "protocol", message = "the provider's answer has no content and no end" },
    })
  end
  emit_end(emit, state)
end

return M
