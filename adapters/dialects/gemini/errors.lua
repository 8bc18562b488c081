-- Errors as Google writes and means them (google.rpc.Status). Pure.
local core = require("core")
local members = require("dialects.gemini.members")

local M = {}

local object, objects, text = members.object, members.objects, members.text

-- ---- to clients ---------------------------------------------------------------------------------

local STATUSES = {
  [400] = "INVALID_ARGUMENT", [401] = "UNAUTHENTICATED", [402] = "RESOURCE_EXHAUSTED",
  [403] = "PERMISSION_DENIED", [404] = "NOT_FOUND", [405] = "UNIMPLEMENTED",
  [408] = "DEADLINE_EXCEEDED", [409] = "ABORTED", [412] = "FAILED_PRECONDITION",
  [413] = "INVALID_ARGUMENT", [415] = "INVALID_ARGUMENT", [422] = "INVALID_ARGUMENT",
  [429] = "RESOURCE_EXHAUSTED", [499] = "CANCELLED", [500] = "INTERNAL", [501] = "UNIMPLEMENTED",
  [502] = "UNAVAILABLE", [503] = "UNAVAILABLE", [504] = "DEADLINE_EXCEEDED",
  [529] = "UNAVAILABLE",
}

-- Where only the kind is known: a stream that breaks.
local OF_KIND = {
  auth = 502, quota = 429, rate_limited = 429, overloaded = 503, no_target = 404,
  context_length = 400, content_filter = 400, bad_request = 400, too_large = 413, timeout = 504,
  upstream_4xx = 400, script = 500,
}

local function status_of(code)
  if STATUSES[code] then return STATUSES[code] end
  return code >= 500 and "INTERNAL" or "INVALID_ARGUMENT"
end

local TYPE = "type.googleapis.com/google.rpc."

local function details_of(err)
  local details = core.array({})
  local reason = err.code or err.kind
  if reason then
    details[1] = {
      ["@type"] = TYPE .. "ErrorInfo", reason = tostring(reason):upper(), domain = "tidegate",
    }
  end
  if err.param then
    details[#details + 1] = {
      ["@type"] = TYPE .. "BadRequest",
      fieldViolations = core.array({ { field = err.param, description = err.message } }),
    }
  end
  if err.request_id then
    details[#details + 1] = { ["@type"] = TYPE .. "RequestInfo", requestId = err.request_id }
  end
  return details
end

--- The body of an error for a client.
function M.body(err)
  local code = err.status or OF_KIND[err.kind] or 502
  return core.encode({
    error = {
      code = code, message = err.message, status = status_of(code), details = details_of(err),
    },
  })
end

--- The same as an event.
function M.event(err)
  return "data: " .. M.body(err) .. "\n\n"
end

-- ---- from providers -----------------------------------------------------------------------------

-- "GenerateRequestsPerDayPerProjectPerModel-FreeTier": the day's quota is used up, or the minute's.
local function quota_code(name)
  if not name then return nil end
  if name:find("PerDay", 1, true) then return "QUOTA_PER_DAY" end
  if name:find("PerMinute", 1, true) then return "QUOTA_PER_MINUTE" end
end

local readers = {}

function readers.ErrorInfo(detail, said)
  local metadata = object(detail, "metadata")
  said.quota = said.quota or metadata and quota_code(text(metadata, "quotaLimit"))
  said.code = said.code or text(detail, "reason")
end

-- With several violations the day's counts: waiting a minute would not help.
function readers.QuotaFailure(detail, said)
  for _, violation in ipairs(objects(detail, "violations")) do
    local found = quota_code(text(violation, "quotaId"))
    if found == "QUOTA_PER_DAY" or not said.quota then said.quota = found or said.quota end
  end
end

--- read_error of the dialect: what a provider's error says. The code is the reason that Google
-- names, QUOTA_PER_DAY or QUOTA_PER_MINUTE; the type is the status.
-- @tparam table body decoded; streams without alt=sse answer with a list of one
-- @treturn table|nil { message, code, type }
function M.read(body)
  local problem = type(body) == "table" and object(body[1] or body, "error")
  if problem and problem[1] then problem = object(problem[1], "error") end
  if not problem then return nil end
  local said = {}
  for _, detail in ipairs(objects(problem, "details")) do
    local kind = (text(detail, "@type") or ""):match("google%.rpc%.(%w+)$")
    if readers[kind] then readers[kind](detail, said) end
  end
  return {
    message = text(problem, "message"), code = said.quota or said.code,
    type = text(problem, "status"),
  }
end

return M
