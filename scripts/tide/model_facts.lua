-- What is known of a model at a provider: of the table of models, over it what the adapter and the
-- configuration say, over that the configuration's prices. Found out when it is first needed.
local core = require("core")
local model_entry = require("tide.model_entry")

local M = {}

local NOTHING = {}

local function compiled(entry)
  local prices, is_by_token = model_entry.prices_of(entry)
  return {
    context = entry.context, max_output = entry.max_output, caps = entry.caps,
    kind = entry.kind,
    prices = prices, price = is_by_token and core.price(prices) or nil,
  }
end

-- The first of two names of a model that a map has: as it is asked for, as the provider calls it.
local function either(map, asked, sent)
  return map[asked] or map[sent]
end

--- What is known of a provider's model.
-- @tparam table provider of providers.build()
-- @tparam string asked the model as the configuration calls it
-- @tparam string|nil sent as the provider calls it, where that is another name
-- @treturn table { context = tokens, max_output = tokens, caps = list, kind = name, prices =
--   { input =, output =, cached =, cache_write =, reasoning = USD per million tokens, tiers =,
--   image =, second = USD } or nil, price = of core.price() or nil }; absent: not known
function M.find(provider, asked, sent)
  sent = sent or asked
  local entry = provider.model_table and provider.model_table:find(sent)
  entry = model_entry.merged(entry, either(provider.models, asked, sent))
  entry = model_entry.merged(entry, either(provider.prices, asked, sent))
  return entry and compiled(entry) or NOTHING
end

--- The same of a lane's model, kept there.
function M.of(lane)
  local facts = lane.facts
  if not facts then
    facts = M.find(lane.provider, lane.model, lane.sent_model)
    lane.facts = facts
  end
  return facts
end

-- Where no model is asked.
local free

-- Of the rest no answer has tokens.
local WRITES = { chat = true, complete = true }

local function without_output(prices)
  local result = {}
  for name, value in pairs(prices) do result[name] = value end
  result.output = 0
  if prices.tiers then
    result.tiers = {}
    for i, tier in ipairs(prices.tiers) do result.tiers[i] = without_output(tier) end
  end
  return result
end

--- What a request costs on a lane.
-- @treturn userdata|nil of core.price(); nil: not known
function M.price(lane, op)
  if op == "count" then
    free = free or core.price({ input = 0, output = 0 })
    return free
  end
  local facts = M.of(lane)
  if WRITES[op] or not facts.price then return facts.price end
  facts.price_of_input = facts.price_of_input or core.price(without_output(facts.prices))
  return facts.price_of_input
end

return M
