-- Together AI: 403 means that the prompt is too long; usage comes unasked in the last chunk.
return tide.adapter {
  name = "together",
  extends = "openai",
  base_url = "https://api.together.ai/v1",
  auth = { type = "bearer", secret = "TOGETHER_API_KEY" },
  ops = { rerank = { path = "/rerank", translate = true } },
  params = { rename = { max_completion_tokens = "max_tokens" }, inject_stream = false },
  families = { { models = { "*" }, traits = { top_k = true, rerank_objects = true } } },
  errors = { status = { [403] = "context_length" } },
  usage = { cached = { "cached_tokens", "prompt_tokens_details.cached_tokens" } },
  models = {
    ["meta-llama/Llama-3.3-70B-Instruct-Turbo"] = {},
    ["deepseek-ai/DeepSeek-R1"] = { reasoning = true },
  },
}
