-- OpenAI. Adapters of compatible services extend this one.
return tide.adapter {
  name = "openai",
  dialect = "openai-chat",
  base_url = "https://api.openai.com/v1",
  auth = { type = "bearer", secret = "OPENAI_API_KEY" },
  ops = {
    chat = { path = "/chat/completions" },
    complete = { path = "/completions" },
    embed = { path = "/embeddings" },
  },
  params = { inject_stream = { stream_options = { include_usage = true } } },
  errors = {
    map = {
      insufficient_quota = "quota",
      credit_balance_exhausted = "quota",
      billing_hard_limit_reached = "quota",
      invalid_api_key = "auth",
      model_not_found = "no_target",
      context_length_exceeded = "context_length",
      content_filter = "content_filter",
      content_policy_violation = "content_filter",
      server_is_overloaded = "overloaded",
    },
  },
  models = {
    ["gpt-4o"] = {}, ["gpt-4o-mini"] = {}, ["gpt-4.1"] = {}, ["gpt-4.1-mini"] = {},
    ["o3"] = { reasoning = true }, ["o4-mini"] = { reasoning = true },
    ["gpt-5"] = { reasoning = true }, ["gpt-5-mini"] = { reasoning = true },
    ["gpt-5.1"] = { reasoning = true }, ["gpt-5.2"] = { reasoning = true },
    ["text-embedding-3-small"] = {}, ["text-embedding-3-large"] = {},
  },
}
