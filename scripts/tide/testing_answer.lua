-- What a mock upstream answers: t.upstream("groq").reply{ ... } and .stream{ ... } as bytes.
local core = require("core")
local mock_stream = require("tide.mock_stream")
local mock_text = require("tide.mock_text")

local M = {}

local FOREVER = 1e6 -- seconds: longer than any limit of a request
local NO_PACE = { 0, 0 }

local ERROR_TYPES = { [401] = "invalid_request_error", [429] = "rate_limit_exceeded" }

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

local function embedding(request)
  local inputs, data = request.input, core.array({})
  local count = type(inputs) == "table" and type(inputs[1]) ~= "number" and #inputs or 1
  for i = 1, count do
    data[i] = { object = "embedding", index = i - 1, embedding = { 0.1, 0.2, 0.3 } }
  end
  return core.encode({
    object = "list", data = data, model = request.model or "test",
    usage = { prompt_tokens = count, total_tokens = count },
  })
end

local function error_body(status)
  return core.encode({
    error = {
      message = "The test answers " .. status .. ".",
      type = ERROR_TYPES[status] or (status >= 500 and "server_error" or "invalid_request_error"),
      param = core.null, code = core.null,
    },
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
local function write_chunks(out, answer)
  out:head(answer.status or 200, headers_of(answer, "text/event-stream"))
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

local function body_of(sent, answer)
  if answer.body then return answer.body end
  if answer.json ~= nil then return core.encode(answer.json) end
  if (answer.status or 200) >= 300 then return error_body(answer.status) end
  if sent.path:find("/embeddings$") then return embedding(sent.body) end
end

--- Sends one answer.
-- @param out of a producer
-- @tparam table sent what the request was: path, body (decoded)
-- @tparam table answer { status, headers, body | json | text | chunks, delay, fault }
function M.send(out, sent, answer)
  if answer.delay then
    local _, err = core.sleep(answer.delay)
    if err then return end
  end
  if answer.fault == "reset" then return out:cut("connect") end
  if answer.fault == "timeout" then return core.sleep(FOREVER) end
  if answer.chunks then return write_chunks(out, answer) end
  local body = body_of(sent, answer)
  if body then return write_body(out, answer, body) end
  write_text(out, sent, answer, answer.text or "hello")
end

return M
