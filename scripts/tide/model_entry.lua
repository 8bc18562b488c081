-- What may be known of a model: in the tables of adapters/models/, in adapters and in the
-- configuration. Pure.
local http_date = require("tide.http_date")
local suggest = require("tide.suggest")

local M = {}

local PRICE = "number"

-- USD per million tokens.
M.prices = { "input", "output", "cached", "cache_write", "reasoning" }

local TIER = {
  fields = {
    above = "number",
    input = PRICE, output = PRICE, cached = PRICE, cache_write = PRICE, reasoning = PRICE,
  },
}

--- For schema.check().
M.shape = {
  fields = {
    kind = "string",
    context = "number", max_output = "number",
    input = PRICE, output = PRICE, cached = PRICE, cache_write = PRICE,
    reasoning = "number|boolean", -- true: it thinks; a number: and that is what it costs
    image = PRICE, second = PRICE,
    tiers = { list = TIER },
    caps = { list = "string" },
    retires = "string",
  },
}

-- What it is asked for, where that is no chat; by the names of operations, or of what is to come.
local KINDS = {
  embed = true, rerank = true, moderate = true, image = true, transcribe = true, video = true,
}
local MOST_TIERS = 7 -- PRICE_TIERS in core/http/price.h has the first as well
local MOST = 1e6

local function has_price(entry)
  for _, name in ipairs(M.prices) do
    if type(entry[name]) == "number" then return true end
  end
  return false
end

local function wrong_number(fields)
  for name, value in pairs(fields) do
    local is_price = name ~= "context" and name ~= "max_output" and name ~= "above"
    if type(value) == "number" and not (value >= 0 and (value <= MOST or not is_price)) then
      return name, name .. " must be a number from 0 on"
    end
  end
end

local function wrong_tiers(tiers)
  local last = 0
  if #tiers > MOST_TIERS then return "tiers", "at most " .. MOST_TIERS .. " tiers" end
  for _, tier in ipairs(tiers) do
    if not tier.above or tier.above <= last then
      return "tiers", "tiers: each needs an `above`, larger than the one before"
    end
    last = tier.above
    local field, message = wrong_number(tier)
    if field then return field, message end
  end
end

--- What is wrong with one that fits the shape: the field, and a message; nil when nothing is.
function M.problem(entry)
  if has_price(entry) and type(entry.input) ~= "number" then
    return "input", "the prices of tokens need one for the `input`"
  end
  local field, message = wrong_number(entry)
  if not field and entry.tiers then field, message = wrong_tiers(entry.tiers) end
  if field then return field, message end
  if entry.kind and not KINDS[entry.kind] then
    return "kind", "kind must be one of " .. table.concat(suggest.names(KINDS), " ")
  end
  if entry.retires and not http_date.of_day(entry.retires) then
    return "retires", "retires must be a date like \"2026-12-31\""
  end
end

--- Two entries as one: what `over` says wins, field by field; but prices are one thing: where it
-- has any, there are no others.
function M.merged(under, over)
  if not (under and over) then return under or over end
  local result = {}
  for name, value in pairs(under) do result[name] = value end
  if has_price(over) then
    for _, name in ipairs(M.prices) do result[name] = nil end
    result.tiers = nil
  end
  for name, value in pairs(over) do
    if not (name == "reasoning" and value == true and result.reasoning) then
      result[name] = value
    end
  end
  return result
end

--- The prices alone, those of tokens with their tiers; nil when there are none.
-- @treturn table|nil
-- @treturn boolean whether tokens have prices
function M.prices_of(entry)
  local result = { tiers = entry.tiers, image = entry.image, second = entry.second }
  for _, name in ipairs(M.prices) do
    if type(entry[name]) == "number" then result[name] = entry[name] end
  end
  return next(result) and result or nil, has_price(entry)
end

return M
