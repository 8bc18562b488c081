-- How Claude is asked to think, and which sampling goes with it: in the words of the Messages API,
-- which Bedrock's Converse passes on as they are. Pure.
local canonical = require("tide.canonical")

local M = {}

local LEAST_BUDGET = 1024

local LEVELS = { "minimal", "low", "medium", "high", "xhigh", "max" }
local RANK = {}
for rank, level in ipairs(LEVELS) do RANK[level] = rank end

-- ---- thinking -----------------------------------------------------------------------------------

-- The level that the model knows and that is nearest from below, else its lowest.
local function known_level(wanted, levels, out)
  local best, best_rank, lowest
  for _, level in ipairs(levels) do
    local rank = RANK[level]
    if rank <= RANK[wanted] and rank > (best_rank or 0) then best, best_rank = level, rank end
    if not lowest or rank < RANK[lowest] then lowest = level end
  end
  best = best or lowest
  if best ~= wanted and wanted ~= "minimal" then out.warn("reasoning effort " .. wanted) end
  return best
end

local function wants_thinking(reasoning)
  return reasoning.effort ~= "none" and reasoning.enabled ~= false
    and (reasoning.effort or reasoning.enabled or reasoning.adaptive
      or (reasoning.budget and reasoning.budget ~= 0)) and true or false
end

local function is_forced(choice)
  return choice ~= nil and (choice.type == "any" or choice.type == "tool")
end

-- How much a model may think within what it may write; nil when that is too little.
local function budget_of(reasoning, max_tokens)
  local budget = reasoning.budget
  if not budget or budget < 0 then
    budget = canonical.budget_of(reasoning.effort) or canonical.budget_of("medium")
    budget = math.min(budget, math.floor(max_tokens * 0.8))
  end
  budget = math.max(budget, LEAST_BUDGET)
  if budget >= max_tokens then budget = max_tokens - 1 end
  if budget >= LEAST_BUDGET then return budget end
end

local function add_budget(body, reasoning, out)
  local budget = budget_of(reasoning, body.max_tokens)
  if not budget or is_forced(body.tool_choice) or not out.may_begin_with_thinking then
    out.warn("reasoning")
    return
  end
  body.thinking = { type = "enabled", budget_tokens = budget }
end

local function add_adaptive(body, reasoning, out)
  body.thinking = { type = "adaptive" }
  if out.traits.display then
    if reasoning.show or reasoning.summary then body.thinking.display = "summarized" end
    if reasoning.show == false then body.thinking.display = "omitted" end
  end
end

local function add_effort(body, reasoning, out)
  local level = reasoning.effort
  if not RANK[level] then
    if out.traits.thinking ~= "adaptive" or not reasoning.budget or reasoning.budget <= 0 then
      return
    end
    level = canonical.effort_of(reasoning.budget)
  end
  if not out.traits.effort then return end
  body.output_config = body.output_config or {}
  body.output_config.effort = known_level(level, out.traits.effort, out)
end

local function switch_off(body, out)
  local off = out.traits.thinking_off
  if type(off) == "string" then
    body.thinking = { type = off }
  elseif off == false then
    out.warn("reasoning effort none")
    body.output_config = body.output_config or {}
    body.output_config.effort = out.traits.effort and out.traits.effort[1] or nil
  end
end

--- Adds `thinking` and `output_config.effort`.
-- @tparam table body with its `max_tokens` and `tool_choice` in Anthropic's words
-- @tparam table rq canonical request
-- @tparam table out { traits =, warn =, may_begin_with_thinking = whether the conversation allows
--   an answer that begins with thinking of a budget }
function M.add(body, rq, out)
  local reasoning = rq.reasoning
  if not reasoning then return end
  if not wants_thinking(reasoning) then
    if reasoning.effort == "none" or reasoning.enabled == false or reasoning.budget == 0 then
      switch_off(body, out)
    end
    return
  end
  local how = out.traits.thinking or "budget"
  if how == "none" then
    out.warn("reasoning")
    return
  end
  add_effort(body, reasoning, out)
  if how == "adaptive" then
    add_adaptive(body, reasoning, out)
  else
    add_budget(body, reasoning, out)
  end
end

-- ---- sampling -----------------------------------------------------------------------------------

local function drop(body, out, name)
  if body[name] ~= nil then
    body[name] = nil
    out.warn(name)
  end
end

--- Adds `temperature`, `top_p` and `top_k`, as far as they go with the model and with thinking.
function M.add_sampling(body, rq, out)
  body.temperature, body.top_p, body.top_k = rq.temperature, rq.top_p, rq.top_k
  if body.temperature and body.temperature > 1 then
    out.warn("temperature above 1")
    body.temperature = 1
  end
  local sampling = out.traits.sampling
  if sampling == "none" then
    drop(body, out, "temperature")
    drop(body, out, "top_p")
    drop(body, out, "top_k")
  elseif sampling == "one" and body.temperature then
    drop(body, out, "top_p")
  end
  local thinking = body.thinking and body.thinking.type
  if thinking == "enabled" or thinking == "adaptive" then
    if body.temperature ~= 1 then drop(body, out, "temperature") end
    drop(body, out, "top_k")
    if body.top_p and body.top_p < 0.95 then drop(body, out, "top_p") end
  end
end

return M
