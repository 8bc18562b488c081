-- A canonical request as the body of generateContent. Pure.
local core = require("core")
local custom_tools = require("tide.custom_tools")
local media = require("dialects.gemini.media")
local schema = require("dialects.gemini.schema")
local thinking = require("dialects.gemini.thinking")
local turns = require("dialects.gemini.turns")

local M = { needs_bytes = media.needs_bytes }

-- ---- schemas ------------------------------------------------------------------------------------

-- In the older kind; what it cannot say is named.
local function older_schema(given, call, where)
  local dropped = {}
  local result = schema.to_openapi(given, dropped)
  local names = {}
  for name in pairs(dropped) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do call.warn(where .. "." .. name) end
  return result
end

local function is_older(call)
  return (call.traits or {}).schema == "openapi"
end

-- ---- tools --------------------------------------------------------------------------------------

local function declaration(tool, call)
  local declared = { name = tool.name, description = tool.description }
  if tool.strict then call.warn("tools.strict") end
  if tool.cache then call.warn("cache_control") end
  if not tool.parameters then return declared end
  if is_older(call) then
    declared.parameters = older_schema(tool.parameters, call, "tools.parameters")
  else
    declared.parametersJsonSchema = tool.parameters
  end
  return declared
end

local function set_of(names)
  local set = {}
  for _, name in ipairs(names) do set[name] = true end
  return set
end

-- Before 2.5 a choice of tools can only be made by not declaring the others.
local function filter_of(rq, call)
  local choice = rq.tool_choice
  if choice and choice.type == "allowed" and choice.mode ~= "required" and is_older(call) then
    return set_of(choice.names)
  end
end

-- With JSON as the answer no tool may be declared before Gemini 3; one that must not be called is
-- not missed.
local function needs_no_tools(rq, call)
  local choice, format = rq.tool_choice, rq.response_format
  return choice and choice.type == "none" and format and format.type ~= "text"
    and (call.traits or {}).schema_with_tools == false
end

local function custom_declaration(tool, call)
  if tool.grammar then call.warn("the grammar of a tool") end
  return declaration({
    name = tool.name, description = custom_tools.description(tool),
    parameters = core.raw(custom_tools.PARAMETERS),
  }, call)
end

local function write_tool(tool, call, declared, tools)
  if tool.type == "function" then
    declared[#declared + 1] = declaration(tool, call)
  elseif tool.type == "custom" then
    declared[#declared + 1] = custom_declaration(tool, call)
  elseif tool.type == "server" and tool.dialect == "gemini" then
    tools[#tools + 1] = tool.value
  else
    call.warn("tools." .. (tool.what or tool.name or tool.type))
  end
end

local function write_tools(rq, call)
  if not rq.tools or needs_no_tools(rq, call) then return nil end
  local declared, tools, filter = core.array({}), core.array({}), filter_of(rq, call)
  for _, tool in ipairs(rq.tools) do
    if not (filter and tool.type ~= "server") or filter[tool.name] then
      write_tool(tool, call, declared, tools)
    end
  end
  if #declared > 0 then table.insert(tools, 1, { functionDeclarations = declared }) end
  return #tools > 0 and tools or nil, #declared > 0
end

local MODES = { auto = "AUTO", none = "NONE", required = "ANY" }

local function calling_config(choice, call)
  if choice.type == "tool" then
    return { mode = "ANY", allowedFunctionNames = core.array({ choice.name }) }
  end
  if choice.type == "allowed" then
    local mode = choice.mode == "required" and "ANY" or "VALIDATED"
    if mode == "VALIDATED" and is_older(call) then return { mode = "AUTO" } end
    return { mode = mode, allowedFunctionNames = core.array({ unpack(choice.names) }) }
  end
  return MODES[choice.type] and { mode = MODES[choice.type] }
end

-- ---- settings -----------------------------------------------------------------------------------

local STOPS = 5

local function write_stop(config, rq, call)
  if not rq.stop or #rq.stop == 0 then return end
  config.stopSequences = core.array({})
  for i = 1, math.min(#rq.stop, STOPS) do config.stopSequences[i] = rq.stop[i] end
  if #rq.stop > STOPS then call.warn("stop") end
end

local function write_format(config, rq, call, has_functions)
  local format = rq.response_format
  if not format or format.type == "text" then return end
  if has_functions and (call.traits or {}).schema_with_tools == false then
    return call.warn("response_format")
  end
  config.responseMimeType = "application/json"
  if format.type ~= "json_schema" or not format.schema then return end
  if is_older(call) then
    config.responseSchema = older_schema(format.schema, call, "response_format")
  else
    config.responseJsonSchema = format.schema
  end
end

local function write_choices(config, rq, call)
  if not rq.n or rq.n <= 1 then return end
  if rq.stream then call.warn("n") else config.candidateCount = rq.n end
end

local function write_logprobs(config, rq)
  if not (rq.logprobs or rq.top_logprobs) then return end
  config.responseLogprobs = true
  if rq.top_logprobs and rq.top_logprobs > 0 then config.logprobs = rq.top_logprobs end
end

local function write_modalities(config, rq)
  if not rq.modalities then return end
  config.responseModalities = core.array({})
  for i, name in ipairs(rq.modalities) do config.responseModalities[i] = name:upper() end
end

local function write_penalties(config, rq, call)
  if (call.traits or {}).penalties == false then
    if rq.presence_penalty then call.warn("presence_penalty") end
    if rq.frequency_penalty then call.warn("frequency_penalty") end
    return
  end
  config.presencePenalty, config.frequencyPenalty = rq.presence_penalty, rq.frequency_penalty
end

local function settings(rq, call, has_functions)
  local config = {
    maxOutputTokens = rq.max_tokens, topP = rq.top_p, topK = rq.top_k, seed = rq.seed,
    temperature = rq.temperature and math.min(math.max(rq.temperature, 0), 2) or nil,
  }
  write_stop(config, rq, call)
  write_format(config, rq, call, has_functions)
  write_choices(config, rq, call)
  write_logprobs(config, rq)
  write_modalities(config, rq)
  write_penalties(config, rq, call)
  if rq.reasoning then config.thinkingConfig = thinking.config(rq.reasoning, call) end
  return config
end

-- ---- the rest -----------------------------------------------------------------------------------

local TIERS = { default = "standard", flex = "flex", priority = "priority" }

local function write_tier(body, rq, call)
  local tier = rq.service_tier
  if not tier or tier == "auto" then return end
  if TIERS[tier] and (call.traits or {}).service_tier ~= false then
    body.serviceTier = TIERS[tier]
  elseif tier ~= "default" then
    call.warn("service_tier")
  end
end

-- Vertex has labels: short, lower-case texts.
local function write_labels(body, rq, call)
  if not rq.metadata or next(rq.metadata) == nil then return end
  if not (call.traits or {}).labels then return call.warn("metadata") end
  local labels = {}
  for name, value in pairs(rq.metadata) do
    local fits = type(value) == "string" and #value < 64 and value:find("^[%l%d_-]*$")
      and #name < 64 and name:find("^%l[%l%d_-]*$")
    if fits then labels[name] = value else call.warn("metadata." .. tostring(name)) end
  end
  if next(labels) then body.labels = labels end
end

local UNKNOWN = {
  "logit_bias", "user", "safety_identifier", "verbosity", "prompt_cache_key", "cache", "audio",
  "prediction",
}

local function warn_of_unknown(rq, call)
  for _, name in ipairs(UNKNOWN) do
    if rq[name] ~= nil then call.warn(name) end
  end
  if rq.store then call.warn("store") end
  if rq.parallel_tools == false then call.warn("parallel_tool_calls") end
end

-- A cache holds the instruction and the tools: they must not be sent again.
local function use_cache(body, name)
  body.cachedContent = name
  body.systemInstruction, body.tools, body.toolConfig = nil, nil, nil
end

local EXTENSIONS = { cachedContent = true, cached_content = true, google = true }

local function google_extension(body, value)
  if type(value) ~= "table" or core.is_raw(value) then return end
  if type(value.thinking_config) == "table" then
    body.generationConfig.thinkingConfig = value.thinking_config
  end
  return value.cached_content
end

local function place(body, name, value)
  local outer, inner = name:match("^(%w+)%.(.+)$")
  if not outer then
    body[name] = value
  else
    body[outer] = body[outer] or {}
    body[outer][inner] = value
  end
end

-- Members that no other dialect knows go back only to where they come from (the client of another
-- one is warned of them by the gateway); a cache, and what Google's own clients of other dialects
-- write, are understood from anywhere.
local function write_extensions(body, rq, call)
  local ext = rq.ext
  if not ext then return end
  local cache = ext.cachedContent or ext.cached_content or google_extension(body, ext.google)
  if call.client_dialect == "gemini" then
    for name, value in pairs(ext) do
      if not EXTENSIONS[name] then place(body, name, value) end
    end
  end
  if type(cache) == "string" then use_cache(body, cache) end
end

--- encode_request of the dialect. The traits of a model that it knows, besides those of
-- gemini_turns and gemini_thinking: `schema` = "openapi" (before 2.5), `schema_with_tools` = false
-- (before Gemini 3), `penalties` = false, `service_tier` = false and `labels` = true (Vertex).
-- @tparam table rq
-- @tparam table call
-- @treturn table body
function M.encode(rq, call)
  local tools, has_functions = write_tools(rq, call)
  local contents, instruction = turns.contents(rq, call)
  local body = {
    systemInstruction = instruction, contents = contents, tools = tools,
    safetySettings = rq.safety,
    generationConfig = settings(rq, call, has_functions),
  }
  local calling = has_functions and rq.tool_choice and calling_config(rq.tool_choice, call)
  if calling then body.toolConfig = { functionCallingConfig = calling } end
  write_tier(body, rq, call)
  write_labels(body, rq, call)
  write_extensions(body, rq, call)
  warn_of_unknown(rq, call)
  if next(body.generationConfig) == nil then body.generationConfig = nil end
  return body
end

return M
