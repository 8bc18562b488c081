-- OpenAI's Responses, without what a provider would have to keep from one request to the next.
local decode = require("dialects.openai-responses.decode")
local encode = require("dialects.openai-responses.encode")
local read = require("dialects.openai-responses.read")
local write = require("dialects.openai-responses.write")

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
  decode_request = decode.request,
  encode_request = encode.request,
  decode_answer = read.answer,
  encode_answer = write.answer,
  decode_event = read.event,
  encode_event = write.event,
  end_stream = write.finish,
  error_body = write.error_body,
  error_event = write.error_event,
}
