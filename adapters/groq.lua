-- Groq: refuses token probabilities and biases; usage comes unasked, in x_groq.
return tide.adapter {
  name = "groq",
  extends = "openai",
  base_url = "https://api.groq.com/openai/v1",
  auth = { type = "bearer", secret = "GROQ_API_KEY" },
  ops = { complete = false, embed = false },
  params = { drop = { "logit_bias", "logprobs", "top_logprobs" }, inject_stream = false },
  errors = { status = { [498] = "overloaded" } },
  models = {
    ["llama-3.3-70b-versatile"] = {}, ["llama-3.1-8b-instant"] = {},
    ["openai/gpt-oss-120b"] = { reasoning = true }, ["openai/gpt-oss-20b"] = { reasoning = true },
  },
}
