-- The clients of a conformance kit: one request in the words of each dialect, and what its answer
-- says.
local client_answer = require("tide.client_answer")
local core = require("core")
local template = require("tide.template")

local M = {}

local ID = ("0"):rep(32)

-- Where each dialect's clients ask; a stream elsewhere, if the path says that it is one.
local PATHS = {
  ["openai-chat"] = { "/v1/chat/completions" },
  ["openai-responses"] = { "/v1/responses" },
  ["anthropic-messages"] = { "/v1/messages" },
  gemini = {
    "/v1beta/models/{model}:generateContent", "/v1beta/models/{model}:streamGenerateContent",
  },
  ["bedrock-converse"] = { "/model/{model}/converse", "/model/{model}/converse-stream" },
  ["cohere-v2"] = { "/v2/chat" },
  ollama = { "/api/chat" },
}

M.FIRST = "openai-chat"

--- The dialects whose clients are served here: OpenAI's chat, then the others in order.
-- @tparam table dialects by name
function M.names(dialects)
  local names = {}
  for name, dialect in pairs(dialects) do
    if PATHS[name] and dialect.serves and name ~= M.FIRST then names[#names + 1] = name end
  end
  table.sort(names)
  table.insert(names, 1, M.FIRST)
  return names
end

local function info_of(dialect, model, is_stream)
  return {
    op = "chat", stream = is_stream, include_usage = true, model = model, asked = model,
    client_dialect = dialect.name, provider_dialect = dialect.name, id = ID, created = 0,
    traits = {}, warn = function() end,
  }
end

-- The body in the words of another dialect.
local function told_in(dialect, first, body, model, is_stream)
  local rq = first.decode_request(core.decode(core.encode(body), first.raw),
    info_of(first, model, is_stream))
  if not rq then return nil end
  rq.op, rq.model, rq.stream, rq.include_usage = "chat", model, is_stream, true
  local told = dialect.encode_request(rq, info_of(dialect, model, is_stream))
  local request = dialect.request or {}
  if request.model then told[request.model] = model end
  if request.stream then told[request.stream] = is_stream end
  return told
end

--- A request of a client.
-- @tparam table dialects by name
-- @tparam string name of the client's dialect
-- @tparam table body as OpenAI's clients write it, with its model
-- @treturn table|nil { path, body = text, stream, dialect }
function M.request(dialects, name, body)
  local dialect, paths, is_stream = dialects[name], PATHS[name], body.stream == true
  local told = body
  if name ~= M.FIRST then
    told = told_in(dialect, dialects[M.FIRST], body, body.model, is_stream)
  end
  if not told then return nil end
  local path = is_stream and paths[2] or paths[1]
  return {
    path = (path:gsub("{model}", function() return template.encode(body.model) end)),
    body = core.encode(told), stream = is_stream, dialect = dialect,
  }
end

--- What the answer to such a request says.
-- @treturn table { text, reasoning, tool_calls, finish_reason, usage }
function M.read(request, body)
  local is_array = body:find("^%s*%[") ~= nil
  return client_answer.read(request.dialect, body, {
    stream = request.stream, as_array = is_array,
  }, info_of(request.dialect, "model", request.stream))
end

return M
