-- Copies of requests for another target, whose answers nobody sees: to try it with real traffic.
-- What becomes of a copy never touches the request itself.
local core = require("core")
local answer = require("tide.answer")
local body = require("tide.body")
local errors = require("tide.errors")
local models = require("tide.models")
local operation = require("tide.operation")

local M = {}

-- A copy lives in Lua's memory: longer bodies are not copied.
local LONGEST_BODY = 1024 * 1024

--- Sends a copy of a request, if it is its turn.
-- @tparam table gen
-- @tparam table call of body.read()
-- @tparam string|nil client
-- @tparam table spec { target = model or provider/model, ratio = 0 to 1, all unless given }
function M.start(gen, call, client, spec)
  local req = call.req
  if req:depth() > 0 or req:size() > LONGEST_BODY then return end
  if spec.ratio and math.random() >= spec.ratio then return end
  core.inner({
    path = req:path(), body = req:body(), parent = req, discard = true,
    headers = { ["content-type"] = "application/json" },
    context = { gen = gen, client = client, shadow = spec.target },
  })
end

--- Serves such a copy: by its target alone, without a policy.
-- @tparam table context of M.start()
-- @tparam table op of endpoints.lua
-- @tparam table dialect the client's
function M.serve(req, context, op, dialect)
  local gen, client = context.gen, context.client
  local call, err = body.read(req, op, dialect)
  if not call then return answer.fail(req, dialect, err, { client = client }) end
  local target = context.shadow
  local known = models.find(gen.registry, target)
  call.model = target
  -- The body names the model that the client asked for: each attempt writes its own.
  local plan, why = models.compile(gen.registry, {
    model = target, metric_model = known and known.metric_model or "other",
  })
  if not plan then return answer.fail(req, dialect, errors.model_not_found(target, why)) end
  return operation.run(call, plan, client)
end

return M
