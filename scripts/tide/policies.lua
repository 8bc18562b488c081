-- Which policy is whose, and the plan that its route makes.
local errors = require("tide.errors")
local health = require("tide.health")
local models = require("tide.models")
local plain = require("tide.plain")
local plans = require("tide.plan")
local hooks = require("tide.policy_hooks")
local request_view = require("tide.request_view")
local script_failure = require("tide.script_failure")
local suggest = require("tide.suggest")

local M = {}

-- ---- loading ------------------------------------------------------------------------------------

local function prepare(script, registry, number)
  return {
    name = script.name,
    path = script.path,
    health = script.health,
    route = script.route,
    accept = script.accept,
    on_event = script.on_event,
    on_finish = script.on_finish,
    cost = script.cost,
    has_late_hooks = (script.accept or script.on_event or script.on_finish) ~= nil,
    plans = plans.new(registry, script.cost),
    label = script.name .. "@" .. number,
  }
end

--- Says which policy is whose.
-- @tparam table config core.config
-- @tparam table registry of models.build()
-- @tparam table scripts { name = script } of scripts.load()
-- @tparam number number of the generation
-- @treturn table|nil { registry =, default = policy or nil, of = { model = policy } }; nil when the
--   configuration names no policy
function M.build(config, registry, scripts, number)
  local made = {}
  local function policy(name)
    if name and not made[name] then made[name] = prepare(scripts[name], registry, number) end
    return made[name or false]
  end
  local of = {}
  for _, model in ipairs(suggest.names(config.models or {})) do
    of[model] = policy(models.policy_of(registry, model))
  end
  local default = policy(config.policy)
  if not default and not next(of) then return nil end
  local is_strict = config.scripts ~= nil and config.scripts.on_error == "fail"
  return { registry = registry, default = default, of = of, is_strict = is_strict }
end

-- ---- plans --------------------------------------------------------------------------------------

--- A copy of a shared plan, for one request alone.
function M.own(plan)
  local result = {}
  for key, value in pairs(plan) do result[key] = value end
  result.is_own = true
  return result
end

local function with_hooks(self, policy, call, view, plan)
  if not (policy.accept or policy.on_event) then return plan end
  if not plan.is_own then plan = M.own(plan) end
  if policy.accept then plan.accept = hooks.accept(self, policy, call, view) end
  if policy.on_event then
    plan.on_event, plan.on_event_failed = hooks.on_event(self, policy, call, view)
  end
  return plan
end

-- ---- route --------------------------------------------------------------------------------------

local function add_wishes(plan, wanted)
  plan.hold, plan.headers, plan.shadow, plan.params =
    wanted.hold, wanted.headers, wanted.shadow, wanted.params
end

-- A plan that does not say where: the model that was asked for.
local function with_model(wanted, model)
  local result = { model = model }
  for name, value in pairs(wanted) do result[name] = value end
  return result
end

-- Nil: there is no such model, which is no fault of the policy.
local function located(call, own, wanted)
  if type(wanted) ~= "table" or wanted.targets then return wanted end
  if not own and (wanted.model or call.model) == call.model then return nil end
  return wanted.model and wanted or with_model(wanted, call.model)
end

local function ordered_lanes(policy, plan, op, view)
  local list = plan.lanes[op]
  if plan.pick ~= "cost" or #list < 2 then return nil end
  return hooks.order_by_cost(policy, list, view)
end

-- What route returned as a plan to execute; nil and what is wrong; or nil: no such model.
local function executable(policy, call, view, own, wanted)
  if type(wanted) == "table" and not plain.is(wanted) then
    return nil, script_failure.wrong(policy, "route must return a table without a metatable")
  end
  wanted = located(call, own, wanted)
  if wanted == nil then return nil end
  local plan, more = plans.of(policy.plans, wanted, own and own.metric_model or "other")
  if not plan then
    return nil, script_failure.wrong(policy, "the plan that route returned: " .. more)
  end
  local op = call.op.name
  local ordered, err = ordered_lanes(policy, plan, op, view)
  if err then return nil, err end
  if not (ordered or more) then return plan end
  plan = M.own(plan)
  if more then add_wishes(plan, wanted) end
  if ordered then plan.lanes = { [op] = ordered } end
  return plan
end

-- What route said instead of a plan.
local function refusal(policy, said)
  local fields = plain.fields(said)
  if errors.kinds[fields.kind] then return errors.of_script(fields) end
  return nil, script_failure.wrong(policy,
    "route must return a plan, nothing, or nil and an error { kind =, "
    .. "message = } of one of these kinds: " .. table.concat(suggest.names(errors.kinds), " "))
end

-- The model's own plan, where the policy gives none.
local function failed(self, policy, call, own, err)
  if script_failure.falls_back(self, policy, call, err) and own then return own end
  return nil, errors.script_failed(call.req:id())
end

local function run_route(self, policy, call, view, own)
  local ok, wanted, said = health.run(policy.health, policy.route, view)
  local is_changed, problem = request_view.refresh(view)
  -- Without a body that is a request there is nothing to fall back to either.
  if is_changed == nil then
    return false, script_failure.wrong(policy, "the changed body: " .. problem.message)
  end
  if is_changed then own = models.find(self.registry, call.model) end
  return ok, wanted, said, own
end

local function route(self, policy, call, view, own)
  local ok, wanted, said
  ok, wanted, said, own = run_route(self, policy, call, view, own)
  if not ok then return failed(self, policy, call, own, wanted) end
  if wanted ~= nil then
    local plan, err = executable(policy, call, view, own, wanted)
    if err then return failed(self, policy, call, own, err) end
    return plan
  end
  if said == nil then return own end
  local refused, err = refusal(policy, said)
  if not refused then return failed(self, policy, call, own, err) end
  return nil, refused
end

--- The policy for a request, or nil.
function M.find(self, call)
  return self.of[call.model] or self.default
end

--- The plan of a request (y).
-- @tparam table self of build()
-- @tparam table policy of find()
-- @tparam table call of body.read()
-- @tparam table view of request_view
-- @treturn table|nil plan as of models.find(). With `is_own`: made for this request, with what the
--   policy wants besides: hold, headers, shadow, params, and of its hooks accept, on_event and
--   on_event_failed. Nil without an error: there is no such model
-- @treturn nil|table an error of errors.lua
function M.plan(self, policy, call, view)
  local own = models.find(self.registry, call.model)
  call.req:set_header("x-tidegate-policy", policy.label)
  local plan, err = own, nil
  if own then call.req:deadline(own.total) end -- of what route waits for, too
  if policy.route then plan, err = route(self, policy, call, view, own) end
  if not plan then return nil, err end
  return with_hooks(self, policy, call, view, plan)
end

return M
