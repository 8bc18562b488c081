-- additionalModelRequestFields of a client: what the canonical form has words for, whatever the
-- model calls it, and the rest. Pure.
local canonical = require("tide.canonical")
local core = require("core")

local M = {}

local given, object = canonical.given, canonical.table_of
local text_of, number_of = canonical.text_of, canonical.number_of

local function reasoning_of(rq)
  rq.reasoning = rq.reasoning or {}
  return rq.reasoning
end

local function take_thinking(rq, given_value)
  local value = object(given_value)
  if value.type == "disabled" then
    reasoning_of(rq).enabled, rq.reasoning.effort = false, "none"
  elseif value.type == "enabled" or value.type == "adaptive" then
    local reasoning = reasoning_of(rq)
    reasoning.enabled, reasoning.budget = true, number_of(value.budget_tokens)
    reasoning.adaptive = value.type == "adaptive" or nil
    reasoning.show = value.display ~= "omitted"
  else
    return given_value
  end
end

local function take_effort(rq, value)
  local effort = text_of(value)
  if effort then reasoning_of(rq).effort = effort end
  return nil
end

-- What is left of a table without these members; nil for nothing.
local function without(value, ...)
  local rest = canonical.copy(object(value))
  for _, name in ipairs({ ... }) do rest[name] = nil end
  return next(rest) and rest or nil
end

local function take_number(field)
  return function(rq, value)
    if not number_of(value) then return value end
    rq[field] = value
    return nil
  end
end

-- Each takes what it knows and returns what it leaves.
local Take = {
  thinking = take_thinking, reasoning_config = take_thinking, reasoning_effort = take_effort,
  top_k = take_number("top_k"), topK = take_number("top_k"), k = take_number("top_k"),
}

function Take.output_config(rq, value)
  value = object(value)
  take_effort(rq, value.effort)
  local format = object(given(value.format))
  if format.type == "json_schema" and given(format.schema) ~= nil then
    rq.response_format = {
      type = "json_schema", strict = true,
      schema = core.is_raw(format.schema) and format.schema
        or core.raw(core.encode(format.schema)),
    }
  end
  return without(value, "effort", "format")
end

-- Nova's.
function Take.reasoningConfig(rq, value)
  value = object(value)
  if value.type == "disabled" then
    reasoning_of(rq).enabled, rq.reasoning.effort = false, "none"
  else
    reasoning_of(rq).enabled = true
    take_effort(rq, value.maxReasoningEffort)
  end
  return without(value, "type", "maxReasoningEffort", "budgetTokens")
end

-- That of OpenAI's newer models.
function Take.reasoning(rq, value)
  take_effort(rq, object(value).effort)
  return without(value, "effort")
end

function Take.inferenceConfig(rq, value)
  rq.top_k = number_of(object(value).topK) or rq.top_k
  return without(value, "topK")
end

-- Claude's own way to say that tools are to be called one at a time.
local CHOICES = { auto = "auto", any = "required", tool = "tool", none = "none" }

function Take.tool_choice(rq, value)
  value = object(value)
  if value.disable_parallel_tool_use == true then rq.parallel_tools = false end
  if CHOICES[value.type] then
    rq.tool_choice = { type = CHOICES[value.type], name = text_of(value.name) }
  end
  return nil
end

--- Adds them to a request: `model_fields` has all of them as they came, ext what nothing knows.
function M.add(rq, value)
  if type(value) ~= "table" then return end
  rq.model_fields = value
  local rest = {}
  for name, item in pairs(value) do
    if item ~= core.null then
      local take = Take[name]
      if take then item = take(rq, item) end
      rest[name] = item
    end
  end
  if next(rest) then rq.ext.additionalModelRequestFields = rest end
end

return M
