-- llama.cpp's server on this machine; 503 while it loads its model.
return tide.adapter {
  name = "llamacpp",
  extends = "openai",
  base_url = "http://127.0.0.1:8080/v1",
  auth = { type = "bearer" },
  ops = { rerank = { path = "/rerank", translate = true } },
  families = {
    { models = { "*" }, traits = { reasoning_back = "reasoning_content", top_k = true } },
  },
  errors = {
    map = { exceed_context_size_error = "context_length" },
    match = { { status = 500, contains = "is too large to process", kind = "context_length" } },
  },
}
