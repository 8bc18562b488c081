-- What is peculiar about each of Claude's models, in the order in which names are matched. Pure.
local M = {}

local ALL_LEVELS = { "low", "medium", "high", "xhigh", "max" }

-- Every one of these refuses them with 400, with or without thinking.
local NO_SAMPLING = { drop = { "temperature", "top_p", "top_k" } }

-- From Opus 4.7 on: thinking by effort alone, told only on request, and no sampling.
local function adaptive(more)
  local traits = {
    thinking = "adaptive", effort = ALL_LEVELS, display = true, sampling = "none", prefill = false,
    max_tokens = 128000,
  }
  for name, value in pairs(more or {}) do traits[name] = value end
  return traits
end

local function budget(max_tokens, more)
  local traits = { thinking = "budget", max_tokens = max_tokens }
  for name, value in pairs(more or {}) do traits[name] = value end
  return traits
end

local LIST = {
  {
    models = { "claude-opus-5-5*", "claude-fable-*", "claude-mythos-*" },
    reasoning = true, params = NO_SAMPLING,
    traits = adaptive { thinking_off = false, forced_tools = false, mid_system = true },
  },
  {
    models = { "claude-sonnet-5-5*" }, reasoning = true, params = NO_SAMPLING,
    traits = adaptive {
      thinking_off = "between_tools", forced_tools = false, mid_system = true,
    },
  },
  {
    models = { "claude-opus-5*", "claude-haiku-5*" }, reasoning = true, params = NO_SAMPLING,
    traits = adaptive { thinking_off = "disabled", mid_system = true },
  },
  {
    models = { "claude-sonnet-5*" }, reasoning = true, params = NO_SAMPLING,
    traits = adaptive { thinking_off = "disabled" },
  },
  {
    models = { "claude-opus-4-8*" }, reasoning = true, params = NO_SAMPLING,
    traits = adaptive { mid_system = true },
  },
  {
    models = { "claude-opus-4-7*" }, reasoning = true, params = NO_SAMPLING,
    traits = adaptive(),
  },
  {
    models = { "claude-opus-4-6*", "claude-sonnet-4-6*" }, reasoning = true,
    traits = {
      thinking = "adaptive", effort = { "low", "medium", "high", "max" }, sampling = "one",
      prefill = false, max_tokens = 128000,
    },
  },
  {
    models = { "claude-opus-4-5*" },
    traits = budget(64000, { effort = { "low", "medium", "high" }, sampling = "one" }),
  },
  {
    models = { "claude-sonnet-4-5*", "claude-haiku-4-5*" },
    traits = budget(64000, { sampling = "one" }),
  },
  { models = { "claude-opus-4-1*" }, traits = budget(32000, { sampling = "one" }) },
  { models = { "claude-opus-4*" }, traits = budget(32000, { structured = false }) },
  {
    models = { "claude-sonnet-4*", "claude-3-7*" },
    traits = budget(64000, { structured = false }),
  },
  {
    models = { "claude-3-5*" },
    traits = { thinking = "none", max_tokens = 8192, structured = false },
  },
  {
    models = { "claude-3-*", "claude-2*", "claude-instant*" },
    traits = { thinking = "none", max_tokens = 4096, structured = false },
  },
  -- What comes next is most like the newest; what it refuses is not known.
  { models = { "claude-*" }, reasoning = true, traits = adaptive() },
}

--- The families, for the service where they stand.
-- @tparam[opt] function name of a pattern there: "claude-opus-5*" -> pattern
-- @tparam[opt] function traits of a family there: a fresh table of Anthropic's, patterns -> table
-- @tparam[opt] boolean params false where the fields of the Messages API mean nothing
-- @treturn table `families` of an adapter
function M.list(name, traits, params)
  local list = {}
  for i, family in ipairs(LIST) do
    local entry, patterns = {}, {}
    for field, value in pairs(family) do entry[field] = value end
    for k, pattern in ipairs(family.models) do patterns[k] = name and name(pattern) or pattern end
    entry.models, entry.traits = patterns, {}
    for field, value in pairs(family.traits) do entry.traits[field] = value end
    if traits then entry.traits = traits(entry.traits, family.models) end
    if params == false then entry.params = nil end
    list[i] = entry
  end
  return list
end

return M
