-- What is peculiar about Google's models, by their names: for the adapters of the services that
-- have them. How much a model is to think is said with a level from Gemini 3 on, with a budget of
-- tokens before; calls have ids and signatures, and JSON Schema goes with tools, from Gemini 3 on;
-- full JSON Schema is understood from 2.5 on. Pure.
local M = {}

-- Gemini 3: a call of its history without a signature is refused, and so are penalties.
local function third(levels)
  return {
    thinking = levels and "level" or nil, levels = levels, signatures = "required",
    penalties = false,
  }
end

-- 2.5: `lowest` and `highest` budget; is_off = false where thinking cannot be switched off.
local function before_third(lowest, highest, is_off)
  return {
    thinking = lowest and "budget" or nil, budget_min = lowest, budget_max = highest,
    budget_off = is_off, call_ids = false, schema_with_tools = false, penalties = false,
  }
end

local function older(more)
  local traits = { schema = "openapi", call_ids = false, schema_with_tools = false }
  for name, value in pairs(more or {}) do traits[name] = value end
  return traits
end

--- A fresh list for `families`; the first that matches counts.
-- @tparam table|nil more traits that all of them have besides
function M.list(more)
  local families = {
    { models = { "gemini-embedding-2*" }, traits = { embed_task = "prefix" } },
    { models = { "gemini-embedding*" }, traits = {} },
    { models = { "gemini-2.5-flash-image*", "gemini-2.5*-tts*" }, traits = before_third() },
    { models = { "gemini-2.5-pro*" }, reasoning = true, traits = before_third(128, 32768, false) },
    { models = { "gemini-2.5-flash-lite*" }, reasoning = true, traits = before_third(512, 24576) },
    { models = { "gemini-2.5*", "gemini-robotics-er-1.5*" }, reasoning = true,
      traits = before_third(0, 24576) },
    { models = { "gemini-2*", "gemini-1*", "learnlm*" }, traits = older() },
    { models = { "gemma*" }, traits = older({ system = false, penalties = false }) },
    { models = { "gemini-*-image*", "nano-banana*" }, traits = third() },
    { models = { "gemini-3-pro*" }, reasoning = true, traits = third({ "low", "high" }) },
    { models = { "gemini-*-pro*", "gemini-pro-latest" }, reasoning = true,
      traits = third({ "low", "medium", "high" }) },
    { models = { "gemini-*" }, reasoning = true,
      traits = third({ "minimal", "low", "medium", "high" }) },
  }
  for _, family in ipairs(families) do
    for name, value in pairs(more or {}) do family.traits[name] = value end
  end
  return families
end

return M
