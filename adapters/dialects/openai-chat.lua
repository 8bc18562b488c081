-- OpenAI's chat completions, completions and embeddings: what nearly everybody speaks, each in a
-- way of its own. The traits that the encoder honours are listed in adapters/dialects/README.md.
local answers = require("dialects.openai-chat.answer")
local client = require("dialects.openai-chat.client")
local embed = require("dialects.openai-chat.embed")
local reply = require("dialects.openai-chat.reply")
local request = require("dialects.openai-chat.request")
local rerank = require("dialects.openai-chat.rerank")

local NULL = tide.json.null

-- OpenAI says nothing of sizes; these are Groq's words.
local function model_entry(model)
  return {
    id = model.id, object = "model", created = 0, owned_by = model.owned_by or "tidegate",
    context_window = model.context, max_completion_tokens = model.max_output,
  }
end

return tide.dialect {
  name = "openai-chat",
  watch = {
    content = {
      "choices[].delta.content", "choices[].delta.tool_calls", "choices[].delta.reasoning_content",
      "choices[].delta.reasoning", "choices[].delta.reasoning_details", "choices[].delta.refusal",
      "choices[].delta.audio", "choices[].delta.images", "choices[].delta.function_call",
      "choices[].text",
    },
    finish = { "choices[].finish_reason" },
    usage = { "usage", "x_groq.usage", "choices[].usage" },
    error = { "error", { event = "error" } },
    terminal = { { data = "[DONE]" } },
    choices = "choices[]",
    index = "choices[].index",
  },
  usage = {
    input = "prompt_tokens",
    output = "completion_tokens",
    cached = { "prompt_tokens_details.cached_tokens", "cached_tokens" },
    cache_write = "prompt_tokens_details.cache_write_tokens",
    reasoning = "completion_tokens_details.reasoning_tokens",
  },
  terminal_bytes = "data: [DONE]\n\n",
  content_type = "text/event-stream",
  paths = {
    chat = "/chat/completions", complete = "/completions", embed = "/embeddings",
    rerank = "/rerank",
  },
  operations = {
    moderate = { request = { model = "model", inputs = { "input" } } },
    embed = {
      request = { model = "model", inputs = { "input" }, format = "encoding_format" },
      raw_members = { "input", "embedding" }, passes_early = true,
      decode_request = embed.decode_request, encode_request = embed.encode_request,
      decode_answer = embed.decode_answer, encode_answer = embed.encode_answer,
    },
    rerank = {
      request = {
        model = "model", messages = "documents", needs = { "query", "documents" },
        inputs = { "documents" },
      },
      usage = { input = { "usage.prompt_tokens", "usage.total_tokens" } },
      decode_request = rerank.decode_request, encode_request = rerank.encode_request,
      decode_answer = rerank.decode_answer, encode_answer = rerank.encode_answer,
    },
  },
  request = {
    model = "model", stream = "stream", messages = "messages", needs = { "messages" },
    choices = "n",
  },
  raw_members = { "parameters", "schema" },

  decode_request = function(body) return client.read(body) end,
  encode_request = function(rq, call) return request.write(rq, call) end,
  needs_bytes = request.needs_bytes,
  decode_answer = function(body, emit, call) answers.answer(body, emit, call) end,
  encode_answer = function(answer, call) return reply.answer(answer, call) end,
  decode_event = answers.event,
  end_events = answers.finish,
  encode_event = reply.event,
  end_stream = function(write) write("[DONE]") end,

  error_body = function(err)
    return tide.json.encode {
      error = {
        message = err.message, type = err.type, param = err.param or NULL, code = err.code or NULL,
      },
    }
  end,
  error_event = function(err)
    local body = { error = { message = err.message, type = err.type, code = err.code or NULL } }
    return "data: " .. tide.json.encode(body) .. "\n\n"
  end,
  read_error = answers.error_of,

  list_models = function(models)
    local data = {}
    for i, model in ipairs(models) do data[i] = model_entry(model) end
    return { object = "list", data = tide.json.array(data) }
  end,
  show_model = model_entry,
}
