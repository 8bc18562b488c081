-- Which path and method mean what on the main listener, and in which dialect.
local url = require("tide.url")

local M = {}

local OPENAI, RESPONSES = "openai-chat", "openai-responses"
local ANTHROPIC, GEMINI = "anthropic-messages", "gemini"
local BEDROCK, COHERE, OLLAMA = "bedrock-converse", "cohere-v2", "ollama"

-- Operations. `is_chat`: the body is a conversation in the dialect's own words. `model_in_path`,
-- and with it `stream`: the path says both. `endpoint`: where a dialect has two for one operation,
-- the name of the one that is not the usual one.
local function op(name, dialect, more)
  local result = { name = name, dialect = dialect }
  for field, value in pairs(more or {}) do result[field] = value end
  return result
end

local function chat(dialect, more)
  local result = op("chat", dialect, more)
  result.is_chat, result.streams = true, true
  return result
end

local COUNT_MESSAGE = op("count", ANTHROPIC, { is_chat = true })
local COUNT_GENERATE = op("count", GEMINI, { is_chat = true, model_in_path = true })

local function post(what)
  return { allow = "POST, OPTIONS", dialect = what.dialect, POST = what }
end

local function get(what, dialect)
  return { allow = "GET, HEAD, OPTIONS", dialect = dialect, GET = what, HEAD = what }
end

-- What has a model in its path, and says by the path whether it is a stream.
local function by_path(name, dialect, stream, endpoint)
  local result = op(name, dialect, { model_in_path = true, stream = stream, endpoint = endpoint })
  result.is_chat, result.streams = name == "chat", name == "chat"
  return post(result)
end

local HEALTH = get("health", OPENAI)
HEALTH.open = true -- no client key is asked for

-- Tools look there whether a server of Ollama's is up.
local ROOT = get("ollama_root", OLLAMA)
ROOT.open = true

local MODELS, MODEL = get("list_models", OPENAI), get("show_model", OPENAI)
-- Several services list their models there: the request says which one the client knows.
MODELS.is_shared, MODEL.is_shared = true, true

local ROUTES = {
  ["/v1/chat/completions"] = post(chat(OPENAI)),
  ["/v1/completions"] = post(op("complete", OPENAI, { streams = true })),
  ["/v1/embeddings"] = post(op("embed", OPENAI)),
  ["/v1/rerank"] = post(op("rerank", OPENAI)),
  ["/v1/moderations"] = post(op("moderate", OPENAI, {
    default_model = "omni-moderation-latest", -- as OpenAI's has it
  })),
  ["/v1/responses"] = post(chat(RESPONSES)),
  ["/v1/messages"] = post(chat(ANTHROPIC)),
  ["/v1/messages/count_tokens"] = post(COUNT_MESSAGE),
  ["/v1/models"] = MODELS,
  ["/v1beta/models"] = get("list_models", GEMINI),
  ["/v2/chat"] = post(chat(COHERE)),
  ["/v2/embed"] = post(op("embed", COHERE)),
  ["/v2/rerank"] = post(op("rerank", COHERE)),
  ["/api/chat"] = post(chat(OLLAMA)),
  ["/api/generate"] = post(chat(OLLAMA, { endpoint = "generate" })),
  ["/api/embed"] = post(op("embed", OLLAMA)),
  ["/api/embeddings"] = post(op("embed", OLLAMA, { endpoint = "embeddings" })),
  ["/api/tags"] = get("ollama_tags", OLLAMA),
  ["/api/ps"] = get("ollama_ps", OLLAMA),
  ["/api/version"] = get("ollama_version", OLLAMA),
  ["/api/show"] = { allow = "POST, OPTIONS", dialect = OLLAMA, POST = "ollama_show" },
  ["/"] = ROOT,
  ["/health"] = HEALTH,
  -- The server as a whole, OPTIONS alone gets here.
  ["*"] = { allow = "GET, HEAD, POST, OPTIONS", dialect = OPENAI },
}

-- "models/NAME:METHOD", below each of these; names may contain slashes and colons.
local V1, V1BETA = "/v1/models/", "/v1beta/models/"
local GEMINI_MODEL = get("show_model", GEMINI)
local METHODS = {
  generateContent = by_path("chat", GEMINI, false),
  streamGenerateContent = by_path("chat", GEMINI, true),
  countTokens = post(COUNT_GENERATE),
  embedContent = by_path("embed", GEMINI, false),
  batchEmbedContents = by_path("embed", GEMINI, false, "batchEmbed"),
}

-- "/model/NAME/METHOD": AWS writes the name percent-encoded, its slashes and colons too.
local MODEL_METHODS = {
  converse = by_path("chat", BEDROCK, false),
  ["converse-stream"] = by_path("chat", BEDROCK, true),
}

--- For people: what a wrong path could have been.
M.known = "POST /v1/chat/completions, POST /v1/completions, POST /v1/embeddings, "
  .. "POST /v1/rerank, POST /v1/moderations, "
  .. "POST /v1/responses, POST /v1/messages, POST /v1/messages/count_tokens, "
  .. "POST /v1beta/models/{model}:generateContent, :streamGenerateContent, :countTokens, "
  .. ":embedContent and :batchEmbedContents, "
  .. "POST /model/{model}/converse and /converse-stream, POST /v2/chat, /v2/embed and /v2/rerank, "
  .. "POST /api/chat, /api/generate, /api/embed, /api/embeddings and /api/show, "
  .. "GET /api/tags, /api/ps and /api/version, "
  .. "GET /v1/models, GET /v1/models/{id}, GET /v1beta/models, GET /v1beta/models/{id}, GET /health"

--- How many endpoints there are, for the start-up message.
M.count = 31

local function starts_with(text, start)
  return text:sub(1, #start) == start
end

-- The name and the method behind its last colon; a client may have written the colon as %3A.
local function split_method(rest)
  local name, method = rest:match("^(.+):(%a+)$")
  if not name then name, method = rest:match("^(.+)%%3[Aa](%a+)$") end
  return name, METHODS[method]
end

-- Some clients take a name with a slash for a path of its own, and leave out "models/".
local function named_by_path(path)
  local rest = path:match("^/v1beta/([^/]+/.+)$")
  local _, of_method = split_method(rest or "")
  return of_method and rest
end

-- The encoded name in a path of AWS, and its route.
local function of_aws(path)
  local name, method = path:match("^/model/([^/]+)/([%a-]+)$")
  return name, MODEL_METHODS[method]
end

-- Behind the prefix of a path below the models; nil for any other path.
local function below_models(path)
  if #path > #V1 and starts_with(path, V1) then return path:sub(#V1 + 1), MODEL end
  if #path > #V1BETA and starts_with(path, V1BETA) then
    return path:sub(#V1BETA + 1), GEMINI_MODEL
  end
  return named_by_path(path), GEMINI_MODEL
end

--- The route of a path, and what stands for {id} or {model} in it.
-- @treturn table|nil { allow =, dialect = name, open =, is_shared =, [method] = operation }
-- @treturn string|nil decoded
function M.find(path)
  local route = ROUTES[path]
  if route then return route end
  local name, of_method = of_aws(path)
  if of_method then return of_method, url.decode(name) end
  local rest, show = below_models(path)
  if not rest then return nil end
  name, of_method = split_method(rest)
  if of_method then return of_method, url.decode(name) end
  return show, url.decode(rest)
end

--- The model that a path names, of an operation with `model_in_path`.
function M.model_in(path)
  local name = of_aws(path) or split_method((below_models(path)))
  return url.decode(name)
end

--- True for a stream of Gemini's that is one JSON array: without a parameter that says otherwise.
function M.wants_array(req)
  if not req:path():find("streamGenerateContent", 1, true) then return false end
  local query = req:query() or ""
  return (url.parameter(query, "alt") or url.parameter(query, "$alt")) ~= "sse"
end

-- Where a path begins like this, its clients speak that dialect.
local STARTS = {
  { "/v1beta", GEMINI }, { "/v1/messages", ANTHROPIC }, { "/v1/responses", RESPONSES },
  { "/v2", COHERE }, { "/api", OLLAMA }, { "/model", BEDROCK },
}

--- The dialect in which a client is told about a path that there is not.
function M.dialect_of(path)
  for _, entry in ipairs(STARTS) do
    local start = entry[1]
    if path == start or starts_with(path, start .. "/") then return entry[2] end
  end
  return OPENAI
end

return M
