-- OpenAI's Responses, without what a provider would have to keep from one request to the next.
local answer = require("dialects.openai-responses.answer")
local client = require("dialects.openai-responses.client")
local reply = require("dialects.openai-responses.reply")
local request = require("dialects.openai-responses.request")

return tide.dialect {
  name = "openai-responses",
  watch = {
    -- A name is that of a call; what is only begun has none of the others.
    content = {
      "delta", "text", "refusal", "arguments", "input", "partial_image_b64", "annotation",
      "item.name", "item.content", "item.summary", "item.result", "response.output",
    },
    finish = {
      { path = "type", equals = "response.completed" },
      { path = "type", equals = "response.incomplete" },
    },
    terminal = {
      { path = "type", equals = "response.completed" },
      { path = "type", equals = "response.incomplete" },
      { data = "[DONE]" },
    },
    usage = { "response.usage", "usage" },
    error = {
      "error", "response.error",
      { path = "type", equals = "error" },
      { path = "type", equals = "response.failed" },
      { path = "type", equals = "response.cancelled" },
      { path = "status", equals = "failed" },
      { path = "status", equals = "cancelled" },
    },
  },
  usage = {
    input = "input_tokens", output = "output_tokens",
    cached = "input_tokens_details.cached_tokens",
    cache_write = "input_tokens_details.cache_write_tokens",
    reasoning = "output_tokens_details.reasoning_tokens",
  },
  paths = { chat = "/responses" },
  request = { model = "model", stream = "stream", messages = "input" },
  raw_members = { "parameters", "schema" },
  decode_request = client.request,
  encode_request = request.request,
  decode_answer = answer.answer,
  encode_answer = reply.answer,
  decode_event = answer.event,
  encode_event = reply.event,
  end_stream = reply.finish,
  error_body = reply.error_body,
  error_event = reply.error_event,
}
