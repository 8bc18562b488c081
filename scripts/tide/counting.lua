-- Counting the tokens of a prompt without sending it to a model.
local able = require("tide.able")
local answer = require("tide.answer")
local body_facts = require("tide.body_facts")
local call_info = require("tide.call_info")
local core = require("core")
local errors = require("tide.errors")

local M = {}

local WARNING = "the count is an estimate of the gateway's, no provider was asked"

--- True when a provider of the plan counts in the client's dialect: then it is asked.
function M.is_possible(call, plan)
  return able.lanes(call, plan.lanes.count) ~= nil
end

--- Answers with the gateway's own estimate, a quarter of the text's bytes, and says so.
-- @tparam table call of body.read()
-- @tparam table facts for the record
-- @return as operation.run()
function M.estimate(call, facts)
  local req = call.req
  if not call.dialect.encode_count then
    return answer.fail(req, call.dialect, errors.bad_request(call.dialect.name
      .. " has no counts of tokens", nil, "unsupported_operation"), facts)
  end
  req:scan(call.form.all_fields)
  local tokens = body_facts.prompt(req, call.form)
  local body = call.dialect.encode_count(tokens, call_info.of(call))
  req:set_header("x-tidegate-warnings", WARNING)
  return answer.own(req, core.encode(body), facts)
end

return M
