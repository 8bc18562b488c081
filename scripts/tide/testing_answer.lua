-- What a mock upstream answers: t.upstream("groq").reply{ ... } and .stream{ ... } as bytes.
local canonical_answer = require("tide.canonical_answer")
local core = require("core")
local framing = require("tide.framing")
local grammar = require("tide.canonical_grammar")
local mock_stream = require("tide.mock_stream")
local mock_text = require("tide.mock_text")
local testing_operations = require("tide.testing_operations")

local M = {}

local FOREVER = 1e6 -- seconds: longer than any limit of a request
local NO_PACE = { 0, 0 }

local ERROR_TYPES = { [401] = "invalid_request_error", [429] = "rate_limit_exceeded" }
local KINDS = {
  [401] = "auth", [402] = "quota", [404] = "no_target", [413] = "too_large", [429] = "rate_limited",
  [503] = "overloaded", [529] = "overloaded",
}

local function headers_of(answer, content_type)
  local headers = { ["content-type"] = content_type }
  for name, value in pairs(answer.headers or {}) do headers[name:lower()] = tostring(value) end
  return headers
end

local function count_tokens(messages)
  local count = 0
  for _, message in ipairs(type(messages) == "table" and messages or {}) do
    count = count + mock_text.count(type(message.content) == "string" and message.content or "")
  end
  return count
end

-- A completion that says `text`, in the form that mock_stream writes.
local function completion(sent, answer, text)
  local request = sent.body
  local pieces = mock_text.pieces(text)
  local input = count_tokens(request.messages)
  local options = request.stream_options
  return {
    kind = request.prompt and "text" or "chat",
    id = "test", model = request.model or "test",
    choices = {
      { pieces = pieces, calls = answer.tool_calls, finish = answer.finish_reason or "stop" },
    },
    asks_usage = type(options) == "table" and options.include_usage == true,
    usage = answer.usage or {
      prompt_tokens = input, completion_tokens = #pieces, total_tokens = input + #pieces,
    },
  }
end

local function is_other(dialect)
  return dialect ~= nil and dialect.name ~= "openai-chat" and dialect.serves
end

-- As the dialect words it, for one that is not OpenAI's.
local function error_body(status, dialect)
  local message = "The test answers " .. status .. "."
  local type_ = ERROR_TYPES[status] or (status >= 500 and "server_error" or "invalid_request_error")
  if is_other(dialect) then
    return dialect.error_body({
      status = status, kind = KINDS[status] or (status >= 500 and "upstream_5xx" or "bad_request"),
      type = type_, message = message,
    })
  end
  return core.encode({
    error = { message = message, type = type_, param = core.null, code = core.null },
  })
end

local function cut_whole(out, answer, body)
  out:head(answer.status or 200, headers_of(answer, "application/json"))
  out:write(body:sub(1, math.floor(#body / 2)))
  out:cut()
end

local function write_body(out, answer, body)
  if answer.fault == "cut" then return cut_whole(out, answer, body) end
  out:head(answer.status or 200, headers_of(answer, "application/json"))
  out:write(body)
end

-- A number among the chunks is a pause in seconds.
local function write_chunks(out, answer, dialect)
  local content_type = dialect and dialect.content_type or framing.types.sse
  out:head(answer.status or 200, headers_of(answer, content_type))
  local count = #answer.chunks
  if answer.fault == "cut" then count = math.ceil(count / 2) end
  for i = 1, count do
    local chunk = answer.chunks[i]
    local _, err
    if type(chunk) == "number" then
      _, err = core.sleep(chunk)
    else
      _, err = out:write(chunk)
    end
    if err then return end
  end
  if answer.fault == "cut" then out:cut() end
end

local function write_text(out, sent, answer, text)
  local whole = completion(sent, answer, text)
  local headers = headers_of(answer)
  local shown = setmetatable({
    head = function(_, status, own)
      for name, value in pairs(own) do headers[name] = headers[name] or value end
      out:head(status, headers)
    end,
    write = function(_, bytes) return out:write(bytes) end,
    cut = function() out:cut() end,
  }, nil)
  local is_cut = answer.fault == "cut"
  if sent.body.stream == true then return mock_stream.send(shown, whole, NO_PACE, is_cut) end
  mock_stream.send_whole(shown, whole, is_cut)
end

local function body_of(sent, answer, dialect)
  if answer.body then return answer.body end
  if answer.json ~= nil then return core.encode(answer.json) end
  if (answer.status or 200) >= 300 then return error_body(answer.status, dialect) end
  local told = testing_operations.answer(sent, answer, dialect)
  return told and core.encode(told)
end

-- ---- other dialects -----------------------------------------------------------------------------

local function count_of(usage, ...)
  for i = 1, select("#", ...) do
    local value = usage[(select(i, ...))]
    if value then return value end
  end
end

-- The canonical answer that says `text`.
local function canonical(sent, answer, text)
  local content = {}
  if text ~= "" then content[1] = { type = "text", text = text } end
  for i, call in ipairs(answer.tool_calls or {}) do
    local called = call["function"] or call
    content[#content + 1] = {
      type = "tool_use", id = call.id or "call_" .. i, name = called.name,
      arguments = called.arguments,
    }
  end
  local usage = answer.usage or {}
  return {
    id = "test", model = sent.model, created = 0,
    choices = { { content = content, finish_reason = answer.finish_reason or "stop" } },
    usage = {
      input = count_of(usage, "prompt_tokens", "input_tokens", "input") or 1,
      output = count_of(usage, "completion_tokens", "output_tokens", "output")
        or #mock_text.pieces(text),
    },
  }
end

local function info_of(sent, dialect, is_stream)
  return {
    op = "chat", stream = is_stream, include_usage = true, model = sent.model, asked = sent.model,
    client_dialect = dialect.name, id = ("0"):rep(32), created = 0, traits = {},
    warn = function() end,
  }
end

-- The events of a stream as the dialect writes them, one text each.
local function stream_of(dialect, said, info)
  local chunks, state = {}, {}
  local function write(data, name)
    local pieces = {}
    framing.writer(dialect.framing, pieces)(data, name)
    chunks[#chunks + 1] = table.concat(pieces)
  end
  local told = grammar.new(function(event)
    dialect.encode_event(event, write, state, info)
  end, info.id)
  canonical_answer.emit(said, told.emit)
  told.finish()
  if dialect.end_stream then dialect.end_stream(write, state, info) end
  return chunks
end

local function wants_stream(sent, dialect)
  local request, body = dialect.request, sent.body
  if type(body) == "table" and type(body.stream) == "boolean" then return body.stream end
  return request ~= nil and request.streams_by_default or sent.path:find("[sS]tream") ~= nil
end

local function write_other(out, sent, answer, text, dialect)
  local is_stream = wants_stream(sent, dialect)
  local info = info_of(sent, dialect, is_stream)
  local said = canonical(sent, answer, text)
  if not is_stream then
    return write_body(out, answer, core.encode(dialect.encode_answer(said, info)))
  end
  write_chunks(out, {
    chunks = stream_of(dialect, said, info), status = answer.status, headers = answer.headers,
    fault = answer.fault,
  }, dialect)
end

--- Sends one answer.
-- @param out of a producer
-- @tparam table sent what the request was: path, op, endpoint, model, body (decoded)
-- @tparam table answer { status, headers, body | json | text | chunks, delay, fault }
-- @tparam table|nil dialect in which `text` is told; OpenAI's chat unless given
function M.send(out, sent, answer, dialect)
  if answer.delay then
    local _, err = core.sleep(answer.delay)
    if err then return end
  end
  if answer.fault == "reset" then return out:cut("connect") end
  if answer.fault == "timeout" then return core.sleep(FOREVER) end
  if answer.chunks then return write_chunks(out, answer, dialect) end
  local body = body_of(sent, answer, dialect)
  if body then return write_body(out, answer, body) end
  local text = answer.text or "hello"
  if is_other(dialect) then return write_other(out, sent, answer, text, dialect) end
  write_text(out, sent, answer, text)
end

return M
