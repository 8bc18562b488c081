-- The admin listener: health, metrics, lanes, scripts. Every path but /health asks for the token.
local core = require("core")
local auth = require("tide.auth")
local errors = require("tide.errors")

local M = {}

local JSON = { ["content-type"] = "application/json" }
local PROMETHEUS = { ["content-type"] = "text/plain; version=0.0.4; charset=utf-8" }
local ALLOW = "GET, HEAD"
local KNOWN = "GET /health, GET /metrics, GET /admin/lanes, GET /admin/scripts"

local PAGES = {
  ["/health"] = function() return '{"status":"ok"}', JSON end,
  ["/metrics"] = function() return core.metrics(), PROMETHEUS end,
  ["/admin/lanes"] = function() return "[]", JSON end,
  ["/admin/scripts"] = function()
    return core.encode({ generation = 1, files = core.array({}), last_failure = core.null }), JSON
  end,
}

local function refuse(req, dialect, err)
  local headers = { ["content-type"] = "application/json" }
  for name, value in pairs(err.headers or {}) do headers[name] = value end
  req:reply(err.status, dialect.error_body(err), headers)
end

--- Serves one request. It is not recorded: looking at the metrics must not change them.
-- @param req the request
-- @tparam table dialect for errors
function M.serve(req, dialect)
  local path, method = req:path(), req:method()
  if path ~= "/health" and not core.is_admin(auth.bearer(req:header("authorization")) or "") then
    return refuse(req, dialect, errors.unauthorized("The admin token is needed."))
  end
  local page = PAGES[path]
  if not page then return refuse(req, dialect, errors.not_found(method, path, KNOWN)) end
  if method ~= "GET" and method ~= "HEAD" then
    return refuse(req, dialect, errors.method_not_allowed(method, path, ALLOW))
  end
  local text, headers = page()
  req:reply(200, text, headers)
end

return M
