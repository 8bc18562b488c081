-- OpenAI's chat completions, completions and embeddings: what nearly everybody speaks.
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
  terminal_bytes = "data: [DONE]\n\n",
  error_body = function(err)
    return tide.json.encode {
      error = {
        message = err.message,
        type = err.type,
        param = err.param or tide.json.null,
        code = err.code or tide.json.null,
      },
    }
  end,
  error_event = function(err)
    local body = {
      error = { message = err.message, type = err.type, code = err.code or tide.json.null },
    }
    return "data: " .. tide.json.encode(body) .. "\n\n"
  end,
}
