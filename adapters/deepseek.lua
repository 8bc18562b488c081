-- DeepSeek: no embeddings; text completion stands under /beta; usage comes unasked in streams.
return tide.adapter {
  name = "deepseek",
  extends = "openai",
  base_url = "https://api.deepseek.com",
  auth = { type = "bearer", secret = "DEEPSEEK_API_KEY" },
  ops = { complete = { path = "/beta/completions" }, embed = false },
  params = { rename = { max_completion_tokens = "max_tokens" }, inject_stream = false },
  errors = {
    -- An unknown model is a 400 without a code of its own.
    match = {
      { status = 400, contains = "supported API model names are", kind = "no_target" },
    },
  },
  usage = { cached = { "prompt_cache_hit_tokens", "prompt_tokens_details.cached_tokens" } },
  models = {
    ["deepseek-v4-pro"] = { reasoning = true }, ["deepseek-v4-flash"] = { reasoning = true },
  },
}
