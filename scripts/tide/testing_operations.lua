-- What is asked of a mock upstream, by its path, and what it answers to operations besides chat:
-- vectors that are all the same, documents in the order in which they came, nothing to flag.
local core = require("core")
local address = require("tide.address")
local operations = require("tide.operations")

local M = {}

local VECTOR = core.decode('{"embedding":[0.1,0.2,0.3]}', { embedding = true }).embedding

-- ---- which --------------------------------------------------------------------------------------

-- "/v1beta/models/{model}:generateContent" as a pattern of the end of a path.
local function pattern_of(path)
  path = path:match("^[^?]*"):gsub("[%^%$%(%)%%%.%[%]%*%+%-%?]", "%%%0")
  return path:gsub("{[%w_|]+}", ".+") .. "$"
end

-- The endpoints of an operation; dialects may have several.
local ENDPOINTS = {
  chat = { false, "generate" }, embed = { false, "embeddings", "batchEmbed" },
}
local ONE = { false }

local function paths_of(adapter, op, dialect)
  local spec, paths = address.spec(adapter, op), {}
  for _, endpoint in ipairs(ENDPOINTS[op] or ONE) do
    for _, is_stream in ipairs({ false, true }) do
      local path = address.path(adapter, spec, op, dialect, is_stream, endpoint or nil)
      if path then paths[#paths + 1] = { path = path, endpoint = endpoint or nil } end
    end
  end
  return paths
end

--- What stands at a path of a provider. Where several would do, the longest path counts.
-- @tparam table provider
-- @tparam string path
-- @treturn table { op, dialect, endpoint }; a chat of the adapter's dialect where none fits
function M.at(provider, path)
  path = path:match("^[^?]*")
  local found, longest = { op = "chat", dialect = provider.adapter.dialect }, 0
  for _, dialect in pairs(provider.dialects) do
    for _, op in ipairs(operations.names) do
      for _, known in ipairs(paths_of(provider.adapter, op, dialect)) do
        if #known.path > longest and path:find(pattern_of(known.path)) then
          found = { op = op, dialect = dialect, endpoint = known.endpoint }
          longest = #known.path
        end
      end
    end
  end
  return found
end

-- ---- answers ------------------------------------------------------------------------------------

local function list_of(value)
  return type(value) == "table" and value ~= core.null and value or {}
end

local function counted(answer, usual)
  local usage = answer.usage or {}
  return usage.prompt_tokens or usage.input_tokens or usage.input or usual
end

-- Models of Bedrock have bodies of their own: of Cohere's, of Titan, of Nova.
local function invoked(body, answer)
  local floats = { 0.1, 0.2, 0.3 }
  local texts = #list_of(body.texts) + #list_of(body.images) + #list_of(body.inputs)
  if texts > 0 then
    local all = core.array({})
    for i = 1, texts do all[i] = floats end
    return { id = "test", response_type = "embeddings_by_type", embeddings = { float = all } }
  end
  if body.inputText or body.inputImage then
    return { embedding = floats, inputTextTokenCount = counted(answer, 1) }
  end
  return { embeddings = { { embeddingType = "TEXT", embedding = floats } } }
end

local function embedded(rq, answer)
  local all = {}
  for i = 1, #rq.inputs do all[i] = VECTOR end
  return { id = "test", model = rq.model, vectors = all, usage = { input = counted(answer, #all) } }
end

local function ranked(rq, answer)
  local results = {}
  for i = 1, math.min(#rq.documents, rq.top_n or math.huge) do
    results[i] = { index = i - 1, score = 1 / i, document = rq.documents[i] }
  end
  local input = counted(answer, #rq.documents)
  return { id = "test", model = rq.model, results = results, usage = { input = input } }
end

local ANSWERS = { embed = embedded, rerank = ranked }

local function moderated(body)
  local several = type(body.input) == "table" and type(body.input[1]) == "string"
  local results = core.array({})
  for i = 1, several and #body.input or 1 do
    results[i] = { flagged = false, categories = {}, category_scores = {} }
  end
  return { id = "test", model = body.model or "test", results = results }
end

local function translated(speaker, sent, answer)
  local info = {
    op = sent.op, endpoint = sent.endpoint, model = sent.model, asked = sent.model, stream = false,
    id = ("0"):rep(32), created = 0, traits = {}, warn = function() end,
  }
  local body = core.decode(core.encode(sent.body), speaker.raw)
  local rq, problem = speaker.decode_request(body, info)
  if not rq then error("the mock cannot read the request: " .. problem.message, 0) end
  rq.model, info.rq = rq.model or sent.model, rq
  return speaker.encode_answer(ANSWERS[sent.op](rq, answer), info)
end

--- The answer to what is no chat.
-- @tparam table sent op, endpoint, model, body (decoded)
-- @tparam table answer of a test; its `usage` is told
-- @tparam table dialect
-- @treturn table|nil body; nil for chats, completions and counts
function M.answer(sent, answer, dialect)
  if type(sent.body) ~= "table" then return nil end
  if sent.op == "moderate" then return moderated(sent.body) end
  if not ANSWERS[sent.op] then return nil end
  local speaker = operations.of(dialect, sent.op)
  if speaker and speaker.decode_request and speaker.encode_answer then
    return translated(speaker, sent, answer)
  end
  return invoked(sent.body, answer)
end

return M
