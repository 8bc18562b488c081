-- Azure OpenAI. Models are called as their deployments are, so name deployments after their models:
-- what is peculiar about a model is found by its name. Without `api_version` this is the v1 API,
-- with it the one in which the deployment stands in the path:
--
--   azure = { resource = "my-resource", api_version = "2024-10-21", keys = { ... } }
--   azure = { base_url = "https://my-resource.openai.azure.com", keys = { ... } }
return tide.adapter {
  name = "azure",
  extends = "openai",
  dialects = { "openai-chat", "openai-responses" },
  base_url = "https://{resource}.openai.azure.com",
  config = { resource = "string?", api_version = "string?" },
  auth = { type = "header", name = "api-key", secret = "AZURE_OPENAI_API_KEY" },
  ops = {
    chat = {
      path = "/openai/v1/chat/completions",
      paths = { ["openai-responses"] = "/openai/v1/responses" },
    },
    complete = { path = "/openai/v1/completions" },
    embed = { path = "/openai/v1/embeddings" },
  },
  variants = {
    api_version = {
      dialects = { "openai-chat" },
      ops = {
        chat = { path = "/openai/deployments/{model}/chat/completions" },
        complete = { path = "/openai/deployments/{model}/completions" },
        embed = { path = "/openai/deployments/{model}/embeddings" },
      },
      query = { ["api-version"] = "{api_version}" },
    },
  },
  errors = {
    map = {
      DeploymentNotFound = "no_target",
      RateLimitReached = "rate_limited",
      ResponsibleAIPolicyViolation = "content_filter",
    },
    match = {
      { status = 400, contains = "content management policy", kind = "content_filter" },
    },
  },
}
