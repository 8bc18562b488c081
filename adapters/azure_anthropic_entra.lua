-- Claude on Microsoft Foundry with a token of Entra ID where `azure_anthropic` has the resource's
-- key.
return tide.adapter {
  name = "azure_anthropic_entra",
  extends = "azure_anthropic",
  models_of = "anthropic",
  config = { resource = "string?" },
  base_url = "https://{resource}.services.ai.azure.com/anthropic",
  auth = { type = "bearer", secret = "AZURE_ANTHROPIC_AD_TOKEN" },
}
