-- What Ollama answers, whole or line by line, as canonical events: a line has the shape of a whole
-- answer and holds what is new. Pure.
local canonical = require("tide.canonical")
local core = require("core")
local errors = require("dialects.ollama.errors")
local media = require("dialects.ollama.media")
local time = require("dialects.ollama.time")

local M = {}

local number_of, text_of, table_of = canonical.number_of, canonical.text_of, canonical.table_of

-- ---- parts --------------------------------------------------------------------------------------

local KINDS = {
  context_length_exceeded = "context_length", model_not_found = "no_target",
  unsupported_capability = "bad_request", usage_limit = "quota", server_busy = "overloaded",
}

local function emit_error(emit, problem)
  local said = errors.read({ error = problem }) or {}
  emit("error", {
    error = {
      kind = KINDS[said.code] or "upstream_5xx", code = said.code, type = said.type,
      message = said.message or "the provider's answer failed",
    },
  })
end

local function take_calls(emit, state, calls)
  for _, call in ipairs(table_of(calls)) do
    call = table_of(call)
    local called = table_of(call["function"])
    state.calls = (state.calls or 0) + 1
    local i = state.calls
    emit("tool_start", { i = i, id = text_of(call.id), name = text_of(called.name) })
    emit("tool_args", { i = i, delta = (canonical.arguments(called.arguments)) })
    emit("tool_end", { i = i })
  end
end

local function token_of(item)
  item = table_of(item)
  return {
    token = canonical.string_of(item.token) or "", logprob = number_of(item.logprob),
    bytes = type(item.bytes) == "table" and item.bytes or nil,
  }
end

local function logprobs_of(list)
  local result = {}
  for i, item in ipairs(table_of(list)) do
    local token, tops = token_of(item), table_of(item).top_logprobs
    for k, top in ipairs(table_of(tops)) do
      token.top_logprobs = token.top_logprobs or {}
      token.top_logprobs[k] = token_of(top)
    end
    result[i] = token
  end
  return #result > 0 and result or nil
end

local function take_images(emit, images)
  for _, data in ipairs(table_of(images)) do
    if text_of(data) then emit("image", { data = data, mime = media.mime(data) }) end
  end
end

-- /api/generate says at the top what /api/chat says in a message.
local function take_message(emit, state, body)
  local message, spoken = body.message, "content"
  if type(message) ~= "table" then message, spoken = body, "response" end
  local thinking, text = text_of(message.thinking), text_of(message[spoken])
  local logprobs = logprobs_of(body.logprobs)
  if thinking then emit("reasoning", { delta = thinking }, message, "thinking") end
  if text or logprobs then
    emit("text", { delta = text or "", logprobs = logprobs }, text and message, text and spoken)
  end
  take_images(emit, message.images)
  take_calls(emit, state, message.tool_calls)
end

-- ---- the end ------------------------------------------------------------------------------------

local REASONS = { stop = "stop", length = "length", content_filter = "content_filter" }

-- A prompt that was read before has no count, which is not 0.
local function take_end(emit, body)
  local usage = { input = number_of(body.prompt_eval_count), output = number_of(body.eval_count) }
  if next(usage) then emit("usage", usage) end
  local raw = text_of(body.done_reason)
  emit("finish", { reason = REASONS[raw] or "stop", raw = raw })
end

local function take(body, emit, state)
  if canonical.given(body.error) ~= nil then return emit_error(emit, body.error) end
  if not state.is_started then
    state.is_started = true
    emit("start", { model = text_of(body.model), created = time.seconds(body.created_at) })
  end
  take_message(emit, state, body)
  if body.done == true then take_end(emit, body) end
end

--- decode_event of the dialect.
function M.decode_event(event, emit, state)
  local body = event.data
  if type(body) == "table" and not core.is_raw(body) then take(body, emit, state) end
end

--- decode_answer of the dialect.
function M.decode_answer(body, emit)
  local is_answer = canonical.given(body.error) ~= nil or type(body.message) == "table"
    or body.response ~= nil
  if not is_answer then
    return emit("error", {
      error = { kind = "protocol", message = "the provider's answer has no message" },
    })
  end
  take(body, emit, {})
  if body.done ~= true and canonical.given(body.error) == nil then take_end(emit, body) end
end

return M
