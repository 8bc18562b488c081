-- pick = "cheapest": lanes in the order of what this request is likely to cost there. What is not
-- known to cost anything comes last: it may cost everything.
local body_facts = require("tide.body_facts")
local model_facts = require("tide.model_facts")

local M = {}

-- Tokens of an answer of which no more is known than that it is one.
local USUAL_ANSWER = 500

local WRITES = { chat = true, complete = true }

local function expected(call)
  call.req:scan(call.form.all_fields)
  local prompt, max_out = body_facts.prompt(call.req, call.form)
  if not WRITES[call.op.name] then return prompt, 0 end
  return prompt, math.min(max_out or USUAL_ANSWER, USUAL_ANSWER)
end

--- What the request is likely to cost on each of the lanes: nano-dollars, nil where that is not
-- known, by the lane.
function M.costs(call, lanes)
  local prompt, answer = expected(call)
  local costs = {}
  for _, lane in ipairs(lanes) do
    local facts = model_facts.of(lane)
    local price = facts.price
    costs[lane] = price and price:cost(prompt, math.min(answer, facts.max_output or answer))
  end
  return costs
end

--- The same lanes, the cheapest first; equal ones, and those of unknown cost, as they were.
function M.order(lanes, costs)
  local order, result = {}, {}
  for i = 1, #lanes do order[i] = i end
  table.sort(order, function(a, b)
    local first, second = costs[lanes[a]] or math.huge, costs[lanes[b]] or math.huge
    if first ~= second then return first < second end
    return a < b
  end)
  for i, position in ipairs(order) do result[i] = lanes[position] end
  return result
end

--- The lanes in the order of what a request is likely to cost there.
function M.lanes(call, lanes)
  return M.order(lanes, M.costs(call, lanes))
end

return M
