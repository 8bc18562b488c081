-- Ollama's own API: lines of JSON, settings in `options`, pictures as bare base64. What it says of
-- requests and answers is in ollama/.
local answer = require("dialects.ollama.answer")
local client = require("dialects.ollama.client")
local embed = require("dialects.ollama.embed")
local errors = require("dialects.ollama.errors")
local models = require("dialects.ollama.models")
local reply = require("dialects.ollama.reply")
local request = require("dialects.ollama.request")

local TAG = ":latest" -- what names without a tag are short for

return tide.dialect {
  name = "ollama",
  framing = "ndjson",
  content_type = "application/x-ndjson",
  watch = {
    content = {
      "message.content", "message.thinking", "message.tool_calls", "message.images", "response",
      "thinking", "tool_calls",
    },
    finish = { { path = "done", equals = true } },
    terminal = { { path = "done", equals = true } },
    usage = { "prompt_eval_count", "eval_count" },
    error = { "error" },
  },
  usage = { input = "prompt_eval_count", output = "eval_count" },
  paths = {
    chat = "/api/chat", generate = "/api/generate", embed = "/api/embed",
    embeddings = "/api/embeddings",
  },
  request = {
    model = "model", stream = "stream", messages = "messages", needs = {},
    streams_by_default = true, streams_with = { "messages", "prompt" }, tag = TAG,
  },
  operations = {
    embed = {
      request = { model = "model", messages = "input", inputs = { "input" }, tag = TAG },
      raw_members = { "input", "embedding", "embeddings" },
      usage = { input = "prompt_eval_count" },
      decode_request = embed.decode_request, encode_request = embed.encode_request,
      decode_answer = embed.decode_answer, encode_answer = embed.encode_answer,
    },
  },
  raw_members = { "arguments", "parameters", "format" },
  decode_request = client.decode,
  encode_request = request.encode,
  needs_bytes = request.needs_bytes,
  decode_answer = answer.decode_answer,
  encode_answer = reply.encode_answer,
  decode_event = answer.decode_event,
  encode_event = reply.encode_event,
  end_stream = reply.end_stream,
  error_body = errors.body,
  error_event = errors.body,
  read_error = errors.read,
  list_models = models.list,
  show_model = models.show,
}
