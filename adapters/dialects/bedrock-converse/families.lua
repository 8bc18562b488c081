-- What is peculiar about each of the models on Bedrock. They are called by their maker and name,
-- with a region before it ("us.", "global."), or by an ARN that has that in it; what stands behind
-- an ARN of another kind nobody knows. Pure.
local claude = require("dialects.anthropic-messages.families")

local M = {}

-- ---- Claude -------------------------------------------------------------------------------------

-- Models that Bedrock's copy of the Messages API has no structured output for: those of before, and
-- those that came after it was made, which are the ones that take no sampling either.
local function is_structured(traits, first)
  return traits.structured ~= false and traits.sampling ~= "none" and first ~= "claude-opus-4-1*"
end

local function of_claude(traits, patterns)
  local first = patterns[1]
  local thinks = traits.thinking ~= "none"
  traits.structured = is_structured(traits, first)
  traits.cache = thinks and "all" or nil
  traits.cache_ttl = traits.sampling ~= nil and first ~= "claude-opus-4-1*" or nil
  traits.signatures, traits.parallel, traits.citations = "anthropic", "tool_choice", thinks
  traits.result_media, traits.result_status = true, true
  if traits.forced_tools == false then traits.tool_choice = "auto" end
  traits.forced_tools = nil
  return traits
end

local function on_bedrock(pattern)
  return "*anthropic." .. pattern
end

-- ---- the others ---------------------------------------------------------------------------------

-- What most have in common: nothing that Claude signed, and the user has the last word.
local function traits(more)
  local result = { signatures = false, prefill = false }
  for name, value in pairs(more) do result[name] = value end
  return result
end

local function open_weights(more)
  local result = traits({ structured = true, images = false, documents = false })
  for name, value in pairs(more or {}) do result[name] = value end
  return result
end

local function nova(more)
  local result = traits({
    top_k = "nova", cache = "messages", result_media = true, result_status = true, video = true,
  })
  for name, value in pairs(more or {}) do result[name] = value end
  return result
end

local function mistral(more)
  local result = traits({
    tool_ids = { exact = 9 }, tool_results = "json", tool_choice = "any", images = false,
  })
  for name, value in pairs(more or {}) do result[name] = value end
  return result
end

local SILENT = { tools = false, images = false }

local function text_only(more)
  local result = traits(SILENT)
  for name, value in pairs(more or {}) do result[name] = value end
  return result
end

local OTHERS = {
  { models = { "*amazon.nova-2-omni-*" }, traits = nova({ thinking = "nova", audio = true }) },
  {
    models = { "*amazon.nova-2-*" }, reasoning = true, traits = nova({ thinking = "nova" }),
  },
  { models = { "*amazon.nova-micro*" }, traits = nova({ images = false, documents = false,
    video = false }) },
  { models = { "*amazon.nova-*" }, traits = nova() },
  { models = { "*amazon.titan-*" }, traits = text_only({ system = false, documents = false }) },
  {
    models = { "*openai.gpt-oss-*" }, reasoning = true,
    traits = open_weights({ thinking = "effort", stop = false }),
  },
  {
    models = { "*openai.*" }, reasoning = true,
    traits = traits({
      thinking = "reasoning", sampling = "none", stop = false, signatures = "bedrock",
      structured = true,
    }),
  },
  {
    models = { "*meta.llama4-*", "*meta.llama3-2-11b-*", "*meta.llama3-2-90b-*" },
    traits = traits({ tool_choice = "auto", stop = false }),
  },
  {
    models = { "*meta.llama3-1-*", "*meta.llama3-3-*" },
    traits = traits({ tool_choice = "auto", stop = false, images = false }),
  },
  { models = { "*meta.llama*" }, traits = text_only({ stop = false }) },
  {
    models = { "*mistral.mistral-7b-*", "*mistral.mixtral-*" },
    traits = text_only({ system = false }),
  },
  { models = { "*mistral.pixtral-*" }, traits = mistral({ images = true }) },
  {
    models = { "*mistral.mistral-large-3-*", "*mistral.ministral-*", "*mistral.magistral-*",
      "*mistral.voxtral-*", "*mistral.devstral-*" },
    traits = mistral({ structured = true, images = true }),
  },
  { models = { "*mistral.*" }, traits = mistral() },
  {
    models = { "*cohere.command-r-*", "*cohere.command-a-*" },
    traits = traits({ tool_choice = false, images = false, top_k = "k" }),
  },
  { models = { "*cohere.*" }, traits = text_only({ system = false, top_k = "k" }) },
  { models = { "*ai21.jamba-*" }, traits = traits({ tool_choice = "auto", images = false }) },
  { models = { "*deepseek.r1-*" }, reasoning = true, traits = text_only() },
  { models = { "*deepseek.*" }, reasoning = true, traits = open_weights({ tool_choice = "any" }) },
  {
    models = { "*moonshot*" }, reasoning = true,
    traits = open_weights({ thinking = "effort" }),
  },
  {
    models = { "*google.gemma-*", "*qwen.qwen3-vl-*" }, traits = open_weights({ images = true }),
  },
  {
    models = { "*qwen.*", "*minimax.*", "*nvidia.*", "*zai.*" }, traits = open_weights(),
  },
  { models = { "*writer.*" }, traits = traits({ tool_choice = "auto", images = false }) },
}

--- `families` of an adapter whose provider serves these models.
function M.list()
  local list = {
    { models = { "*titan-embed-image*" }, traits = { embed = "titan_image" } },
    { models = { "*titan-embed-text-v2*" }, traits = { embed = "titan" } },
    {
      models = { "*titan-embed*" }, traits = { embed = "titan", embed_dimensions = false },
    },
    { models = { "*nova*embeddings*" }, traits = { embed = "nova" } },
    {
      models = { "*cohere.embed-v4*" }, ops = { embed = { batch = 96 } },
      traits = { embed = "cohere", embed_sides = true },
    },
    {
      models = { "*cohere.embed*" }, ops = { embed = { batch = 96 } },
      traits = { embed = "cohere" },
    },
    {
      models = { "*anthropic.claude-v2*", "*anthropic.claude-instant*" },
      traits = text_only({ thinking = "none", prefill = true, max_tokens = 4096 }),
    },
  }
  for _, family in ipairs(claude.list(on_bedrock, of_claude, false)) do list[#list + 1] = family end
  for _, family in ipairs(OTHERS) do list[#list + 1] = family end
  return list
end

return M
