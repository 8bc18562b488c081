-- A canonical request as a body of /api/chat. What models differ in comes as traits
-- (adapters/dialects/README.md); what cannot be said is named with call.warn. Pure.
local canonical = require("tide.canonical")
local core = require("core")
local custom_tools = require("tide.custom_tools")
local turns = require("dialects.ollama.turns")

local M = {}

--- Whether a part with an address must come as data: Ollama fetches nothing.
function M.needs_bytes(part)
  return part.type ~= "video"
end

-- ---- tools --------------------------------------------------------------------------------------

local NO_PARAMETERS = '{"type":"object","properties":{}}'

local TOOLS = {
  ["function"] = function(tool, call)
    if tool.strict then call.warn("tools.strict") end
    if tool.cache then call.warn("cache_control") end
    return tool.description, tool.parameters or core.raw(NO_PARAMETERS)
  end,
  custom = function(tool, call)
    if tool.grammar then call.warn("the grammar of a tool") end
    return custom_tools.description(tool), core.raw(custom_tools.PARAMETERS)
  end,
}

-- There is no choice of tools: one that must not be called is not declared, and nothing more can be
-- done for one that must.
local function wanted_tools(rq, call)
  local choice = rq.tool_choice
  if not choice or choice.type == "auto" then return nil end
  if choice.type == "none" then return {} end
  if choice.type ~= "allowed" or choice.mode == "required" then call.warn("tool_choice") end
  local names = choice.type == "tool" and { choice.name } or choice.names
  if not names then return nil end
  local set = {}
  for _, name in ipairs(names) do set[name] = true end
  return set
end

local function tools_of(rq, call)
  if not rq.tools then return nil end
  local list, wanted = core.array({}), wanted_tools(rq, call)
  for _, tool in ipairs(rq.tools) do
    local read = TOOLS[tool.type]
    if not read then
      call.warn("tools." .. (tool.what or tool.name or tostring(tool.type)))
    elseif not wanted or wanted[tool.name] then
      local description, parameters = read(tool, call)
      list[#list + 1] = {
        type = "function",
        ["function"] = { name = tool.name, description = description, parameters = parameters },
      }
    end
  end
  if rq.parallel_tools == false and #list > 0 then call.warn("parallel_tool_calls") end
  return #list > 0 and list or nil
end

-- ---- thinking -----------------------------------------------------------------------------------

local LEVELS = { "low", "medium", "high", "max" }
local RANKS = { minimal = 1, low = 1, medium = 2, high = 3, xhigh = 4, max = 4 }

-- The level asked for, or the nearest lower one that the model has.
local function level_of(effort, levels, call)
  local best
  for _, level in ipairs(levels) do
    if RANKS[level] <= RANKS[effort] then best = level end
  end
  best = best or levels[1]
  if RANKS[best] ~= RANKS[effort] then call.warn("reasoning effort " .. effort) end
  return best
end

local function switched_off(traits, call)
  if traits.thinking_off ~= false then return false end
  call.warn("reasoning effort none")
  return (traits.levels or LEVELS)[1]
end

local function switched_on(effort, traits, call)
  if traits.thinking == "boolean" then return true end
  if effort then return level_of(effort, traits.levels or LEVELS, call) end
  if traits.thinking ~= "level" then return true end
end

local function effort_of(reasoning)
  local budget = reasoning.budget
  if reasoning.enabled == false or budget == 0 then return "none" end
  if reasoning.effort then return reasoning.effort end
  return budget and budget > 0 and canonical.effort_of(budget) or nil
end

-- true, false, or a level; nil: as the model does by itself.
local function think_of(reasoning, call)
  local traits, effort = call.traits or {}, effort_of(reasoning)
  local is_off, level = effort == "none", RANKS[effort] and effort
  local is_on = level or not is_off and (reasoning.enabled or reasoning.adaptive)
  if traits.thinking == false then
    if is_on then call.warn("reasoning") end
    return nil
  end
  if is_off then return switched_off(traits, call) end
  if is_on then return switched_on(level, traits, call) end
end

-- ---- settings -----------------------------------------------------------------------------------

local SAME = {
  "temperature", "top_p", "top_k", "seed", "presence_penalty", "frequency_penalty",
}

-- What only a client of Ollama can say of how the model runs.
local function add_own(options, rq, call)
  if call.client_dialect ~= "ollama" then return end
  for name, value in pairs(rq.ext or {}) do
    local inner = name:match("^options%.(.+)$")
    if inner then options[inner] = value end
  end
end

-- Of a family first, then what the request says, then what only a client of Ollama can say.
local function options_of(rq, call)
  local options = canonical.copy((call.traits or {}).options or {})
  options.num_predict = rq.max_tokens or options.num_predict
  for _, name in ipairs(SAME) do
    if rq[name] ~= nil then options[name] = rq[name] end
  end
  if rq.stop and #rq.stop > 0 then options.stop = core.array(canonical.copy(rq.stop)) end
  add_own(options, rq, call)
  return next(options) ~= nil and options or nil
end

local function format_of(rq)
  local format = rq.response_format
  if not format or format.type == "text" then return nil end
  return format.type == "json_schema" and format.schema or "json"
end

local UNKNOWN = {
  "logit_bias", "user", "safety_identifier", "verbosity", "prompt_cache_key", "cache", "audio",
  "prediction", "metadata", "safety",
}

-- A client that asks for text alone, or for the usual tier, asks for nothing.
local function warn_of_unknown(rq, call)
  for _, name in ipairs(UNKNOWN) do
    if rq[name] ~= nil then call.warn(name) end
  end
  for _, name in ipairs(rq.modalities or {}) do
    if name ~= "text" then call.warn("modalities") end
  end
  if rq.store then call.warn("store") end
  local tier = rq.service_tier
  if tier and tier ~= "auto" and tier ~= "default" then call.warn("service_tier") end
end

-- What /api/generate has and /api/chat has not.
local function warn_of_generate(rq, call)
  if call.client_dialect ~= "ollama" then return end
  for _, name in ipairs({ "suffix", "template", "raw", "context" }) do
    if rq.ext and rq.ext[name] ~= nil then call.warn(name) end
  end
end

--- encode_request of the dialect.
-- @tparam table rq
-- @tparam table call its traits: `thinking`, `thinking_off`, `levels`, `options`
-- @treturn table body
function M.encode(rq, call)
  local body = {
    model = call.model, stream = rq.stream and true or false,
    messages = turns.messages(rq, call), tools = tools_of(rq, call),
    options = options_of(rq, call), format = format_of(rq),
    logprobs = (rq.logprobs or (rq.top_logprobs or 0) > 0) and true or nil,
    top_logprobs = rq.top_logprobs,
  }
  if rq.reasoning then body.think = think_of(rq.reasoning, call) end
  warn_of_unknown(rq, call)
  warn_of_generate(rq, call)
  return body
end

return M
