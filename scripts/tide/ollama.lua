-- What tools for Ollama ask for besides chats: which models there are, what one of them is, and
-- whether the server is up and recent enough.
local answer = require("tide.answer")
local core = require("core")
local errors = require("tide.errors")
local listing = require("tide.listing")
local model_names = require("tide.model_names")

local M = {}

-- Programs compare it to know what a server can do: that of the version whose API this is.
local VERSION = '{"version":"0.32.15"}'

-- Nothing has to be loaded here, so nothing is.
local RUNNING = '{"models":[]}'

local TAG = ":latest"

--- GET and HEAD /: in the words that tools look for.
function M.root(req)
  req:reply(200, "Ollama is running", { ["content-type"] = "text/plain; charset=utf-8" })
  req:record({ outcome = "ok", metric_model = "other" })
end

function M.version(req, _, _, client) answer.json(req, VERSION, client) end
function M.running(req, _, _, client) answer.json(req, RUNNING, client) end

-- Open WebUI, which is written with aiohttp, puts the tag behind names before it looks for them in
-- this list.
local function tags_names(req)
  local agent = req:header("user-agent")
  return agent ~= nil and agent:find("aiohttp", 1, true) ~= nil
end

local function tagged(registry, dialect)
  local body = dialect.list_models(listing.all(registry))
  for _, entry in ipairs(body.models or {}) do
    if not entry.model:find(":", 1, true) then entry.model = entry.model .. TAG end
  end
  return core.encode(body)
end

--- GET /api/tags.
function M.tags(req, gen, dialect, client)
  if not (dialect.list_models and tags_names(req)) then
    return listing.list(req, gen, dialect, client)
  end
  answer.json(req, tagged(gen.registry, dialect), client)
end

local function name_in(req)
  local body, problem = core.decode(req:body())
  if body == nil then return nil, errors.bad_body(problem) end
  if type(body) ~= "table" then return nil, errors.bad_request("the body must be an object") end
  for _, name in ipairs({ "model", "name" }) do
    if type(body[name]) == "string" and body[name] ~= "" then return body[name] end
  end
  return nil, errors.bad_request("model is required", "model")
end

--- POST /api/show.
function M.show(req, gen, dialect, client)
  local name, err = name_in(req)
  if not name then return answer.fail(req, dialect, err, { client = client }) end
  listing.show(req, gen, dialect, client, model_names.known(gen.registry, name, TAG))
end

return M
