-- tidegate explain: where a request would go, and why.
local core = require("core")
local decide = require("tide.decide")
local diff = require("tide.testing_diff")
local operations = require("tide.operations")

local M = {}

local function seconds(value)
  return value and ("%g s"):format(value) or "none"
end

local function times(timeout)
  return "connect " .. seconds(timeout.connect) .. ", first token " .. seconds(timeout.first_token)
    .. ", head " .. seconds(timeout.head) .. ", idle " .. seconds(timeout.idle)
end

-- Six digits are enough for an estimate.
local function usd(value)
  return ("%.6g"):format(value)
end

--- Why the first candidate comes first.
function M.reason(decision)
  local first = decision.candidates[1]
  if #decision.candidates == 1 then return "it is the only candidate" end
  if decision.plan.pick == "cost" then
    return "of two candidates chosen at random it has the lower cost"
  end
  if decision.plan.pick == "cheapest" then
    if not first.estimate then return "no price is known of any: it stands first" end
    return "it is likely to be the cheapest, at about $" .. usd(first.estimate)
  end
  if decision.returned then return "it stands first in the plan of the policy" end
  return "it stands first among the targets of the model"
end

local function row(name, text)
  return ("%-10s%s\n"):format(name, text)
end

local function how_it_ends(ended)
  local who = ended.by and "middleware " .. ended.by or "the gateway"
  return "is answered by " .. who .. ": " .. ended.status
    .. (ended.message and ", " .. ended.message or "")
end

local function policy_rows(decision)
  local policy = decision.policy
  if not policy then return row("policy", "none") end
  local text = row("policy", policy.name .. "  " .. policy.file
    .. (policy.line and ":" .. policy.line or ""))
  return text .. row("plan", decision.returned and diff.show(decision.returned)
    or "the model's own: route returned nothing")
end

-- What is said of costs where they decide.
local function cost_text(decision, one)
  if one.cost then return ("cost %.14g, "):format(one.cost) end
  if decision.plan.pick ~= "cheapest" then return "" end
  if not one.estimate then return "no price is known, " end
  local prices = one.prices
  return ("about $%s ($%s and $%s per million tokens), "):format(usd(one.estimate),
    usd(prices.input), prices.output and usd(prices.output) or "?")
end

local function candidate_rows(decision)
  local lines = {}
  for i, one in ipairs(decision.candidates) do
    lines[i] = row(tostring(one.position), ("%-32s %s%s"):format(one.label,
      cost_text(decision, one), times(one.timeout)))
  end
  return table.concat(lines)
end

local function plan_rows(decision)
  local plan = decision.plan
  local more = {}
  for _, name in ipairs({ "hold", "shadow", "headers", "params" }) do
    if plan[name] ~= nil then more[#more + 1] = name .. " = " .. diff.show(plan[name]) end
  end
  local text = row("limits", plan.attempts .. " attempts, " .. seconds(plan.total) .. " in all")
  if #more > 0 then text = text .. row("also", table.concat(more, ", ")) end
  return text .. candidate_rows(decision)
    .. row("first", decision.candidates[1].label .. ", because " .. M.reason(decision))
end

local function people(decision)
  local words = decision.op and decision.op ~= "chat" and operations.words[decision.op]
  local text = row("model", tostring(decision.model or "?")
    .. (words and ", for " .. words or "") .. (decision.stream and ", as a stream" or ""))
  text = text .. policy_rows(decision)
  text = text .. (decision.ended and row("request", how_it_ends(decision.ended))
    or plan_rows(decision))
  for _, warning in ipairs(decision.warnings) do text = text .. row("warning", warning) end
  return text
end

--- Explains one request (y).
-- @tparam string text JSON: { text = the request or a kept line, json = }
-- @treturn number 0, or 1 when the text is no request
-- @treturn string for people, or JSON
function M.run(text)
  local asked = core.decode(text)
  local record, why = decide.read(asked.text)
  if not record then return 1, "the request cannot be read: " .. why .. "\n" end
  local decision = decide.request(record)
  if not decision.ended then
    local first = decision.candidates[1]
    decision.first, decision.reason = first and first.label, M.reason(decision)
  end
  decision.failure = nil -- is among the warnings
  if asked.json then return 0, core.encode(decision) .. "\n" end
  if not decision.model then decision.model = (core.decode(record.body) or {}).model end
  return 0, people(decision)
end

return M
