-- Cohere's API v2, as its service speaks it and as its clients ask for it.
local answer = require("dialects.cohere-v2.answer")
local client = require("dialects.cohere-v2.client")
local embed = require("dialects.cohere-v2.embed")
local reply = require("dialects.cohere-v2.reply")
local request = require("dialects.cohere-v2.request")
local rerank = require("dialects.cohere-v2.rerank")

-- What a model is for, its name tells: nothing else is known here.
local function endpoints_of(id)
  if id:find("rerank", 1, true) then return { "rerank" } end
  return { id:find("embed", 1, true) and "embed" or "chat" }
end

local function show_model(model)
  return {
    name = model.id, endpoints = tide.json.array(endpoints_of(model.id)), finetuned = false,
    context_length = model.context, default_endpoints = tide.json.array({}),
  }
end

local function list_models(models)
  local list = {}
  for i, model in ipairs(models) do list[i] = show_model(model) end
  return { models = tide.json.array(list) }
end

local MESSAGE = "delta.message."

return tide.dialect {
  name = "cohere-v2",
  watch = {
    content = {
      MESSAGE .. "content.text", MESSAGE .. "content.thinking", MESSAGE .. "tool_plan",
      MESSAGE .. "tool_calls", MESSAGE .. "citations",
    },
    finish = { "delta.finish_reason" },
    usage = { "delta.usage", "usage" },
    terminal = { { data = "[DONE]" } },
    error = {
      "delta.error", "error", { event = "error" },
      { path = "delta.finish_reason", equals = "ERROR" },
      { path = "delta.finish_reason", equals = "TIMEOUT" },
      { path = "finish_reason", equals = "ERROR" }, { path = "finish_reason", equals = "TIMEOUT" },
    },
  },
  usage = {
    input = "tokens.input_tokens", output = "tokens.output_tokens",
    billed_input = "billed_units.input_tokens", billed_output = "billed_units.output_tokens",
    cached = "cached_tokens", reasoning = "tokens.reasoning_tokens",
  },
  terminal_bytes = "data: [DONE]\n\n",
  paths = { chat = "/v2/chat", embed = "/v2/embed", rerank = "/v2/rerank" },
  operations = {
    embed = {
      request = { model = "model", inputs = { "texts", "images", "inputs" } },
      raw_members = { "embeddings" },
      usage = { input = "meta.billed_units.input_tokens" },
      decode_request = embed.decode_request, encode_request = embed.encode_request,
      decode_answer = embed.decode_answer, encode_answer = embed.encode_answer,
    },
    rerank = {
      request = {
        model = "model", messages = "documents", needs = { "query", "documents" },
        inputs = { "documents" },
      },
      usage = { input = "meta.tokens.input_tokens" },
      decode_request = rerank.decode_request, encode_request = rerank.encode_request,
      decode_answer = rerank.decode_answer, encode_answer = rerank.encode_answer,
    },
  },
  request = {
    model = "model", stream = "stream", messages = "messages", needs = { "messages" },
  },
  raw_members = { "parameters", "schema", "json_schema", "data" },

  decode_request = client.decode,
  encode_request = request.encode,
  decode_answer = answer.decode,
  encode_answer = reply.answer,
  decode_event = answer.event,
  encode_event = reply.event,
  end_stream = reply.finish,

  error_body = reply.error_body,
  error_event = reply.error_event,
  read_error = answer.error_of,

  list_models = list_models,
  show_model = show_model,
}
