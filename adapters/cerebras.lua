-- Cerebras: no embeddings; no [DONE] is sent.
return tide.adapter {
  name = "cerebras",
  extends = "openai",
  base_url = "https://api.cerebras.ai/v1",
  auth = { type = "bearer", secret = "CEREBRAS_API_KEY" },
  ops = { embed = false },
  models = { ["llama-3.3-70b"] = {}, ["gpt-oss-120b"] = { reasoning = true } },
}
