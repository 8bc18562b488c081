-- A canonical request as a body of openai-chat. Pure. What providers and models differ in comes as
-- traits, see adapters/dialects/README.md; top-level fields that are named otherwise, or refused,
-- are the adapter's `params`.
local canonical = require("tide.canonical")
local core = require("core")
local custom_tools = require("tide.custom_tools")
local sampling = require("tide.sampling")
local turns = require("dialects.openai-chat.turns")

local M = { needs_bytes = turns.needs_bytes }

local DIALECT = "openai-chat"

local NO_PARAMETERS = '{"type":"object","properties":{}}'

-- ---- tools --------------------------------------------------------------------------------------

-- Here a grammar stands in an object of its own.
local function format_of(grammar)
  if not grammar then return nil end
  local value = core.is_raw(grammar) and core.decode(grammar.raw) or grammar
  if type(value) ~= "table" or value.type ~= "grammar" or value.grammar then return grammar end
  return {
    type = "grammar", grammar = { syntax = value.syntax, definition = value.definition },
  }
end

-- Where a provider has no custom tools, one whose only argument is the input does the same.
local function custom_tool(out, tool)
  if out.traits.custom_tools then
    return {
      type = "custom",
      custom = {
        name = tool.name, description = tool.description, format = format_of(tool.grammar),
      },
    }
  end
  if tool.grammar then out.warn("the grammar of a tool") end
  return {
    type = "function",
    ["function"] = {
      name = tool.name, description = custom_tools.description(tool),
      parameters = core.raw(custom_tools.PARAMETERS),
    },
  }
end

local function function_tool(out, tool)
  if tool.cache and not out.traits.cache_control then out.warn("cache_control") end
  return {
    type = "function", cache_control = out.traits.cache_control and tool.cache or nil,
    ["function"] = {
      name = tool.name, description = tool.description, strict = tool.strict,
      parameters = tool.parameters or core.raw(NO_PARAMETERS),
    },
  }
end

local function server_tool(out, tool)
  if tool.dialect ~= DIALECT then return out.warn("the tool " .. (tool.what or "of a server")) end
  if not tool.is_option then return tool.value end
  out.body.web_search_options = tool.value
end

local TOOLS = { ["function"] = function_tool, custom = custom_tool, server = server_tool }

local function is_allowed(names, tool)
  if not names then return true end
  for _, name in ipairs(names) do
    if name == tool.name then return true end
  end
  return false
end

local function add_tools(out, rq)
  local choice, list = rq.tool_choice or {}, {}
  local names = choice.type == "allowed" and not out.traits.allowed_tools and choice.names or nil
  for _, tool in ipairs(rq.tools or {}) do
    local write = is_allowed(names, tool) and TOOLS[tool.type]
    if write then list[#list + 1] = write(out, tool) end
  end
  if #list == 0 then return false end
  out.body.tools = core.array(list)
  return true
end

local function is_custom(rq, name)
  for _, tool in ipairs(rq.tools or {}) do
    if tool.name == name then return tool.type == "custom" end
  end
  return false
end

local function named(out, rq, name)
  if is_custom(rq, name) and out.traits.custom_tools then
    return { type = "custom", custom = { name = name } }
  end
  return { type = "function", ["function"] = { name = name } }
end

local CHOICES = {
  auto = function() return "auto" end, none = function() return "none" end,
  required = function() return "required" end,
  tool = function(out, rq, choice) return named(out, rq, choice.name) end,
  allowed = function(out, rq, choice)
    if not out.traits.allowed_tools then return choice.mode or "auto" end
    local list = {}
    for i, name in ipairs(choice.names or {}) do list[i] = named(out, rq, name) end
    return {
      type = "allowed_tools",
      allowed_tools = { mode = choice.mode or "auto", tools = core.array(list) },
    }
  end,
}

local function is_forced(choice)
  return choice.type == "required" or choice.type == "tool" or choice.mode == "required"
end

-- Both are refused where there is no tool.
local function add_choice(out, rq)
  local choice = rq.tool_choice
  if choice and is_forced(choice) and out.traits.forced_tools == false then
    out.warn("tool_choice")
    choice = nil
  end
  local write = choice and CHOICES[choice.type]
  if write then out.body.tool_choice = write(out, rq, choice) end
  out.body.parallel_tool_calls = rq.parallel_tools
end

-- ---- the form of the answer ---------------------------------------------------------------------

-- A model that is only told to write JSON has to be told which.
local function ask_for_schema(out, format)
  local text = "Answer with one JSON value that fits this JSON schema, and nothing else:\n"
    .. canonical.json_text(format.schema)
  local role = out.traits.system_role or "system"
  table.insert(out.body.messages, 1, { role = role, content = text })
  out.warn("response_format.json_schema")
end

local function add_format(out, rq)
  local format = rq.response_format
  if not format then return end
  if format.type == "json_schema" and out.traits.structured ~= false then
    out.body.response_format = {
      type = "json_schema",
      json_schema = {
        name = format.name or "answer", schema = format.schema, strict = format.strict,
        description = format.description,
      },
    }
    return
  end
  if format.type == "json_schema" then ask_for_schema(out, format) end
  out.body.response_format = { type = format.type == "text" and "text" or "json_object" }
end

-- ---- thinking -----------------------------------------------------------------------------------

local function effort_of(out, said)
  local effort = said.effort or said.budget and canonical.effort_of(said.budget)
  if not effort and said.enabled == false then effort = "none" end
  local names = out.traits.efforts
  if not effort or not names then return effort end
  local name = names[effort]
  if name == nil then return effort end
  if name ~= effort then out.warn("reasoning effort " .. effort) end
  return name or nil
end

local function is_on(said)
  if said.enabled ~= nil then return said.enabled end
  if said.effort then return said.effort ~= "none" end
  if said.budget then return said.budget ~= 0 end
  return said.adaptive and true or nil
end

local REASONING = {}

-- To switch thinking off is an error for models that cannot: it has to be asked for by its word.
function REASONING.effort(out, said)
  local effort = effort_of(out, said)
  if said.enabled == false and not said.effort and not (out.traits.efforts or {}).none then
    effort = nil
  end
  out.body.reasoning_effort = effort
end

function REASONING.object(out, said)
  local exclude
  if said.show ~= nil then exclude = not said.show end
  local object = {
    effort = said.effort, max_tokens = not said.effort and said.budget or nil, exclude = exclude,
    enabled = said.enabled,
  }
  if said.adaptive and next(object) == nil then object.enabled = true end
  if next(object) then out.body.reasoning = object end
end

function REASONING.thinking(out, said)
  local on = is_on(said)
  if on ~= nil then
    out.body.thinking = { type = on and (out.traits.thinking_on or "enabled") or "disabled" }
  end
  if on and out.traits.efforts then
    out.body.reasoning_effort = effort_of(out, said)
  elseif on and (said.effort or said.budget) then
    out.warn("reasoning effort")
  end
end

function REASONING.enable_thinking(out, said)
  local on = is_on(said)
  if on ~= nil then out.body.enable_thinking = on end
  if on then
    out.body.thinking_budget = said.budget or said.effort and canonical.budget_of(said.effort)
  end
end

local function add_reasoning(out, rq)
  local said = rq.reasoning
  if not said then return end
  local how = out.traits.reasoning
  if how == nil then how = "effort" end
  local write = REASONING[how]
  if write then return write(out, said) end
  if is_on(said) then out.warn("reasoning") end
end

-- ---- the rest -----------------------------------------------------------------------------------

local PLAIN = {
  "temperature", "top_p", "seed", "n", "presence_penalty", "frequency_penalty", "logit_bias",
  "logprobs", "top_logprobs", "user", "safety_identifier", "metadata", "service_tier",
  "verbosity", "modalities", "store", "prompt_cache_key", "audio", "prediction",
}

local function add_plain(out, rq)
  local body = out.body
  for _, name in ipairs(PLAIN) do body[name] = rq[name] end
  body.max_completion_tokens = rq.max_tokens
  if rq.stop and #rq.stop > 0 then body.stop = core.array(canonical.copy(rq.stop)) end
  if rq.top_k and out.traits.top_k then
    body.top_k = rq.top_k
  elseif rq.top_k then
    out.warn("top_k")
  end
  if rq.cache and out.traits.cache_control then
    body.cache_control = rq.cache
  elseif rq.cache then
    out.warn("cache_control")
  end
  if rq.safety then out.warn("safety") end
end

--- Writes it.
-- @tparam table rq canonical request; not changed
-- @tparam table call { model, stream, traits, warn, ... }
-- @treturn table the body
function M.write(rq, call)
  local out = { traits = call.traits or {}, warn = call.warn or function() end, body = {} }
  local body = out.body
  body.model, body.stream = call.model, rq.stream and true or nil
  body.messages = turns.write(rq, out.traits, out.warn)
  if add_tools(out, rq) then add_choice(out, rq) end
  add_format(out, rq)
  add_reasoning(out, rq)
  add_plain(out, rq)
  sampling.fit(body, body.reasoning_effort, out.traits, out.warn)
  return body
end

return M
