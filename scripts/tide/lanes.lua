-- Lanes: a target with one credential chosen, and the prepared options of its attempts.
local core = require("core")
local address = require("tide.address")
local families = require("tide.families")
local operations = require("tide.operations")
local timeouts = require("tide.timeouts")

local M = {}

local NONE = {}

--- What a provider calls a model.
function M.sent(provider, model)
  return provider.adapter.model_map[model] or model
end

--- The lanes of one target, in the order of the provider's credentials.
-- @tparam string asked the model's name as clients write it
-- @tparam table target { provider = provider, model = name }
-- @tparam table|nil settings timeout of the configured model
-- @tparam table|nil top timeout of the top level
-- @tparam table lanes list to append to
function M.add(asked, target, settings, top, lanes)
  local provider, model = target.provider, target.model
  local name = provider.name .. "/" .. model
  local adapter = provider.adapter
  local known = provider.models[model]
  local sent = M.sent(provider, model)
  local family = families.find(adapter.families, sent)
  local reasoning = known and known.reasoning or family.reasoning or false
  local times = timeouts.of_lane(settings, provider.timeout, top, reasoning)
  for _, credential in ipairs(provider.credentials) do
    lanes[#lanes + 1] = {
      target = name,
      label = name .. "#" .. credential.label,
      model = model,
      provider = provider,
      credential = credential,
      -- The same name needs no edit: the body then goes out as it came.
      model_text = sent ~= asked and core.encode(sent) or nil,
      sent_model = sent,
      asked = asked,
      family = family,
      timeout = times,
      ways = {},
    }
  end
end

--- The lanes of a plan for a request, in the order in which they are to be tried.
function M.of_plan(call, plan)
  local list = plan.lanes[call.op.name] or NONE
  if plan.pick ~= "cheapest" or #list < 2 then return list end
  return require("tide.cheapest").lanes(call, list) -- few gateways need it
end

--- Which of the lanes can do an operation: { chat = {...}, embed = {...}, ... }.
function M.by_operation(lanes)
  local result = {}
  for _, op in ipairs(operations.names) do
    local able = {}
    for _, lane in ipairs(lanes) do
      if address.spec(lane.provider.adapter, op, lane.family) then able[#able + 1] = lane end
    end
    result[op] = #able == #lanes and lanes or able
  end
  return result
end

return M
