-- What tools for Ollama ask for besides chats: which models there are, what one of them is, and
-- whether the server is up and recent enough.
local answer = require("tide.answer")
local core = require("core")
local errors = require("tide.errors")
local listing = require("tide.listing")
local model_facts = require("tide.model_facts")
local model_names = require("tide.model_names")
local models = require("tide.models")

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

-- What may be asked of a configured name is what its first target can do, within the smallest
-- window of all.
local function with_facts(registry, model)
  local plan = models.find(registry, model.id)
  local lanes = plan and (#plan.lanes.chat > 0 and plan.lanes.chat or plan.lanes.embed)
  for i, lane in ipairs(lanes or {}) do
    local facts = model_facts.of(lane)
    if i == 1 then model.caps, model.kind = facts.caps, facts.kind end
    model.context = math.min(model.context or math.huge, facts.context or math.huge)
  end
  if model.context == math.huge then model.context = nil end
  return model
end

--- POST /api/show.
function M.show(req, gen, dialect, client)
  local asked, err = name_in(req)
  if not asked then return answer.fail(req, dialect, err, { client = client }) end
  local registry = gen.registry
  local name = model_names.known(registry, asked, TAG)
  local model = dialect.show_model and models.describe(registry, name)
  if not model then
    err = errors.model_not_found(asked, models.explain(registry, asked))
    return answer.fail(req, dialect, err, { client = client })
  end
  if models.is_configured(registry, name) then model = with_facts(registry, model) end
  answer.json(req, core.encode(dialect.show_model(model)), client)
end

return M
