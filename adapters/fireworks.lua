-- Fireworks AI: models are called accounts/fireworks/models/NAME; usage comes unasked.
return tide.adapter {
  name = "fireworks",
  extends = "openai",
  dialects = { "openai-chat", "openai-responses" },
  base_url = "https://api.fireworks.ai/inference/v1",
  auth = { type = "bearer", secret = "FIREWORKS_API_KEY" },
  ops = { rerank = { path = "/rerank", translate = true } },
  params = { rename = { max_completion_tokens = "max_tokens" }, inject_stream = false },
  families = {
    { models = { "*" }, traits = { reasoning_back = "reasoning_content", top_k = true } },
  },
  models = { ["accounts/fireworks/models/llama-v3p3-70b-instruct"] = {} },
}
