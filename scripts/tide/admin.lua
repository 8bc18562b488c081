-- The admin listener: health, metrics, lanes, scripts, reload. Every path but /health asks for the
-- token.
local core = require("core")
local auth = require("tide.auth")
local errors = require("tide.errors")

local M = {}

local JSON = { ["content-type"] = "application/json" }
local PROMETHEUS = { ["content-type"] = "text/plain; version=0.0.4; charset=utf-8" }
local KNOWN = "GET /health, GET /metrics, GET /admin/lanes, GET /admin/scripts, POST /admin/reload"

local function failure_of(failure)
  return { file = failure.file, line = failure.line, message = failure.message }
end

local function reload()
  local number, failure = core.reload()
  if number then return 200, core.encode({ generation = number }), JSON end
  return 422, core.encode({ error = failure_of(failure) }), JSON
end

local function scripts(gen)
  return 200, core.encode({
    generation = gen.number, files = gen.source:files(), last_failure = core.last_failure(),
  }), JSON
end

local GET = {
  ["/health"] = function() return 200, '{"status":"ok"}', JSON end,
  ["/metrics"] = function() return 200, core.metrics(), PROMETHEUS end,
  ["/admin/lanes"] = function() return 200, "[]", JSON end,
  ["/admin/scripts"] = scripts,
}
local POST = { ["/admin/reload"] = reload }
local METHODS = { GET = GET, HEAD = GET, POST = POST }

local function refuse(req, gen, err)
  local headers = { ["content-type"] = "application/json" }
  for name, value in pairs(err.headers or {}) do headers[name] = value end
  req:reply(err.status, gen.dialects["openai-chat"].error_body(err), headers)
end

--- Serves one request (y). It is not recorded: looking at the metrics must not change them.
-- @param req the request
-- @tparam table gen the generation
function M.serve(req, gen)
  local path, method = req:path(), req:method()
  local token = auth.bearer(req:header("authorization"))
  if path ~= "/health" and not req:is_admin(token or "") then
    return refuse(req, gen, errors.unauthorized("The admin token is needed."))
  end
  if not (GET[path] or POST[path]) then
    return refuse(req, gen, errors.not_found(method, path, KNOWN))
  end
  local page = METHODS[method] and METHODS[method][path]
  if not page then
    local allow = GET[path] and "GET, HEAD" or "POST"
    return refuse(req, gen, errors.method_not_allowed(method, path, allow))
  end
  req:reply(page(gen))
end

return M
