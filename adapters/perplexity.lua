-- Perplexity: chat alone; usage is on every chunk, and no [DONE] is sent.
return tide.adapter {
  name = "perplexity",
  extends = "openai",
  base_url = "https://api.perplexity.ai",
  auth = { type = "bearer", secret = "PERPLEXITY_API_KEY" },
  ops = { complete = false, embed = false },
  params = { rename = { max_completion_tokens = "max_tokens" }, inject_stream = false },
  families = {
    { models = { "sonar-deep-research*" }, reasoning = true },
    { models = { "sonar-reasoning*" }, reasoning = true, traits = { reasoning = false } },
    { models = { "*" }, traits = { reasoning = false } },
  },
  errors = { map = { too_many_prompt_tokens = "context_length" } },
  models = { ["sonar"] = {}, ["sonar-pro"] = {}, ["sonar-reasoning-pro"] = { reasoning = true } },
}
