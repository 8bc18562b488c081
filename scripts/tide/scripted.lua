-- The way of a request where the configuration names policies or middleware: what operation.lua
-- does, with scripts around it.
local answer = require("tide.answer")
local body = require("tide.body")
local explain_header = require("tide.explain_header")
local middleware = require("tide.middleware")
local model_names = require("tide.model_names")
local models = require("tide.models")
local operation = require("tide.operation")
local policies = require("tide.policies")
local policy_hooks = require("tide.policy_hooks")
local request_sum = require("tide.request_sum")
local request_view = require("tide.request_view")
local scripts = require("tide.scripts")
local shadow = require("tide.shadow")
local timeouts = require("tide.timeouts")

local M = {}

local NONE = {}

--- Loads the scripts of a generation.
-- @tparam table gen registry and number
-- @tparam table config core.config
-- @treturn table|nil what serve() needs, in gen.scripts; nil when the configuration names no script
-- @treturn nil|table { file =, line =, message = } or { path =, message = }
function M.load(gen, config)
  local loaded, err = scripts.load(config)
  if not loaded then return nil, err end
  local found = policies.build(config, gen.registry, loaded.policies, gen.number)
  if not found and #loaded.middleware == 0 then return nil end
  return {
    policies = found,
    middleware = loaded.middleware,
    has_after = middleware.has_after(loaded.middleware),
    total = timeouts.total(nil, nil, config.timeout),
    contexts = {},
  }
end

-- A policy that asks a model is not asked where that goes: `by` is who has asked, and for whom.
local function is_asking(policy, by)
  while by do
    if by.policy == policy then return true end
    by = by.by
  end
  return false
end

local function policy_of(gen, call, outer)
  local found = gen.scripts.policies
  local policy = found and policies.find(found, call)
  if policy and outer and is_asking(policy, outer.by) then return nil end
  return policy
end

-- What requests begin with that scripts make for this one: `by` says which policy has asked.
local function new_context(gen, client, policy, outer)
  local by = outer and outer.by
  if policy then by = { policy = policy, by = by } end
  return { gen = gen, client = client, by = by }
end

-- The same for all requests of a client that one policy decides about.
local function context_of(gen, client, policy, outer)
  if outer then return new_context(gen, client, policy, outer) end
  local contexts = gen.scripts.contexts
  local key = policy or false
  local of_policy = contexts[key]
  if not of_policy then
    of_policy = {}
    contexts[key] = of_policy
  end
  local context = of_policy[client or false]
  if not context then
    context = new_context(gen, client, policy)
    of_policy[client or false] = context
  end
  return context
end

local function reply(call, client, given)
  local req, status = call.req, given.status
  req:reply(status, given.body, given.headers)
  local outcome = status < 400 and "ok" or status == 429 and "limited"
    or status < 500 and "client_error" or "gateway_error"
  req:record({ outcome = outcome, client = client, model = call.model, metric_model = "other" })
  return outcome
end

local function plan_of(gen, call, view, policy)
  if policy then return policies.plan(gen.scripts.policies, policy, call, view) end
  return models.find(gen.registry, call.model)
end

-- What the provider gets besides: the headers that middleware wants, under those of the plan.
local function upstream_headers(view, plan)
  local lines = request_view.take_upstream_headers(view)
  if not (lines and plan.headers) then return lines or plan.headers end
  for name, value in pairs(plan.headers) do lines[name:lower()] = value end
  return lines
end

-- A whole chat is held, so that `after` sees it before the client does. Streams go on at once, and
-- embeddings may be larger than what can be held.
local function with_after(gen, call, view, plan, passed)
  if passed == 0 or not gen.scripts.has_after or call.stream or not call.op.streams then
    return plan
  end
  if not plan.is_own then plan = policies.own(plan) end
  plan.accept = middleware.accept(gen.scripts.middleware, passed, call, view, plan.accept)
  return plan
end

-- Finds the plan and executes it; returns what operation.run() does.
local function run(gen, call, client, view, policy, passed)
  local plan, err = plan_of(gen, call, view, policy)
  if err then
    return answer.fail(call.req, call.dialect, err, { client = client, model = call.model })
  end
  if not plan then return operation.not_found(gen.registry, call, client) end
  request_view.set_total(view, plan.total)
  explain_header.add(gen.registry.config, call, plan, policy)
  if gen.scripts.has_after or (policy and policy.has_late_hooks) then
    request_view.keep_body(view)
  end
  plan = with_after(gen, call, view, plan, passed)
  call.upstream_headers = upstream_headers(view, plan)
  if plan.is_own then call.plan = plan end
  if plan.shadow then shadow.start(gen, call, client, plan.shadow) end
  return operation.run(call, plan, client)
end

local function finish(gen, call, view, policy, passed, ...)
  local has_after = passed > 0 and gen.scripts.has_after and not call.is_seen
  if has_after or (policy and policy.on_finish) then
    local sum = request_sum.of(call.req, ...)
    if has_after then middleware.after(gen.scripts.middleware, passed, call, view, sum) end
    if policy and policy.on_finish then
      request_view.detach(view)
      return policy_hooks.finish(policy, view, sum, request_view.close)
    end
  end
  request_view.close(view)
end

--- Serves one request.
-- @tparam table gen with `scripts` of load()
-- @param req the request
-- @tparam table op of endpoints.lua
-- @tparam table dialect the client's
-- @tparam string|nil client the name that the client's key belongs to
-- @tparam table|nil outer the context of a request that a script asks: it has no middleware
function M.serve(gen, req, op, dialect, client, outer)
  local call, err, model = body.read(req, op, dialect, true)
  if not call then
    return answer.fail(req, dialect, err, { client = client, model = model })
  end
  model_names.settle(gen.registry, call)
  local own = gen.scripts
  local list = outer and NONE or own.middleware
  local view = request_view.new(call, client, own.total)
  req:begin_scripts(own.total)
  if #list > 0 then req:set_context(context_of(gen, client)) end
  local passed, given, problem = middleware.before(list, call, view)
  if given then
    return finish(gen, call, view, nil, passed, reply(call, client, given))
  elseif problem then
    return finish(gen, call, view, nil, passed,
      answer.fail(req, dialect, problem, { client = client, model = call.model }))
  end
  local policy = policy_of(gen, call, outer)
  if policy then req:set_context(context_of(gen, client, policy, outer)) end
  return finish(gen, call, view, policy, passed, run(gen, call, client, view, policy, passed))
end

return M
