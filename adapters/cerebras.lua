-- Cerebras: no embeddings; no [DONE] is sent.
return tide.adapter {
  name = "cerebras",
  extends = "openai",
  base_url = "https://api.cerebras.ai/v1",
  auth = { type = "bearer", secret = "CEREBRAS_API_KEY" },
  ops = { embed = false },
  families = {
    {
      models = { "*gpt-oss*" }, reasoning = true,
      traits = {
        reasoning_back = "reasoning",
        efforts = { none = "low", minimal = "low", xhigh = "high", max = "high" },
      },
    },
    { models = { "*" }, traits = { reasoning = false } },
  },
  models = { ["llama-3.3-70b"] = {}, ["gpt-oss-120b"] = { reasoning = true } },
}
