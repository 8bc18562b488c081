-- The way of one request that a model answers: chat, complete, embed.
local core = require("core")
local able = require("tide.able")
local answer = require("tide.answer")
local attempts = require("tide.attempts")
local body = require("tide.body")
local errors = require("tide.errors")
local failure = require("tide.failure")
local lanes_of = require("tide.lanes")
local later = require("tide.later")
local model_names = require("tide.model_names")
local models = require("tide.models")
local options = require("tide.options")
local upstream_ids = require("tide.upstream_ids")

local counting = later("tide.counting")
local explain_header = later("tide.explain_header")

local M = {}

-- Of a provider's refusal, what helps the client and says nothing about our account there.
local PASSED_ON = {
  "content-type", "retry-after", "retry-after-ms", "x-should-retry", "x-request-id", "request-id",
  "apim-request-id", "x-amzn-requestid", "x-amzn-errortype",
}

local function facts_of(call, plan, client, lane)
  return {
    client = client,
    model = call.model,
    metric_model = plan and plan.metric_model or "other",
    target = lane and lane.target,
  }
end

-- A committed answer that did not end properly has already told the client so. What there is to
-- record is passed value by value: this is the way of nearly every request, and a table would be
-- the largest thing that it makes.
local function finish_committed(req, call, plan, client, summary, lane)
  local outcome = "ok"
  if not summary.complete then
    local has_left = summary.kind == "canceled" or req:is_gone()
    outcome = has_left and "canceled" or summary.kind == "script" and "script_error"
      or "upstream_error"
  end
  req:record_values(outcome, client, call.model, plan.metric_model, lane.target, summary.kind,
    summary.message, true)
  return outcome, lane.target, summary.kind, summary.message
end

-- The provider's own code, where it has one that programs could look for.
local function said_of(verdict)
  local code = verdict.said and verdict.said.code
  return not tonumber(code) and code or nil
end

-- A request that is at fault itself is no failure of ours, whatever status the provider gives it.
local function is_of_client(status)
  return status ~= nil and status >= 400 and status < 500
end

-- Refused inside a 200, without a body, or in another dialect: no answer to pass on, so it is told
-- in our words.
local function retold(verdict, headers)
  local status = is_of_client(verdict.status) and verdict.status or 400
  local message = verdict.message or ("the provider refused the request with status " .. status)
  return {
    status = status, kind = verdict.kind, type = errors.type_of(verdict.kind),
    code = said_of(verdict) or errors.code_of(verdict.kind),
    message = core.redact(message), outcome = "client_error",
    headers = headers, request_id = upstream_ids.of(headers),
  }
end

-- A page of an edge server or a bare string is no error that a client's SDK could read.
local function is_object(text)
  return text ~= nil and text:find("^%s*{") ~= nil and core.decode(text) ~= nil
end

local function helpful(headers)
  local result = {}
  for _, name in ipairs(PASSED_ON) do result[name] = headers and headers[name] end
  return result
end

-- The bytes of a provider that speaks the client's dialect are what the client's SDK expects.
local function pass_on(call, record, summary, verdict, lane)
  local req, dialect, said = call.req, call.dialect, summary.body
  local headers = upstream_ids.rename(helpful(summary.headers), dialect.name)
  local is_own = not (options.way(call, lane).translates_answer or call.as_array)
  if not is_own or req:is_started() or not is_of_client(verdict.status) or not is_object(said) then
    headers["content-type"], headers["x-amzn-errortype"] = nil, nil
    return answer.fail(req, dialect, retold(verdict, headers), record)
  end
  req:reply(summary.status, core.redact(said), headers)
  record.outcome, record.kind = "client_error", verdict.kind
  record.message = verdict.message
  req:record(record)
  return "client_error", record.target, verdict.kind, verdict.message
end

-- What a dialect's decoder answers by itself is no failure.
local function refuse(req, dialect, err, record)
  if err.reply then return answer.own(req, core.encode(err.reply), record) end
  return answer.fail(req, dialect, err, record)
end

--- Executes a plan, answers and records.
-- @tparam table call of body.read()
-- @tparam table plan
-- @tparam string|nil client the name that the client's key belongs to
-- @treturn string outcome, as the metrics have it
-- @treturn string|nil target that was tried last
-- @treturn string|nil kind of the error
-- @treturn string|nil message
function M.run(call, plan, client)
  local req, dialect = call.req, call.dialect
  if call.op.name == "count" and not counting.is_possible(call, plan) then
    return counting.estimate(call, facts_of(call, plan, client))
  end
  local lanes, err = able.lanes(call, lanes_of.of_plan(call, plan))
  if not lanes then return answer.fail(req, dialect, err, facts_of(call, plan, client)) end
  if call.inputs then call.metric_model = plan.metric_model end
  local seconds = req:deadline(plan.total)
  local ended, summary, lane, verdict =
    attempts.run(call, lanes, plan.attempts, core.now() + seconds)
  if ended == "committed" then
    return finish_committed(req, call, plan, client, summary, lane)
  end
  local record = facts_of(call, plan, client, lane)
  if ended == "client" then return pass_on(call, record, summary, verdict, lane) end
  if ended == "gone" then
    record.outcome, record.kind = "canceled", "canceled"
    req:record(record)
    return "canceled", record.target, "canceled"
  end
  err = ended == "script" and verdict or failure.of(verdict)
  if call.op.name == "count" and err.kind == "no_target" then
    return counting.estimate(call, record)
  end
  return refuse(req, dialect, err, record)
end

--- Answers a request for a model that does not exist.
function M.not_found(registry, call, client)
  local why = models.explain(registry, call.model)
  if call.model == call.op.default_model then
    why = why .. "; a request without a model asks for this one: name a model, or give one this "
      .. "name (models)"
  end
  local err = errors.model_not_found(call.model, why)
  return answer.fail(call.req, call.dialect, err, facts_of(call, nil, client))
end

--- Serves one request.
-- @tparam table registry of models.build()
-- @tparam table dialect the client's
-- @param req the request
-- @tparam table op of endpoints.lua
-- @tparam string|nil client the name that the client's key belongs to
function M.serve(registry, dialect, req, op, client)
  local call, err, model = body.read(req, op, dialect)
  if not call then
    return answer.fail(req, dialect, err, { client = client, model = model })
  end
  model_names.settle(registry, call)
  local plan = models.find(registry, call.model)
  if not plan then return M.not_found(registry, call, client) end
  local scripts = registry.config.scripts
  if scripts and scripts.explain then explain_header.add(registry.config, call, plan) end
  return M.run(call, plan, client)
end

return M
