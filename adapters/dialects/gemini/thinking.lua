-- How much a model is to think, in the words of its family: a level (Gemini 3) or a budget of
-- tokens (2.5). Pure.
local M = {}

local BUDGETS = { none = 0, minimal = 1024, low = 1024, medium = 8192, high = 24576 }
local ORDER = { "minimal", "low", "medium", "high" }
local MORE = { xhigh = 32768, max = 65536 }
local RANKS = { minimal = 1, low = 2, medium = 3, high = 4, xhigh = 4, max = 4 }

-- The effort that a budget amounts to, and the other way round.
local function effort_of(budget)
  if budget <= 0 then return "none" end
  if budget <= 1024 then return "low" end
  return budget <= 8192 and "medium" or "high"
end

local function has(levels, level)
  for _, name in ipairs(levels) do
    if name == level then return true end
  end
  return false
end

-- The level asked for, or the next one up that the model has, or its highest.
local function level_of(effort, levels)
  for rank = RANKS[effort] or 3, #ORDER do
    if has(levels, ORDER[rank]) then return ORDER[rank] end
  end
  return levels[#levels]
end

-- These models think in any case: "none" becomes as little as they can.
local function by_level(reasoning, traits)
  local levels = traits.levels or ORDER
  local effort = reasoning.effort
  if reasoning.enabled == false then effort = "none" end
  if not effort and reasoning.budget then effort = effort_of(reasoning.budget) end
  if not effort then return {} end
  if effort == "none" then return { thinkingLevel = levels[1] } end
  return { thinkingLevel = level_of(effort, levels) }
end

local function within(budget, traits)
  local lowest, highest = traits.budget_min or 0, traits.budget_max or 24576
  if budget == 0 then return traits.budget_off == false and lowest or 0 end
  return math.min(math.max(budget, lowest), highest)
end

local function budget_for(reasoning, traits)
  if reasoning.enabled == false or reasoning.effort == "none" then return within(0, traits) end
  if reasoning.budget then return within(reasoning.budget, traits) end
  local effort = reasoning.effort
  if not effort then return -1 end
  return within(BUDGETS[effort] or traits.budget_max or 24576, traits)
end

local function config_of(reasoning, traits)
  if traits.thinking == "level" then return by_level(reasoning, traits) end
  if traits.thinking == "budget" then return { thinkingBudget = budget_for(reasoning, traits) } end
end

-- Less than was asked for; that "minimal" is the lowest there is loses nothing.
local function warn_of_less(reasoning, config, call)
  local effort, budget = reasoning.effort, reasoning.budget
  local asked = budget or RANKS[effort] and (BUDGETS[effort] or MORE[effort])
  if config.thinkingLevel and RANKS[effort] and ORDER[RANKS[effort]] ~= effort then
    call.warn("reasoning effort " .. effort)
  elseif config.thinkingBudget and asked and config.thinkingBudget < asked then
    call.warn(budget and "reasoning budget above " .. config.thinkingBudget
      or "reasoning effort " .. effort)
  end
end

--- The thinkingConfig of a request, or nil: the model's own way.
-- @tparam table reasoning of the canonical request
-- @tparam table call its traits `thinking` = "level" | "budget" (nil: the model does not think),
--   `levels`, `budget_min`, `budget_max`, `budget_off` = false where it cannot be switched off
function M.config(reasoning, call)
  local is_off = reasoning.enabled == false or reasoning.effort == "none"
  local config = config_of(reasoning, call.traits or {})
  if not config then
    if not is_off then call.warn("reasoning") end
    return nil
  end
  if is_off then
    if config.thinkingBudget ~= 0 then call.warn("reasoning") end
  else
    warn_of_less(reasoning, config, call)
  end
  if reasoning.show ~= false and not is_off then config.includeThoughts = true end
  return next(config) and config or nil
end

return M
