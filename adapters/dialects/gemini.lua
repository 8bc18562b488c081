-- Google's generateContent, as the Gemini API and Vertex AI speak it. What it says of requests and
-- answers is in gemini/.
local answer = require("dialects.gemini.answer")
local client = require("dialects.gemini.client")
local embed = require("dialects.gemini.embed")
local errors = require("dialects.gemini.errors")
local members = require("dialects.gemini.members")
local reply = require("dialects.gemini.reply")
local request = require("dialects.gemini.request")

-- What a client may do with any model here.
local METHODS = { "generateContent", "streamGenerateContent", "countTokens", "embedContent" }

local function show_model(model)
  return {
    name = "models/" .. model.id, baseModelId = model.id, version = "1", displayName = model.id,
    description = model.owned_by and "served by " .. model.owned_by or nil,
    inputTokenLimit = model.context, outputTokenLimit = model.max_output,
    supportedGenerationMethods = tide.json.array(METHODS),
  }
end

local PART = "candidates[].content.parts[]."

return tide.dialect {
  name = "gemini",
  watch = {
    content = {
      PART .. "text", PART .. "functionCall", PART .. "inlineData", PART .. "fileData",
      PART .. "executableCode", PART .. "codeExecutionResult", PART .. "toolCall",
      PART .. "toolResponse",
    },
    -- A prompt that is refused has no candidates: its reason ends the whole.
    finish = { "candidates[].finishReason", "promptFeedback.blockReason" },
    usage = { "usageMetadata" },
    error = { "error" },
    choices = "candidates[]",
    index = "candidates[].index",
  },
  usage = {
    input = "promptTokenCount", input_more = "toolUsePromptTokenCount",
    output = "candidatesTokenCount", cached = "cachedContentTokenCount",
    reasoning = "thoughtsTokenCount", reasoning_excluded = true, total = "totalTokenCount",
  },
  paths = {
    chat = "/v1beta/models/{model}:generateContent",
    count = "/v1beta/models/{model}:countTokens",
    embed = "/v1beta/models/{model}:embedContent",
    batchEmbed = "/v1beta/models/{model}:batchEmbedContents",
  },
  stream_paths = { chat = "/v1beta/models/{model}:streamGenerateContent?alt=sse" },
  request = {
    messages = "contents", needs = { "contents" }, choices = "generationConfig.candidateCount",
    one_in_streams = true,
  },
  raw_members = members.both_cases({
    "args", "response", "parameters", "parametersJsonSchema", "responseSchema",
    "responseJsonSchema", "safetySettings",
  }),
  operations = {
    embed = {
      endpoint = "batchEmbed", model_within = true,
      request = { inputs = { "requests" } },
      raw_members = { "values" }, passes_early = true,
      usage = { input = "usageMetadata.promptTokenCount" },
      decode_request = embed.decode_request, encode_request = embed.encode_request,
      decode_answer = embed.decode_answer, encode_answer = embed.encode_answer,
    },
  },
  decode_request = client.decode,
  encode_request = request.encode,
  needs_bytes = request.needs_bytes,
  decode_answer = answer.decode_answer,
  encode_answer = reply.encode_answer,
  decode_event = answer.decode_event,
  end_events = answer.end_events,
  encode_event = reply.encode_event,
  end_stream = reply.end_stream,
  error_body = errors.body,
  error_event = errors.event,
  read_error = errors.read,
  list_models = function(models)
    local list = {}
    for i, model in ipairs(models) do list[i] = show_model(model) end
    return { models = tide.json.array(list) }
  end,
  show_model = show_model,
  decode_count = function(counted) return members.number(counted, "totalTokens") end,
  encode_count = function(tokens) return { totalTokens = tokens } end,
}
