-- Cross-origin requests: which web pages may call the gateway, and what they may read of an answer.
local M = {}

local READABLE = "x-tidegate-request-id, x-tidegate-target, x-tidegate-attempts, "
  .. "x-tidegate-warnings, x-request-id, request-id, x-amzn-requestid, x-amzn-errortype, "
  .. "retry-after"
local MAX_AGE = "86400"

--- Prepares `cors` of the configuration; nil when no origin is allowed.
function M.compile(settings)
  local origins = settings and settings.origins
  if not origins or #origins == 0 then return nil end
  local allowed = {}
  for _, origin in ipairs(origins) do allowed[origin] = true end
  return allowed
end

--- Sets the headers that every answer to an allowed origin carries. Returns true when it is one.
function M.apply(allowed, req)
  local origin = req:header("origin")
  if not origin then return false end
  req:set_header("vary", "origin")
  if not (allowed[origin] or allowed["*"]) then return false end
  req:set_header("access-control-allow-origin", origin)
  req:set_header("access-control-expose-headers", READABLE)
  return true
end

--- The headers of the answer to an OPTIONS request.
-- @tparam boolean is_allowed what apply() said
-- @tparam string allow the methods of the path
function M.options(req, is_allowed, allow)
  if not (is_allowed and req:header("access-control-request-method")) then
    return { allow = allow }
  end
  return {
    ["access-control-allow-methods"] = allow,
    ["access-control-allow-headers"] = req:header("access-control-request-headers"),
    ["access-control-max-age"] = MAX_AGE,
  }
end

return M
