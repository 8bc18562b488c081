-- Decides a request without sending it anywhere: all that happens before the first attempt runs as
-- it always does, and what would come then is written down instead. For a Lua state that does
-- nothing else: parts of the gateway are replaced here.
local core = require("core")
local able = require("tide.able")
local answer = require("tide.answer")
local auth = require("tide.auth")
local cheapest = require("tide.cheapest")
local counting = require("tide.counting")
local body_path = require("tide.body_path")
local errors = require("tide.errors")
local gateway = require("tide.gateway")
local hooks = require("tide.policy_hooks")
local lanes_of = require("tide.lanes")
local middleware = require("tide.middleware")
local model_facts = require("tide.model_facts")
local operation = require("tide.operation")
local plans = require("tide.plan")
local policies = require("tide.policies")
local script_failure = require("tide.script_failure")

local M = {}

local AS_CLIENT = { as_client = true }
local open = package.preload["jit.util"]
local util = open and open("jit.util") or require("jit.util")

local decision -- of the request that is being decided

local function warn(text)
  decision.warnings[#decision.warnings + 1] = text
end

-- ---- what is written down -----------------------------------------------------------------------

local function line_of(fn)
  return fn and util.funcinfo(fn).linedefined
end

local function name_policy(policy)
  decision.policy = {
    name = policy.name, file = policy.path,
    line = line_of(policy.route or policy.accept or policy.on_event or policy.on_finish),
  }
end

local function candidate(position, lane, nano)
  return {
    estimate = nano and nano / 1e9, prices = model_facts.of(lane).prices,
    position = position, target = lane.target, label = lane.label, model = lane.model,
    provider = lane.provider.name, credential = lane.credential.label, timeout = lane.timeout,
    cost = decision.costs and decision.costs[lane.label],
  }
end

local function names_of(map)
  local names = core.array({})
  for name in pairs(map or {}) do names[#names + 1] = name end
  table.sort(names)
  return names
end

local function say_who_cannot(lanes, can)
  local left, names = {}, {}
  for _, lane in ipairs(can) do left[lane] = true end
  for _, lane in ipairs(lanes) do
    if not left[lane] then names[#names + 1] = lane.label end
  end
  warn("left out, as it cannot serve this request: " .. table.concat(names, ", "))
end

-- What of a plan is worth knowing; values of headers and fields may be somebody's secrets. Nil and
-- an error of errors.lua when nobody can serve the request.
local function describe(call, plan)
  local all = lanes_of.of_plan(call, plan)
  local lanes, err = able.lanes(call, all)
  if not lanes then return nil, err end
  if #lanes < #all then say_who_cannot(all, lanes) end
  decision.model, decision.stream, decision.op = call.model, call.stream, call.op.name
  decision.plan = {
    attempts = plan.attempts, total = plan.total, pick = plan.pick,
    hold = plan.hold, shadow = plan.shadow,
    headers = plan.headers and names_of(plan.headers),
    params = plan.params and names_of(plan.params),
  }
  local costs = plan.pick == "cheapest" and cheapest.costs(call, lanes) or {}
  for position, lane in ipairs(lanes) do
    decision.candidates[position] = candidate(position, lane, costs[lane])
  end
  return true
end

-- ---- the replaced parts -------------------------------------------------------------------------

local function replace(module, name, make)
  module[name] = make(module[name])
end

local function cost_of(policy, lane, view)
  local ok, cost = core.run_now(policy.cost, hooks.shown(lane), view)
  return ok and type(cost) == "number" and cost or nil
end

local function install()
  replace(auth, "client", function()
    return function() return decision.client or "nobody" end
  end)
  replace(policies, "find", function(find)
    return function(self, call)
      local policy = find(self, call)
      if policy and call.req:depth() == 0 then name_policy(policy) end
      return policy
    end
  end)
  replace(plans, "of", function(of)
    return function(self, wanted, metric_model)
      if not decision.returned and type(wanted) == "table" then decision.returned = wanted end
      return of(self, wanted, metric_model)
    end
  end)
  replace(hooks, "order_by_cost", function(order)
    return function(policy, list, view)
      decision.costs = {}
      for _, lane in ipairs(list) do decision.costs[lane.label] = cost_of(policy, lane, view) end
      return order(policy, list, view)
    end
  end)
  replace(script_failure, "falls_back", function(falls_back)
    return function(self, policy, call, err)
      decision.failure = decision.failure or err
      return falls_back(self, policy, call, err)
    end
  end)
  replace(middleware, "before", function(before)
    return function(list, call, view)
      local passed, reply, problem = before(list, call, view)
      if #list > 0 and (reply or problem) then decision.ended_by = list[passed + 1].name end
      return passed, reply, problem
    end
  end)
  replace(operation, "run", function()
    return function(call, plan, client)
      local req, dialect = call.req, call.dialect
      local facts = { client = client, model = call.model }
      if req:depth() > 0 then
        warn("a script asked for " .. call.model .. ": nothing is asked here, so it was refused")
        return answer.fail(req, dialect, errors.of_script({
          kind = "no_target", message = "no model is asked while a request is only decided",
        }), facts)
      end
      -- An estimate is the gateway's own answer: nobody is asked.
      if call.op.name ~= "count" or counting.is_possible(call, plan) then
        local ok, err = describe(call, plan)
        if not ok then return answer.fail(req, dialect, err, facts) end
      end
      req:reply(200, "{}", { ["content-type"] = "application/json" })
      facts.outcome, facts.metric_model = "ok", "other"
      req:record(facts)
      return "ok"
    end
  end)
end

-- ---- one request --------------------------------------------------------------------------------

--- What a text is: a line of log.bodies, or the body of a request.
-- @treturn table|nil { id, path, headers, client, body = text, target, attempts, status }
-- @treturn nil|string what is wrong
function M.read(text)
  local value, err = core.decode(text)
  if type(value) ~= "table" or value == core.null then
    return nil, err and err.message or "a request is a JSON object"
  end
  if value.path == nil or value.method == nil then
    local path, why = body_path.of(value)
    return path and { path = path, headers = {}, body = text }, why
  end
  for name, item in pairs(value) do
    if item == core.null then value[name] = nil end
  end
  if type(value.body) == "table" then value.body = core.encode(value.body) end
  if type(value.body) ~= "string" then return nil, "its body was not kept" end
  return value
end

-- Once: then this state decides and nothing else.
local is_installed = false

-- In whichever dialect: { error = { message } }, { message }, or { error = text }.
local function message_of(value)
  local said = type(value) == "table" and (value.error or value.message)
  if type(said) == "table" then said = said.message end
  return type(said) == "string" and said or nil
end

local function say_how_it_ended(status, headers, body)
  local warning = headers["x-tidegate-warnings"]
  if warning then warn(warning) end
  if decision.plan then return end
  decision.ended = {
    status = status, by = decision.ended_by, message = message_of(core.decode(body)),
  }
end

--- Decides one request (y).
-- @tparam table record of read()
-- @treturn table { id, model, op, stream, policy = { name, file, line } or nil, returned = what
--   route gave, plan = { attempts, total, pick, ... }, candidates = { { position, target, ... } },
--   warnings = texts, failure = error of the policy or nil }; instead of plan: ended = { status,
--   by = middleware or nil, message }
function M.request(record)
  if not is_installed then install() end
  is_installed = true
  math.randomseed(1) -- the same request is decided in the same way each time
  decision = {
    id = record.id, client = record.client, candidates = core.array({}),
    warnings = core.array({}),
  }
  local inner = assert(core.inner({
    method = record.method, path = record.path, body = record.body, headers = record.headers,
    as_client = true, context = AS_CLIENT,
  }))
  local status, headers, body = inner:wait()
  if not status then
    decision.ended = { status = 0, message = headers.message }
  else
    say_how_it_ended(status, headers, body)
  end
  decision.costs = nil
  return decision
end

--- The providers of the configuration, by name.
M.providers = gateway.providers

return M
