-- Where C enters: load() once per worker, serve() and serve_admin() in a task per request, and for
-- each further generation prepare(), then commit() or drop().
local core = require("core")
local answer = require("tide.answer")
local auth = require("tide.auth")
local current = require("tide.current")
local endpoints = require("tide.endpoints")
local errors = require("tide.errors")
local generation = require("tide.generation")
local later = require("tide.later")
local operation = require("tide.operation")
local state = require("tide.state")
local suggest = require("tide.suggest")

local admin = later("tide.admin")
local cors = later("tide.cors")
local listing = later("tide.listing")
local ollama = later("tide.ollama")
local scripted = later("tide.scripted")
local shadow = later("tide.shadow")

local M = {}

-- The generation that waits for its commit; the one in force is current.gen. A request uses the one
-- that it began with, from its first line to its last.
local prepared

local ACTIONS = {
  health = function(req) answer.json(req, '{"status":"ok"}') end,
  list_models = listing.list,
  show_model = listing.show,
  ollama_root = ollama.root,
  ollama_tags = ollama.tags,
  ollama_ps = ollama.running,
  ollama_version = ollama.version,
  ollama_show = ollama.show,
}

-- The client's dialect: that of the route, but where several services have the same one.
local function dialect_of(gen, req, route)
  return gen.dialects[route.is_shared and listing.dialect_of(req) or route.dialect]
end

--- Builds the generation that C offers, beside the one in force (y).
-- @treturn boolean|nil true
-- @treturn nil|table { path =, message = } of the configuration, or { file =, line =, message = }
function M.prepare()
  state.begin()
  local gen, err = generation.build(current.gen)
  if not gen then return nil, err end
  prepared = gen
  return true
end

--- From now on new requests get what was prepared.
function M.commit()
  local previous = current.gen
  current.gen, prepared = prepared, nil
  state.commit()
  generation.start(current.gen, previous)
end

--- Forgets what was prepared, or was about to be.
function M.drop()
  if prepared then generation.forget(prepared, current.gen) end
  prepared = nil
  state.abort()
  core.config = current.gen and current.gen.config
end

--- The first generation, at one go. Results as those of prepare().
function M.load()
  local ok, err = M.prepare()
  if not ok then return nil, err end
  M.commit()
  return true
end

local function not_found(req, gen, method, path)
  local dialect = gen.dialects[endpoints.dialect_of(path)] or gen.dialects["openai-chat"]
  return answer.fail(req, dialect, errors.not_found(method, path, endpoints.known))
end

local function dispatch(req, gen, method, path, is_allowed)
  local route, id = endpoints.find(path)
  local dialect = route and dialect_of(gen, req, route)
  if not dialect then return not_found(req, gen, method, path) end
  local what = route[method]
  if not what then
    if method == "OPTIONS" then
      return answer.empty(req, 204, cors.options(req, is_allowed, route.allow))
    end
    return answer.fail(req, dialect, errors.method_not_allowed(method, path, route.allow))
  end
  local client, err
  if gen.needs_client and not route.open then
    client, err = auth.client(req)
    if not client then return answer.fail(req, dialect, err) end
  end
  if ACTIONS[what] then return ACTIONS[what](req, gen, dialect, client, id) end
  if gen.scripts then return scripted.serve(gen, req, what, dialect, client) end
  operation.serve(gen.registry, dialect, req, what, client)
end

--- Serves one request of the main listener.
function M.serve(req)
  local gen = current.gen
  local is_allowed = gen.origins and cors.apply(gen.origins, req) or false
  dispatch(req, gen, req:method(), req:path(), is_allowed)
end

--- Serves a request that a script asks, on the generation and for the client of the request that it
-- runs for: without a key and without middleware.
-- @tparam table context { gen =, client =, by = who asks }, with `shadow` for a copy (shadow.lua);
--   or { as_client = true }: as a client would have asked; or { piece = function }, which serves it
function M.serve_inner(req, context)
  if context.as_client then return M.serve(req) end
  if context.piece then return context.piece(req) end
  req:set_context(context)
  local gen, path = context.gen, req:path()
  local route = endpoints.find(path)
  local what = route and route.POST
  if type(what) ~= "table" then return not_found(req, gen, "POST", path) end
  local dialect = gen.dialects[what.dialect]
  if context.shadow then return shadow.serve(req, context, what, dialect) end
  if gen.scripts then return scripted.serve(gen, req, what, dialect, context.client, context) end
  operation.serve(gen.registry, dialect, req, what, context.client)
end

--- Serves one request of the admin listener.
function M.serve_admin(req)
  admin.serve(req, current.gen)
end

--- The providers that requests go to, by name.
function M.providers()
  return current.gen.providers
end

--- What the start-up message says.
function M.summary()
  return {
    providers = suggest.names(current.gen.providers),
    models = suggest.names(current.gen.config.models or {}),
    endpoints = endpoints.count,
  }
end

return M
