-- A canonical request as a body for Cohere's chat. What models differ in comes as traits of their
-- family (adapters/dialects/README.md); what cannot be said is named with call.warn. Pure.
local canonical = require("tide.canonical")
local core = require("core")
local custom_tools = require("tide.custom_tools")
local turns = require("dialects.cohere-v2.turns")

local M = {}

local MOST_STOPS = 5

-- ---- tools --------------------------------------------------------------------------------------

local NO_PARAMETERS = '{"type":"object","properties":{}}'

local TOOLS = {
  ["function"] = function(out, tool)
    if tool.cache then out.warn("cache_control") end
    return {
      name = tool.name, description = tool.description,
      parameters = tool.parameters or core.raw(NO_PARAMETERS),
    }
  end,
  custom = function(out, tool)
    if tool.grammar then out.warn("the grammar of a tool") end
    return {
      name = tool.name, description = custom_tools.description(tool),
      parameters = core.raw(custom_tools.PARAMETERS),
    }
  end,
  server = function(out, tool)
    out.warn("the tool " .. (tool.what or "of a server"))
  end,
}

-- The names that may be called; nil: all of them.
local function allowed(choice)
  if choice.type ~= "tool" and choice.type ~= "allowed" then return nil end
  local names = {}
  for _, name in ipairs(choice.names or { choice.name }) do names[name] = true end
  return names
end

local function has_required(parameters)
  local value = core.is_raw(parameters) and core.decode(parameters.raw) or parameters
  return type(value) == "table" and type(value.required) == "table" and #value.required > 0
end

-- It is all tools or none, and each must insist on something.
local function add_strict(out, tools)
  local wanted, can = 0, true
  for _, tool in ipairs(tools) do
    if tool.strict then wanted = wanted + 1 end
    can = can and has_required(tool.parameters)
  end
  if wanted == 0 then return end
  if wanted == #tools and can then
    out.body.strict_tools = true
  else
    out.warn("strict of tools")
  end
end

local CHOICES = { none = "NONE", required = "REQUIRED", tool = "REQUIRED" }

local function add_choice(out, choice)
  local kind = choice.type
  if kind == "allowed" then kind = choice.mode end
  local word = CHOICES[kind]
  if word and out.traits.tool_choice == false then
    out.warn("tool_choice")
  else
    out.body.tool_choice = word
  end
end

local function wants_json(rq)
  return rq.response_format ~= nil and rq.response_format.type ~= "text"
end

-- With tools there is no JSON mode; and older models cannot be told to leave them.
local function leaves_tools(out, rq)
  local choice = rq.tool_choice
  return choice ~= nil and choice.type == "none"
    and (wants_json(rq) or out.traits.tool_choice == false)
end

local function add_tools(out, rq)
  if leaves_tools(out, rq) then return end
  local choice = rq.tool_choice or {}
  local names, list, told = allowed(choice), core.array({}), {}
  for _, tool in ipairs(rq.tools or {}) do
    local write = (not names or not tool.name or names[tool.name]) and TOOLS[tool.type]
    local made = write and write(out, tool)
    if made then
      list[#list + 1], told[#told + 1] = { type = "function", ["function"] = made }, tool
    end
  end
  if #list == 0 then return end
  out.body.tools = list
  add_strict(out, told)
  add_choice(out, choice)
  if rq.parallel_tools == false then out.warn("parallel_tool_calls") end
end

-- ---- the form of the answer ---------------------------------------------------------------------

local JSON_ONLY = "Answer with one JSON object and nothing else: no other text, no code fence."

-- Where the API refuses a format beside tools or documents, the model is asked for it.
local function ask_for(out, format)
  local text = JSON_ONLY
  if format.schema then
    text = text .. " Its JSON schema is " .. canonical.json_text(format.schema)
  end
  local messages = out.body.messages
  local first = messages[1]
  if first.role == "system" and type(first.content) == "string" then
    messages[1] = { role = "system", content = first.content .. "\n\n" .. text }
  else
    table.insert(messages, 1, { role = "system", content = text })
  end
  out.warn("response_format beside tools (an instruction asks for it)")
end

local function add_format(out, rq)
  if not wants_json(rq) then return end
  local format = rq.response_format
  if out.body.tools or out.body.documents then return ask_for(out, format) end
  out.body.response_format = { type = "json_object", json_schema = format.schema }
end

-- ---- thinking -----------------------------------------------------------------------------------

local UNBOUNDED = { high = true, xhigh = true, max = true }

local function is_off(said)
  return said.enabled == false or said.effort == "none" or said.budget == 0
end

-- A budget that leaves some of what may be written for the answer.
local function budget_of(said, rq)
  local budget = said.budget
  if budget and budget < 0 then budget = nil end
  if not budget and said.effort and not UNBOUNDED[said.effort] then
    budget = canonical.budget_of(said.effort)
  end
  if budget and not said.budget and rq.max_tokens and budget >= rq.max_tokens then
    budget = math.max(math.floor(rq.max_tokens * 0.8), 1)
  end
  return budget
end

local function is_on(said)
  return not is_off(said) and (said.enabled or said.effort or said.budget or said.adaptive) ~= nil
end

local function add_thinking(out, rq)
  local said = rq.reasoning
  if not said then return end
  if out.traits.thinking == false then
    if is_on(said) then out.warn("reasoning") end
  elseif is_off(said) then
    out.body.thinking = { type = "disabled" }
  elseif is_on(said) then
    out.body.thinking = { type = "enabled", token_budget = budget_of(said, rq) }
  end
end

-- ---- the rest -----------------------------------------------------------------------------------

local function add_stop(out, rq)
  if not rq.stop or #rq.stop == 0 then return end
  local list = core.array({})
  for i = 1, math.min(#rq.stop, MOST_STOPS) do list[i] = rq.stop[i] end
  if #rq.stop > MOST_STOPS then out.warn("stop sequences after the fifth") end
  out.body.stop_sequences = list
end

-- 0 asks for nothing, and only one of the two may be there.
local function add_penalties(out, rq)
  local frequency, presence = rq.frequency_penalty, rq.presence_penalty
  if frequency == 0 then frequency = nil end
  if presence == 0 then presence = nil end
  if frequency and presence then
    out.warn("presence_penalty beside frequency_penalty")
    presence = nil
  end
  out.body.frequency_penalty, out.body.presence_penalty = frequency, presence
end

-- What the API has no word for. A value that asks for nothing is no loss.
local UNKNOWN = {
  "user", "safety_identifier", "logit_bias", "top_logprobs", "verbosity", "prediction", "audio",
  "safety", "prompt_cache_key", "store", "metadata", "service_tier", "cache",
}
local NOTHING = { [0] = true, [false] = true, auto = true, default = true }

local function warn_of_rest(out, rq)
  for _, name in ipairs(UNKNOWN) do
    local value = rq[name]
    if value ~= nil and not NOTHING[value] then
      out.warn(name == "cache" and "cache_control" or name)
    end
  end
  if rq.n and rq.n > 1 then out.warn("n") end
  for _, name in ipairs(rq.modalities or {}) do
    if name ~= "text" then out.warn("modality " .. tostring(name)) end
  end
end

--- The body for a provider.
-- @tparam table rq canonical; not changed
-- @tparam table call { model, stream, traits, warn, ... }
function M.encode(rq, call)
  local out = {
    traits = call.traits or {}, warn = call.warn or function() end, body = {},
    takes_documents = not wants_json(rq),
  }
  local body = out.body
  turns.write(rq, out)
  body.model, body.stream, body.messages = call.model, rq.stream == true, out.messages
  if #out.documents > 0 then body.documents = out.documents end
  add_tools(out, rq)
  add_format(out, rq)
  add_thinking(out, rq)
  body.max_tokens, body.temperature, body.seed = rq.max_tokens, rq.temperature, rq.seed
  body.p, body.k = rq.top_p, rq.top_k
  body.logprobs = rq.logprobs or nil
  add_penalties(out, rq)
  add_stop(out, rq)
  warn_of_rest(out, rq)
  return body
end

return M
