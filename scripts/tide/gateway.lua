-- Where C enters: load() once per worker, then serve() and serve_admin() in a task per request.
local core = require("core")
local adapters = require("tide.adapters")
local admin = require("tide.admin")
local answer = require("tide.answer")
local auth = require("tide.auth")
local cors = require("tide.cors")
local current = require("tide.current")
local endpoints = require("tide.endpoints")
local errors = require("tide.errors")
local listing = require("tide.listing")
local models = require("tide.models")
local operation = require("tide.operation")
local providers = require("tide.providers")
local scripted = require("tide.scripted")
local suggest = require("tide.suggest")
local url = require("tide.url")

local M = {}

-- Of the generation that this Lua state serves: providers, registry, dialect, origins, catalogue.
local state

local ACTIONS = {
  health = function(req) answer.json(req, '{"status":"ok"}') end,
  list_models = function(req, client) answer.json(req, state.catalogue, client) end,
  show_model = function(req, client, id)
    local name = url.decode(id)
    local text = listing.one(state.registry, name)
    if text then return answer.json(req, text, client) end
    local err = errors.model_not_found(name, models.explain(state.registry, name))
    answer.fail(req, state.dialect, err, { client = client })
  end,
}

--- Builds everything that requests need from core.config.
-- @treturn boolean|nil true
-- @treturn nil|table { path =, message = } of the configuration, or { file =, line =, message = }
function M.load()
  local loaded, err = adapters.load()
  if not loaded then return nil, err end
  local made
  made, err = providers.build(core.config, loaded.adapters)
  if not made then return nil, err end
  local registry
  registry, err = models.build(core.config, made)
  if not registry then return nil, err end
  state = {
    providers = made,
    registry = registry,
    dialect = loaded.dialects["openai-chat"],
    origins = cors.compile(core.config.cors),
    catalogue = listing.all(registry),
    number = 1,
  }
  state.scripts, err = scripted.load(state, core.config)
  if err then return nil, err end
  current.gen = state
  return true
end

local function dispatch(req, method, path, is_allowed)
  local route, id = endpoints.find(path)
  if not route then
    return answer.fail(req, state.dialect, errors.not_found(method, path, endpoints.known))
  end
  local what = route[method]
  if not what then
    if method == "OPTIONS" then
      return answer.empty(req, 204, cors.options(req, is_allowed, route.allow))
    end
    return answer.fail(req, state.dialect, errors.method_not_allowed(method, path, route.allow))
  end
  local client, err
  if core.needs_client and not route.open then
    client, err = auth.client(req)
    if not client then return answer.fail(req, state.dialect, err) end
  end
  if ACTIONS[what] then return ACTIONS[what](req, client, id) end
  if state.scripts then return scripted.serve(state, req, what, client) end
  operation.serve(state.registry, state.dialect, req, what, client)
end

--- Serves one request of the main listener.
function M.serve(req)
  local is_allowed = state.origins and cors.apply(state.origins, req) or false
  dispatch(req, req:method(), req:path(), is_allowed)
end

--- Serves a request that a script asks, on the generation and for the client of the request that it
-- runs for: without a key and without middleware.
-- @tparam table context { gen =, client = }, or { as_client = true }: as a client would have asked
function M.serve_inner(req, context)
  if context.as_client then return M.serve(req) end
  req:set_context(context)
  local gen, path = context.gen, req:path()
  local route = endpoints.find(path)
  local what = route and route.POST
  if type(what) ~= "table" then
    return answer.fail(req, gen.dialect, errors.not_found("POST", path, endpoints.known))
  end
  if gen.scripts then return scripted.serve(gen, req, what, context.client, true) end
  operation.serve(gen.registry, gen.dialect, req, what, context.client)
end

--- Serves one request of the admin listener.
function M.serve_admin(req)
  admin.serve(req, state.dialect)
end

--- The providers that requests go to, by name.
function M.providers()
  return state.providers
end

--- What the start-up message says.
function M.summary()
  return {
    providers = suggest.names(state.providers),
    models = suggest.names(core.config.models or {}),
    endpoints = endpoints.count,
  }
end

return M
