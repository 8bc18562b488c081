-- Ends a request with an answer of the gateway's own, and records it: exactly once each.
local endpoints = require("tide.endpoints")
local framing = require("tide.framing")
local upstream_ids = require("tide.upstream_ids")

local M = {}

local function reply_headers(err, dialect)
  local headers = { ["content-type"] = "application/json" }
  for name, value in pairs(err.headers or {}) do headers[name] = value end
  for name, value in pairs(dialect.error_headers and dialect.error_headers(err) or {}) do
    headers[name] = value
  end
  upstream_ids.add(headers, dialect.name, err.request_id)
  return headers
end

-- A stream that is one JSON array holds its error as an element, too.
local function error_body(req, dialect, err)
  local text = dialect.error_body(err)
  return endpoints.wants_array(req) and "[" .. text .. "]" or text
end

-- Behind a head that has gone early: nothing but keep-alives came before.
local function error_event(req, dialect, err)
  if endpoints.wants_array(req) then return error_body(req, dialect, err) end
  return framing.error_event(dialect, err)
end

--- Answers with an error in the client's dialect, as an event when the head has already gone.
-- @param req the request
-- @tparam table dialect
-- @tparam table err of errors.lua
-- @tparam table|nil facts more for the record: client, model, metric_model, target
-- @return outcome, target, kind and message, as recorded
function M.fail(req, dialect, err, facts)
  local headers = reply_headers(err, dialect) -- before: the gateway's own id is added to every head
  err.request_id = err.request_id or req:id()
  if req:is_started() then
    req:fail_stream(error_event(req, dialect, err))
  else
    req:reply(err.status, error_body(req, dialect, err), headers)
  end
  local record = facts or {}
  record.outcome, record.kind, record.message = err.outcome, err.kind, err.message
  record.metric_model = record.metric_model or "other"
  req:record(record)
  return err.outcome, record.target, err.kind, err.message
end

--- Answers a request that a model would have answered.
-- @tparam string text JSON
-- @tparam table facts for the record
-- @return as fail()
function M.own(req, text, facts)
  req:reply(200, text, { ["content-type"] = "application/json" })
  facts.outcome = "ok"
  req:record(facts)
  return "ok", facts.target
end

--- Answers with JSON text of the gateway's own.
function M.json(req, text, client)
  M.own(req, text, { client = client, metric_model = "other" })
end

--- Answers without a body.
function M.empty(req, status, headers)
  req:reply(status, "", headers)
  req:record({ outcome = "ok", metric_model = "other" })
end

return M
