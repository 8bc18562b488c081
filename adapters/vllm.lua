-- A vLLM server on this machine. A key is sent only when the configuration has one (--api-key).
return tide.adapter {
  name = "vllm",
  extends = "openai",
  dialects = { "openai-chat", "openai-responses" },
  base_url = "http://127.0.0.1:8000/v1",
  auth = { type = "bearer" },
  ops = { rerank = { path = "/rerank", translate = true } },
  families = {
    {
      models = { "*" },
      traits = { reasoning_back = "reasoning_content", reasoning_text = true, top_k = true },
    },
  },
  errors = {
    match = { { status = 400, contains = "maximum context length", kind = "context_length" } },
  },
}
