-- Claude on Microsoft Foundry. Deployments are called as their models are:
--
--   azure_anthropic = { resource = "my-resource", keys = { ... } }
return tide.adapter {
  name = "azure_anthropic",
  extends = "anthropic",
  models_of = "anthropic",
  config = { resource = "string?" },
  base_url = "https://{resource}.services.ai.azure.com/anthropic",
  auth = { type = "header", name = "x-api-key", secret = "AZURE_ANTHROPIC_API_KEY" },
  errors = {
    map = { DeploymentNotFound = "no_target", RateLimitReached = "rate_limited" },
  },
}
