-- What the outcome of one try means: who is to blame and what may be done next.
--
-- A verdict is { action, kind, status, message, retry_after, request_id }, the id the provider's.
-- Actions:
--   again       at once, same lane, fresh connection (a pooled one had died unheard)
--   next        another lane; this one may be tried again when all others have failed
--   never       another lane, and this one not again
--   credential  likewise, nor any other lane with the same credential
--   client      the answer is about the request itself: back to the client
--   larger      the request is too long for this model: a lane whose model is known to read more,
--               else back to the client
--   gone        the client has left, or the task is canceled
local provider_error = require("tide.provider_error")
local retry_after = require("tide.retry_after")
local upstream_ids = require("tide.upstream_ids")

local M = {}

--- What an adapter may call an error, of base/error.h.
M.kinds = {
  auth = true, bad_request = true, content_filter = true, context_length = true, no_target = true,
  overloaded = true, quota = true, rate_limited = true, timeout = true, too_large = true,
  upstream_4xx = true, upstream_5xx = true,
}

local ACTIONS = {
  auth = "credential", quota = "credential", no_target = "never", canceled = "gone",
  bad_request = "client", too_large = "client", context_length = "larger",
  content_filter = "client", upstream_4xx = "client",
}

-- 407: our own proxy's word; 409: a lock that another request holds; 529: Anthropic's and others'
-- "overloaded".
local KINDS = {
  [400] = "bad_request", [401] = "auth", [402] = "quota", [403] = "auth", [404] = "no_target",
  [407] = "auth", [408] = "timeout", [409] = "overloaded", [413] = "too_large",
  [422] = "bad_request", [429] = "rate_limited", [503] = "overloaded", [529] = "overloaded",
}

local function kind_of_status(status)
  if KINDS[status] then return KINDS[status] end
  if status >= 500 then return "upstream_5xx" end
  if status >= 400 then return "upstream_4xx" end
  return "protocol"
end

local function matched(rules, status, message)
  for _, rule in ipairs(rules) do
    if (not rule.status or rule.status == status) and message:find(rule.contains, 1, true) then
      return rule.kind
    end
  end
end

-- The provider's own words first, as its adapter reads them; nil when they say nothing special.
local function declared_kind(said, status, errors)
  return (said.code and errors.map[said.code])
    or (said.type and errors.map[said.type])
    or (said.message and matched(errors.match, status, said.message))
    or (status and errors.status[status])
end

-- Only the model may be out of bounds for the key, so 403 closes the lane, not the credential; 407
-- is not about the credential at all.
local function action_of(kind, status)
  if kind == "auth" and (status == 403 or status == 407) then return "never" end
  return ACTIONS[kind] or "next"
end

-- A body that says "error" under status 200: some name an HTTP status as the code.
local function inside_success(summary, errors, read)
  local said = provider_error.read(summary.error, errors, read)
  local status = tonumber(said.code)
  local kind = declared_kind(said, status, errors)
  if kind then
    return { action = action_of(kind, status), kind = kind, status = 200, message = said.message }
  end
  kind = status and status >= 400 and status < 600 and kind_of_status(status) or "upstream_5xx"
  local action = action_of(kind, status)
  if action == "client" then action = "next" end
  return { action = action, kind = kind, status = 200, message = said.message }
end

-- x-should-retry overrides what the status alone would mean.
local function advised(action, kind, advice)
  if advice == "true" and (kind == "bad_request" or kind == "upstream_4xx") then return "next" end
  if advice == "false" and action == "next" then return "never" end
  return action
end

local function by_status(summary, errors, now, read)
  local status, headers = summary.status, summary.headers or {}
  local body = provider_error.decode(summary.body)
  local said = provider_error.read(body, errors, read, headers)
  local kind = declared_kind(said, status, errors) or kind_of_status(status)
  local action = action_of(kind, status)
  return {
    action = advised(action, kind, headers["x-should-retry"]),
    kind = kind, status = status, message = said.message,
    retry_after = retry_after.seconds(headers, now, errors.retry_after)
      or retry_after.longest(provider_error.hints(body, errors)),
    said = said, request_id = upstream_ids.of(headers),
  }
end

local function without_answer(summary)
  local kind = summary.kind
  local unheard = summary.reused and not summary.heard
  local action = ACTIONS[kind] or "next"
  if unheard and (kind == "connect" or kind == "protocol") then action = "again" end
  -- The answer, not the request: more than may be held.
  if kind == "too_large" then action = "never" end
  return { action = action, kind = kind, message = summary.message, phase = summary.phase }
end

--- The verdict as an adapter's on_status corrects it.
-- @tparam table verdict of summary()
-- @tparam table said { kind =, message =, retry_after = seconds }; what is not there stays
function M.corrected(verdict, said)
  local kind = M.kinds[said.kind] and said.kind or verdict.kind
  return {
    action = kind == verdict.kind and verdict.action or action_of(kind, verdict.status),
    kind = kind, status = verdict.status,
    message = type(said.message) == "string" and said.message or verdict.message,
    retry_after = tonumber(said.retry_after) or verdict.retry_after,
    said = verdict.said,
  }
end

--- Judges a try that was not committed.
-- @tparam table summary of req:attempt
-- @tparam table errors the adapter's `errors`
-- @tparam number now wall clock, for dates in Retry-After
-- @tparam function|nil read the dialect's read_error
function M.summary(summary, errors, now, read)
  if summary.error ~= nil then return inside_success(summary, errors, read) end
  if summary.kind ~= "canceled" and summary.status and summary.status >= 300 then
    return by_status(summary, errors, now, read)
  end
  if summary.kind then return without_answer(summary) end
  return { action = "next", kind = "protocol", message = "the answer was empty" }
end

return M
