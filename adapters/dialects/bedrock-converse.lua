-- Converse and ConverseStream of Amazon Bedrock, as the service speaks them and as clients ask for
-- them. What it says of requests and answers is in bedrock-converse/.
local answer = require("dialects.bedrock-converse.answer")
local client = require("dialects.bedrock-converse.client")
local embed = require("dialects.bedrock-converse.embed")
local errors = require("dialects.bedrock-converse.errors")
local reply = require("dialects.bedrock-converse.reply")
local request = require("dialects.bedrock-converse.request")

return tide.dialect {
  name = "bedrock-converse",
  framing = "aws-eventstream",
  watch = {
    content = {
      -- Of a delta: there are empty ones.
      "delta.text", "delta.reasoningContent.text", "delta.reasoningContent.redactedContent",
      "delta.toolUse.input", "delta.citation",
      "delta.image", "delta.toolResult", "start.toolUse", "start.image",
      "stopReason", -- of a message that says nothing
    },
    finish = { "stopReason" },
    usage = { "usage" },
    terminal = { { event = "metadata" } }, -- behind the finish, with the counts
    error = { "__type" },
  },
  usage = {
    input = "inputTokens", output = "outputTokens",
    cached = { "cacheReadInputTokens", "cacheReadInputTokenCount" },
    cache_write = { "cacheWriteInputTokens", "cacheWriteInputTokenCount" }, cache_excluded = true,
  },
  paths = { chat = "/model/{model}/converse" },
  stream_paths = { chat = "/model/{model}/converse-stream" },
  request = { messages = "messages", needs = { "messages" } },
  raw_members = { "input", "json" },
  operations = {
    embed = {
      raw_members = { "embedding", "embeddings" },
      encode_request = embed.encode_request, decode_answer = embed.decode_answer,
    },
  },

  decode_request = client.decode,
  encode_request = request.encode,
  needs_bytes = request.needs_bytes,
  decode_answer = answer.decode,
  encode_answer = reply.answer,
  decode_event = answer.event,
  encode_event = reply.event,
  end_stream = reply.finish,

  error_body = errors.body,
  error_headers = errors.headers,
  error_event = errors.event,
  read_error = errors.read,
}
