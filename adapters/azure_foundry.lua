-- Models of other makers on Microsoft Foundry (Grok, DeepSeek, Mistral, Llama, Phi ...), at the
-- address that all of them have. Claude is `azure_anthropic`, OpenAI's models are `azure`.
return tide.adapter {
  name = "azure_foundry",
  extends = "azure",
  models_of = "azure",
  dialects = { "openai-chat" },
  config = { resource = "string?", api_version = "string?" },
  base_url = "https://{resource}.services.ai.azure.com/models",
  query = { ["api-version"] = "{api_version|2024-05-01-preview}" },
  auth = { type = "header", name = "api-key", secret = "AZURE_FOUNDRY_API_KEY" },
  -- What the address does not know itself is for the model.
  headers = { ["extra-parameters"] = "pass-through" },
  variants = {},
  ops = {
    chat = { path = "/chat/completions" }, complete = false, embed = { path = "/embeddings" },
  },
  params = { rename = { max_completion_tokens = "max_tokens" } },
  families = {
    { models = { "*grok*" }, traits = { reasoning = false, reasoning_excluded = true } },
    { models = { "*" }, traits = { reasoning = false } },
  },
}
