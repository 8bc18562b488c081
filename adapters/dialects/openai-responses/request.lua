-- The canonical request as a body for /v1/responses, stateless. Pure.
--
-- Traits of the model's family that count here:
--   encrypted_reasoning = true    asks for encrypted reasoning, so that the next turn can have it
--                                 back; without it, only when the conversation has some or asks for
--                                 reasoning
--   reasoning_text = true         takes reasoning back as plain text
--   efforts, reasoning = false, sampling, default_effort     as those of openai-chat
--   cache_breakpoints = true      takes the places where the prompt is to be cached
local canonical = require("tide.canonical")
local core = require("core")
local items = require("dialects.openai-responses.history")
local sampling = require("tide.sampling")

local M = {}

local LEAST_TOKENS = 16

local NOTHING = {}

local NO_PARAMETERS = '{"type":"object","properties":{}}'

-- What the protocol has no place for.
local UNKNOWN = {
  "stop", "seed", "presence_penalty", "frequency_penalty", "logit_bias", "top_k", "prediction",
  "audio", "safety",
}

-- ---- tools --------------------------------------------------------------------------------------

-- Chat completions have an object around it.
local function grammar_of(grammar)
  if not grammar then return nil end
  local value = core.is_raw(grammar) and core.decode(grammar.raw) or grammar
  local inner = type(value) == "table" and value.grammar
  if type(inner) ~= "table" then return grammar end
  return { type = "grammar", syntax = inner.syntax, definition = inner.definition }
end

local function tool_of(tool, call)
  if tool.cache then call.warn("cache_control") end
  if tool.type == "function" then
    return {
      type = "function", name = tool.name, description = tool.description,
      parameters = tool.parameters or core.raw(NO_PARAMETERS), strict = tool.strict == true,
    }
  end
  if tool.type == "custom" then
    return {
      type = "custom", name = tool.name, description = tool.description,
      format = grammar_of(tool.grammar),
    }
  end
  if tool.dialect == "openai-responses" then return tool.value end
  call.warn("tool " .. tostring(tool.what))
end

local function tools_of(rq, call)
  if not rq.tools then return nil end
  local tools = core.array({})
  for _, tool in ipairs(rq.tools) do tools[#tools + 1] = tool_of(tool, call) end
  return #tools > 0 and tools or nil
end

local function type_of_tool(rq, name)
  for _, tool in ipairs(rq.tools or {}) do
    if tool.name == name and tool.type == "custom" then return "custom" end
  end
  return "function"
end

local function choice_of(rq)
  local choice = rq.tool_choice
  if not choice then return nil end
  if choice.type == "tool" then
    return { type = type_of_tool(rq, choice.name), name = choice.name }
  end
  if choice.type ~= "allowed" then return choice.type end
  local tools = core.array({})
  for i, name in ipairs(choice.names or {}) do
    tools[i] = { type = type_of_tool(rq, name), name = name }
  end
  return { type = "allowed_tools", mode = choice.mode or "auto", tools = tools }
end

-- ---- the form of the answer ---------------------------------------------------------------------

local function format_of(wanted)
  if not wanted or wanted.type == "text" then return nil end
  if wanted.type == "json" then return { type = "json_object" } end
  return {
    type = "json_schema", name = wanted.name or "answer", description = wanted.description,
    schema = wanted.schema or core.raw('{"type":"object"}'), strict = wanted.strict,
  }
end

local function text_of(rq)
  local format = format_of(rq.response_format)
  if format or rq.verbosity then return { format = format, verbosity = rq.verbosity } end
end

-- To switch thinking off is an error for models that cannot: it has to be asked for by its word.
local function effort_of(wanted, traits, warn)
  local names = traits.efforts or NOTHING
  local effort = wanted.effort or wanted.budget and canonical.effort_of(wanted.budget)
  local is_off = wanted.enabled == false or wanted.budget == 0
  if is_off and not wanted.effort then effort = names.none and "none" end
  if not effort then return nil end
  local name = names[effort]
  if name == nil then return effort end
  if name ~= effort then warn("reasoning effort " .. effort) end
  return name or nil
end

local function reasoning_of(rq, call)
  local wanted = rq.reasoning
  if not wanted then return nil end
  if call.traits.reasoning == false then
    if wanted.effort ~= "none" and wanted.enabled ~= false then call.warn("reasoning") end
    return nil
  end
  local effort = effort_of(wanted, call.traits, call.warn)
  local summary = wanted.summary or (wanted.show and "auto") or nil
  if summary == "none" then summary = nil end
  if effort or summary then return { effort = effort, summary = summary } end
end

local function include_of(rq, call, is_sealed, effort)
  local include = core.array({})
  if call.traits.encrypted_reasoning ~= false
    and (call.traits.encrypted_reasoning or rq.reasoning or is_sealed) then
    include[1] = "reasoning.encrypted_content"
  end
  if rq.logprobs and not sampling.is_free(effort, call.traits) then
    call.warn("logprobs")
  elseif rq.logprobs then
    include[#include + 1] = "message.output_text.logprobs"
  end
  return #include > 0 and include or nil
end

-- ---- the rest -----------------------------------------------------------------------------------

local function has_audio(modalities)
  for _, name in ipairs(modalities or {}) do
    if name ~= "text" then return true end
  end
end

local function warn_of_the_lost(rq, call)
  for _, name in ipairs(UNKNOWN) do
    if rq[name] ~= nil then call.warn(name) end
  end
  if rq.n and rq.n ~= 1 then call.warn("n") end
  if has_audio(rq.modalities) then call.warn("modalities") end
  if rq.cache then call.warn("cache_control") end
  if rq.store then call.warn("store") end
end

local function limit_of(tokens, warn)
  if not tokens or tokens >= LEAST_TOKENS then return tokens end
  warn("max_tokens below " .. LEAST_TOKENS)
  return LEAST_TOKENS
end

--- The body, to be encoded.
function M.request(rq, call)
  local input, is_sealed = items.input(rq, call)
  local tools, reasoning = tools_of(rq, call), reasoning_of(rq, call)
  local effort = reasoning and reasoning.effort
  local instructions = items.instructions(rq, call)
  if #input == 0 and instructions then -- something must be said
    input[1] = { type = "message", role = "developer", content = instructions }
    instructions = nil
  end
  local body = {
    model = call.model, input = input, instructions = instructions,
    stream = rq.stream or nil, store = false, include = include_of(rq, call, is_sealed, effort),
    tools = tools, text = text_of(rq),
    reasoning = reasoning, max_output_tokens = limit_of(rq.max_tokens, call.warn),
    temperature = rq.temperature, top_p = rq.top_p, top_logprobs = rq.top_logprobs,
    service_tier = rq.service_tier, metadata = rq.metadata, user = rq.user,
    safety_identifier = rq.safety_identifier,
    prompt_cache_key = rq.prompt_cache_key,
  }
  if tools then
    body.tool_choice, body.parallel_tool_calls = choice_of(rq), rq.parallel_tools
  end
  sampling.fit(body, effort, call.traits, call.warn)
  warn_of_the_lost(rq, call)
  return body
end

return M
