-- Mistral: refuses fields that it does not know (422); usage comes unasked in the last chunk. Ids
-- of tool calls are nine letters and digits.
return tide.adapter {
  name = "mistral",
  extends = "openai",
  base_url = "https://api.mistral.ai/v1",
  auth = { type = "bearer", secret = "MISTRAL_API_KEY" },
  ops = { complete = false, moderate = { path = "/moderations" } },
  params = {
    rename = {
      max_completion_tokens = "max_tokens",
      seed = "random_seed",
      dimensions = "output_dimension",
    },
    drop = {
      "encoding_format", "logit_bias", "logprobs", "top_logprobs", "prompt_cache_key",
      "prompt_cache_retention", "safety_identifier", "service_tier", "store", "stream_options",
      "user", "verbosity",
    },
    inject_stream = false,
  },
  families = {
    {
      models = { "*" },
      traits = {
        tool_ids = { exact = 9 }, reasoning_back = "content", prefix = true, input_audio = "text",
        files = "document_url", reasoning = false, user_after_tool = false, embed_tokens = false,
        embed_base64 = false,
      },
    },
  },
  usage = { cached = { "prompt_tokens_details.cached_tokens", "num_cached_tokens" } },
  models = {
    ["mistral-large-latest"] = {}, ["mistral-small-latest"] = {}, ["codestral-latest"] = {},
    ["magistral-medium-latest"] = { reasoning = true }, ["mistral-embed"] = {},
  },
}
