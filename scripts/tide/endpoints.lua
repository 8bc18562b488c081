-- Which path and method mean what on the main listener, and in which dialect.
local url = require("tide.url")

local M = {}

local OPENAI, RESPONSES = "openai-chat", "openai-responses"
local ANTHROPIC, GEMINI = "anthropic-messages", "gemini"

-- Operations. `is_chat`: the body is a conversation in the dialect's own words. `model_in_path`,
-- and with it `stream`: Gemini's way to say so.
local CHAT = { name = "chat", dialect = OPENAI, is_chat = true, streams = true }
local COMPLETE = { name = "complete", dialect = OPENAI, streams = true }
local EMBED = { name = "embed", dialect = OPENAI }
local RESPOND = { name = "chat", dialect = RESPONSES, is_chat = true, streams = true }
local MESSAGE = { name = "chat", dialect = ANTHROPIC, is_chat = true, streams = true }
local COUNT_MESSAGE = { name = "count", dialect = ANTHROPIC, is_chat = true }
local GENERATE = {
  name = "chat", dialect = GEMINI, is_chat = true, streams = true, model_in_path = true,
  stream = false,
}
local STREAM_GENERATE = {
  name = "chat", dialect = GEMINI, is_chat = true, streams = true, model_in_path = true,
  stream = true,
}
local COUNT_GENERATE = { name = "count", dialect = GEMINI, is_chat = true, model_in_path = true }

local function post(op)
  return { allow = "POST, OPTIONS", dialect = op.dialect, POST = op }
end

local function get(what, dialect)
  return { allow = "GET, HEAD, OPTIONS", dialect = dialect, GET = what, HEAD = what }
end

local HEALTH = get("health", OPENAI)
HEALTH.open = true -- no client key is asked for

local MODELS, MODEL = get("list_models", OPENAI), get("show_model", OPENAI)
-- Several services list their models there: the request says which one the client knows.
MODELS.is_shared, MODEL.is_shared = true, true

local ROUTES = {
  ["/v1/chat/completions"] = post(CHAT),
  ["/v1/completions"] = post(COMPLETE),
  ["/v1/embeddings"] = post(EMBED),
  ["/v1/responses"] = post(RESPOND),
  ["/v1/messages"] = post(MESSAGE),
  ["/v1/messages/count_tokens"] = post(COUNT_MESSAGE),
  ["/v1/models"] = MODELS,
  ["/v1beta/models"] = get("list_models", GEMINI),
  ["/health"] = HEALTH,
  -- The server as a whole, OPTIONS alone gets here.
  ["*"] = { allow = "GET, HEAD, POST, OPTIONS", dialect = OPENAI },
}

-- "models/NAME:METHOD", below each of these; names may contain slashes and colons.
local V1, V1BETA = "/v1/models/", "/v1beta/models/"
local GEMINI_MODEL = get("show_model", GEMINI)
local METHODS = {
  generateContent = post(GENERATE), streamGenerateContent = post(STREAM_GENERATE),
  countTokens = post(COUNT_GENERATE),
}

--- For people: what a wrong path could have been.
M.known = "POST /v1/chat/completions, POST /v1/completions, POST /v1/embeddings, "
  .. "POST /v1/responses, POST /v1/messages, POST /v1/messages/count_tokens, "
  .. "POST /v1beta/models/{model}:generateContent, :streamGenerateContent and :countTokens, "
  .. "GET /v1/models, GET /v1/models/{id}, GET /v1beta/models, GET /v1beta/models/{id}, GET /health"

--- How many endpoints there are, for the start-up message.
M.count = 13

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
  local rest, show = below_models(path)
  if not rest then return nil end
  local name, of_method = split_method(rest)
  if of_method then return of_method, url.decode(name) end
  return show, url.decode(rest)
end

--- The model that a path of Gemini's names.
function M.model_in(path)
  local name = split_method((below_models(path)))
  return url.decode(name)
end

--- True for a stream of Gemini's that is one JSON array: without a parameter that says otherwise.
function M.wants_array(req)
  if not req:path():find("streamGenerateContent", 1, true) then return false end
  local query = req:query() or ""
  return (url.parameter(query, "alt") or url.parameter(query, "$alt")) ~= "sse"
end

--- The dialect in which a client is told about a path that there is not.
function M.dialect_of(path)
  if path == "/v1beta" or starts_with(path, "/v1beta/") then return GEMINI end
  if path == "/v1/messages" or starts_with(path, "/v1/messages/") then return ANTHROPIC end
  if path == "/v1/responses" or starts_with(path, "/v1/responses/") then return RESPONSES end
  return OPENAI
end

return M
