-- How much a model is to think, and what goes with it: Claude in Anthropic's words, the others in
-- their own, all in additionalModelRequestFields. Pure.
local anthropic_thinking = require("dialects.anthropic-messages.thinking")
local canonical = require("tide.canonical")

local M = {}

local USUAL_MAX_TOKENS = 64000

-- ---- Claude -------------------------------------------------------------------------------------

local CLAUDE = { adaptive = true, budget = true, none = true }

-- A budget is part of what may be written, so that must be known then.
local function add_claude(config, rq, out)
  local claude = {
    max_tokens = config.maxTokens or out.traits.max_tokens or USUAL_MAX_TOKENS,
    tool_choice = out.choice,
  }
  if rq.reasoning then anthropic_thinking.add(claude, rq, out) end
  anthropic_thinking.add_sampling(claude, rq, out)
  if claude.thinking and claude.thinking.budget_tokens then config.maxTokens = claude.max_tokens end
  config.temperature, config.topP = claude.temperature, claude.top_p
  out.more.top_k, out.more.thinking = claude.top_k, claude.thinking
  out.more.output_config = claude.output_config
end

-- ---- the others ---------------------------------------------------------------------------------

local RANK = { none = 0, minimal = 1, low = 2, medium = 3, high = 4, xhigh = 5, max = 6 }
local ALL = { "none", "low", "medium", "high", "xhigh", "max" }
local THREE = { "low", "medium", "high" }

local function effort_asked(reasoning)
  if reasoning.enabled == false then return "none" end
  if RANK[reasoning.effort] then return reasoning.effort end
  if reasoning.budget and reasoning.budget >= 0 then
    return canonical.effort_of(reasoning.budget)
  end
  if reasoning.enabled or reasoning.adaptive then return "medium" end
end

-- The nearest that the model knows, from below where there is one.
local function nearest(effort, levels, out)
  local best
  for _, level in ipairs(levels) do
    if RANK[level] <= RANK[effort] and not (level == "none" and effort ~= "none") then
      best = level
    end
  end
  best = best or (levels[1] == "none" and levels[2] or levels[1])
  if best ~= effort and effort ~= "minimal" then out.warn("reasoning effort " .. effort) end
  return best
end

local Ways = {}

-- Nova 2 at its highest decides all the rest itself.
function Ways.nova(effort, config, out)
  if effort == "none" then
    out.more.reasoningConfig = { type = "disabled" }
    return
  end
  local level = nearest(effort, THREE, out)
  out.more.reasoningConfig = { type = "enabled", maxReasoningEffort = level }
  if level ~= "high" then return end
  for _, name in ipairs({ "maxTokens", "temperature", "topP" }) do
    if config[name] then out.warn(name) end
    config[name] = nil
  end
end

function Ways.effort(effort, _, out)
  out.more.reasoning_effort = nearest(effort, out.traits.effort or THREE, out)
end

function Ways.reasoning(effort, _, out)
  out.more.reasoning = { effort = nearest(effort, out.traits.effort or ALL, out) }
end

-- ---- sampling -----------------------------------------------------------------------------------

local TOP_K = {
  top_k = function(value, out) out.more.top_k = value end,
  k = function(value, out) out.more.k = value end,
  nova = function(value, out) out.more.inferenceConfig = { topK = value } end,
}

local function drop(config, name, word, out)
  if config[name] == nil then return end
  config[name] = nil
  out.warn(word)
end

local function add_sampling(config, rq, out)
  config.temperature, config.topP = rq.temperature, rq.top_p
  if config.temperature and config.temperature > 1 then
    out.warn("temperature above 1")
    config.temperature = 1
  end
  if out.traits.sampling == "none" then
    drop(config, "temperature", "temperature", out)
    drop(config, "topP", "top_p", out)
  end
  if not rq.top_k or out.keeps_fields then return end
  local add = TOP_K[out.traits.top_k]
  if add then return add(rq.top_k, out) end
  out.warn("top_k")
end

local function add_other(config, rq, out)
  add_sampling(config, rq, out)
  local effort = rq.reasoning and effort_asked(rq.reasoning)
  if not effort or out.keeps_fields then return end
  local way = Ways[out.traits.thinking]
  if way then return way(effort, config, out) end
  if effort ~= "none" then out.warn("reasoning") end
end

--- Adds thinking and sampling to the inferenceConfig and to `out.more`, the model's own fields;
-- not to those where `out.keeps_fields` says that the client has written them itself.
function M.add(config, rq, out)
  local add = CLAUDE[out.traits.thinking] and add_claude or add_other
  add(config, rq, out)
end

return M
