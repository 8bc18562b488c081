-- Amazon Bedrock by OpenAI's protocols. Signed with a pair of keys, or sent with an API key of
-- Bedrock's.
return tide.adapter {
  name = "bedrock_mantle",
  extends = "openai",
  dialects = { "openai-chat", "openai-responses" },
  config = { region = "string!" },
  base_url = "https://bedrock-mantle.{region}.api.aws",
  auth = {
    type = "sigv4", service = "bedrock-mantle", secret = "AWS_BEARER_TOKEN_BEDROCK",
    keys = { "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN?" },
  },
  ops = {
    chat = {
      path = "/v1/chat/completions", paths = { ["openai-responses"] = "/openai/v1/responses" },
    },
    complete = false, embed = false,
  },
  families = {
    {
      models = { "openai.gpt-oss-*" }, reasoning = true,
      traits = { efforts = { none = "low", minimal = "low", xhigh = "high", max = "high" } },
    },
    -- Their chat completions refuse tools beside reasoning, as OpenAI's own do.
    {
      models = { "openai.gpt-*" }, reasoning = true,
      via = { dialect = "openai-responses", when = "always" },
      traits = {
        efforts = { none = "none", minimal = "low" }, system_role = "developer",
        custom_tools = true, allowed_tools = true, encrypted_reasoning = true,
      },
    },
  },
  models = {
    ["openai.gpt-oss-120b"] = { reasoning = true }, ["openai.gpt-oss-20b"] = { reasoning = true },
    ["openai.gpt-5.6-luna"] = { reasoning = true },
  },
}
