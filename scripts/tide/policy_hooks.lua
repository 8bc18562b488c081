-- The hooks of policies but route: cost, accept, on_event and on_finish.
local core = require("core")
local errors = require("tide.errors")
local health = require("tide.health")
local model_facts = require("tide.model_facts")
local script_failure = require("tide.script_failure")

local M = {}

-- ---- cost ---------------------------------------------------------------------------------------

-- A script may change what it gets.
local function copy(prices)
  if not prices then return nil end
  return {
    input = prices.input, output = prices.output, cached = prices.cached,
    cache_write = prices.cache_write, reasoning = prices.reasoning, image = prices.image,
    second = prices.second,
  }
end

--- A lane as `cost` sees it.
function M.shown(lane)
  local facts = model_facts.of(lane)
  return {
    target = lane.target, provider = lane.provider.name, model = lane.model,
    credential = lane.credential.label, context = facts.context, price = copy(facts.prices),
  }
end

-- Nil and an error when the function failed.
local function cost_of(policy, lane, view)
  local ok, cost = health.run_now(policy.health, policy.cost, M.shown(lane), view)
  if not ok then return nil, cost end
  if type(cost) == "number" and cost == cost then return cost end
  return nil, script_failure.wrong(policy, "cost must return a number, not " .. tostring(cost))
end

local function put_first(list, index)
  local result = { list[index] }
  for i, lane in ipairs(list) do
    if i ~= index then result[#result + 1] = lane end
  end
  return result
end

--- Two lanes at random, the cheaper of them in front of all. Two only: the cheapest of all would
-- get every request.
-- @tparam table list lanes, two at least
-- @treturn table|nil the same lanes in another order
-- @treturn nil|table an error as of core.run
function M.order_by_cost(policy, list, view)
  local first = math.random(#list)
  local second = math.random(#list - 1)
  if second >= first then second = second + 1 end
  local a, b, err
  a, err = cost_of(policy, list[first], view)
  if not a then return nil, err end
  b, err = cost_of(policy, list[second], view)
  if not b then return nil, err end
  return put_first(list, b < a and second or first)
end

-- ---- accept and on_event ------------------------------------------------------------------------

-- For attempts: true when the request goes on although the policy failed, or nil and what the
-- client is told.
local function outlive(policies, policy, call, err)
  if script_failure.falls_back(policies, policy, call, err) then return true end
  return nil, errors.script_failed(call.req:id())
end

--- A plan's `accept`: accept(res) (y) -> true to release the held answer, false to try the next
-- lane, or nil and an error of errors.lua.
function M.accept(policies, policy, call, view)
  return function(res)
    local ok, is_accepted = health.run(policy.health, policy.accept, view, res)
    if ok and type(is_accepted) == "boolean" then return is_accepted end
    return outlive(policies, policy, call,
      ok and script_failure.wrong(policy, "accept must return true or false") or is_accepted)
  end
end

--- A plan's `on_event` and `on_event_failed`: on_event(event) -> the event, another one, nil to
-- leave it out, or false and an error of errors.lua; on_event_failed(message), for an event that
-- cannot go out, -> true, or nil and an error. A hook that has failed is not called any more.
function M.on_event(policies, policy, call, view)
  local has_failed = false
  local function give_up(err)
    has_failed = true
    return outlive(policies, policy, call, err)
  end
  local function on_event(event)
    if has_failed then return event end
    local ok, result = health.run_now(policy.health, policy.on_event, view, event)
    if ok then return result end
    local goes_on, err = give_up(result)
    if goes_on then return event end
    return false, err
  end
  local function on_event_failed(message)
    return give_up(script_failure.wrong(policy, message))
  end
  return on_event, on_event_failed
end

-- ---- on_finish ----------------------------------------------------------------------------------

local function run_finish(policy, view, sum, close)
  local ok, err = health.run(policy.health, policy.on_finish, view, sum)
  if not ok then
    script_failure.log(nil, "on_finish of policy '" .. policy.name .. "'", err)
  end
  close(view)
end

--- Calls on_finish(req, sum) in a task of its own: nobody waits for it.
-- @tparam table policy
-- @tparam table view detached from its request
-- @tparam table sum of request_sum.lua
-- @tparam function close to be called with the view at last
function M.finish(policy, view, sum, close)
  local started, err = core.background(run_finish, policy, view, sum, close)
  if not started then
    core.log("warn", "on_finish of policy '" .. policy.name .. "' was left out: " .. err.message)
    close(view)
  end
end

return M
