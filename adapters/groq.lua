-- Groq: refuses token probabilities and biases; usage comes unasked, in x_groq.
return tide.adapter {
  name = "groq",
  extends = "openai",
  dialects = { "openai-chat", "openai-responses" },
  base_url = "https://api.groq.com/openai/v1",
  auth = { type = "bearer", secret = "GROQ_API_KEY" },
  ops = { complete = false, embed = false },
  params = { drop = { "logit_bias", "logprobs", "top_logprobs" }, inject_stream = false },
  families = {
    {
      models = { "*gpt-oss*" }, reasoning = true,
      traits = {
        names = false,
        efforts = { none = "low", minimal = "low", xhigh = "high", max = "high" },
      },
    },
    {
      models = { "*qwen3*" }, reasoning = true,
      traits = {
        names = false,
        efforts = {
          none = "none", minimal = "default", low = "default", medium = "default",
          high = "default", xhigh = "default", max = "default",
        },
      },
    },
    { models = { "*" }, traits = { names = false, reasoning = false } },
  },
  errors = { status = { [498] = "overloaded" } },
  models = {
    ["llama-3.3-70b-versatile"] = {}, ["llama-3.1-8b-instant"] = {},
    ["openai/gpt-oss-120b"] = { reasoning = true }, ["openai/gpt-oss-20b"] = { reasoning = true },
  },
}
