-- LM Studio's server on this machine.
return tide.adapter {
  name = "lmstudio",
  extends = "openai",
  dialects = { "openai-chat", "openai-responses" },
  base_url = "http://127.0.0.1:1234/v1",
  auth = { type = "bearer" },
  params = { rename = { max_completion_tokens = "max_tokens" } },
  families = { { models = { "*" }, traits = { reasoning_text = true, top_k = true } } },
}
