-- Azure OpenAI with a token of Microsoft Entra ID where `azure` has the resource's key.
return tide.adapter {
  name = "azure_entra",
  extends = "azure",
  models_of = "azure",
  dialects = { "openai-chat", "openai-responses" },
  base_url = "https://{resource}.openai.azure.com",
  config = { resource = "string?", api_version = "string?" },
  auth = { type = "bearer", secret = "AZURE_OPENAI_AD_TOKEN" },
}
