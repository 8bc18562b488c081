-- x-tidegate-explain: 1, of a request: how it was decided, in a header of its answer. Only where
-- scripts.explain allows it, or for who brings the admin token instead of the 1.
local core = require("core")
local able = require("tide.able")
local lanes_of = require("tide.lanes")

local M = {}

local NAME = "x-tidegate-explain"
local MOST = 16 -- candidates: a header has its limits

-- Without a token everybody would be an administrator.
local function is_admin(req, token)
  return not req:is_admin("") and req:is_admin(token)
end

local function is_allowed(config, req, value)
  if config.scripts and config.scripts.explain and value == "1" then return true end
  return is_admin(req, value)
end

local function describe(call, plan, policy)
  local candidates = core.array({})
  local lanes = able.lanes(call, lanes_of.of_plan(call, plan)) or {}
  for i = 1, math.min(#lanes, MOST) do candidates[i] = lanes[i].label end
  return core.encode({
    model = call.model, policy = policy and policy.label, pick = plan.pick,
    attempts = plan.attempts, total = plan.total, candidates = candidates,
    left_out = #lanes > MOST and #lanes - MOST or nil,
  })
end

--- Adds the header when it was asked for.
-- @tparam table config of the generation
-- @tparam table call of body.read()
-- @tparam table plan to be executed
-- @tparam table|nil policy that made it
function M.add(config, call, plan, policy)
  local value = call.req:header(NAME)
  if not value or not is_allowed(config, call.req, value) then return end
  call.req:set_header(NAME, describe(call, plan, policy))
end

return M
