-- Anthropic's Messages API, as a provider speaks it and as clients ask for it.
local request = require("dialects.anthropic-messages.request")
local client = require("dialects.anthropic-messages.client")
local answer = require("dialects.anthropic-messages.answer")
local reply = require("dialects.anthropic-messages.reply")

local NULL = tide.json.null

-- ---- errors -------------------------------------------------------------------------------------

local TYPES_OF_STATUS = {
  [400] = "invalid_request_error", [401] = "authentication_error", [402] = "billing_error",
  [403] = "permission_error", [404] = "not_found_error", [409] = "conflict_error",
  [413] = "request_too_large", [429] = "rate_limit_error", [503] = "overloaded_error",
  [504] = "timeout_error", [529] = "overloaded_error",
}

-- An event has no status.
local TYPES_OF_KIND = {
  auth = "authentication_error", quota = "billing_error", budget = "billing_error",
  rate_limited = "rate_limit_error", overloaded = "overloaded_error",
  breaker_open = "overloaded_error", timeout = "timeout_error", no_target = "not_found_error",
  too_large = "request_too_large", bad_request = "invalid_request_error",
  context_length = "invalid_request_error", content_filter = "invalid_request_error",
  upstream_4xx = "invalid_request_error",
}

local function type_of(err)
  local status = err.status
  if status and TYPES_OF_STATUS[status] then return TYPES_OF_STATUS[status] end
  if status and status >= 400 and status < 500 then return "invalid_request_error" end
  return not status and TYPES_OF_KIND[err.kind] or "api_error"
end

-- An error event knows its kind by the code, when by nothing else.
local function kind_of(err)
  return { status = err.status, kind = err.kind or err.code }
end

-- What the SDKs act upon: without a thread they send the whole conversation, and again if need be.
local DETAILS = { thread = { error_code = "thread_unsupported_request" } }

local function error_of(err, call)
  return tide.json.encode {
    type = "error",
    error = {
      type = type_of(kind_of(err)), message = err.message,
      details = err.code == "unsupported_parameter" and DETAILS[err.param] or nil,
    },
    request_id = err.request_id or (call and call.id) or NULL,
  }
end

local function read_error(body)
  if type(body) == "string" then body = tide.json.decode(body) end
  local err = type(body) == "table" and body.error
  if type(err) ~= "table" then return nil end
  local details = type(err.details) == "table" and err.details or {}
  local function text(value) return type(value) == "string" and value or nil end
  return { message = text(err.message), type = text(err.type), code = text(details.error_code) }
end

-- ---- models -------------------------------------------------------------------------------------

-- When a model came out is not known here; the API says so with the epoch as well.
local function model_of(model)
  return {
    type = "model", id = model.id, display_name = model.display_name or model.id,
    created_at = "1970-01-01T00:00:00Z", max_input_tokens = model.context,
    max_tokens = model.max_output,
  }
end

local function list_models(models)
  local data = {}
  for i, model in ipairs(models) do data[i] = model_of(model) end
  return {
    data = tide.json.array(data), has_more = false,
    first_id = #data > 0 and data[1].id or NULL, last_id = #data > 0 and data[#data].id or NULL,
  }
end

return tide.dialect {
  name = "anthropic-messages",
  watch = {
    content = {
      -- Of a delta: there are empty ones.
      "delta.text", "delta.thinking", "delta.partial_json", "delta.signature", "delta.citation",
      "delta.content",
      { path = "content_block.type", equals = "tool_use" },
      { path = "content_block.type", equals = "server_tool_use" },
      { path = "content_block.type", equals = "redacted_thinking" },
      "delta.stop_reason", -- of a message that says nothing; no finish: only message_stop ends
    },
    usage = { "message.usage", "usage" },
    terminal = { { path = "type", equals = "message_stop" } },
    error = { "error", { event = "error" } },
  },
  usage = {
    input = "input_tokens", output = "output_tokens", cached = "cache_read_input_tokens",
    cache_write = "cache_creation_input_tokens",
    reasoning = "output_tokens_details.thinking_tokens", cache_excluded = true,
  },
  paths = { chat = "/v1/messages", count = "/v1/messages/count_tokens" },
  request = { model = "model", stream = "stream", messages = "messages", needs = { "messages" } },
  headers = { ["anthropic-version"] = "2023-06-01" },
  raw_members = { "input_schema", "input", "schema" },

  decode_request = client.decode,
  encode_request = request.encode,
  needs_bytes = request.needs_bytes,
  decode_answer = answer.decode,
  encode_answer = reply.answer,
  decode_event = answer.event,
  encode_event = reply.event,
  end_stream = reply.finish,

  error_body = error_of,
  error_event = function(err, call)
    return "event: error\ndata: " .. error_of(err, call) .. "\n\n"
  end,
  read_error = read_error,

  list_models = list_models,
  show_model = model_of,
  decode_count = function(body)
    return type(body) == "table" and tonumber(body.input_tokens) or nil
  end,
  encode_count = function(tokens) return { input_tokens = tokens } end,
}
