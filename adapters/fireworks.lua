-- Fireworks AI: models are called accounts/fireworks/models/NAME; usage comes unasked.
return tide.adapter {
  name = "fireworks",
  extends = "openai",
  base_url = "https://api.fireworks.ai/inference/v1",
  auth = { type = "bearer", secret = "FIREWORKS_API_KEY" },
  params = { inject_stream = false },
  models = { ["accounts/fireworks/models/llama-v3p3-70b-instruct"] = {} },
}
