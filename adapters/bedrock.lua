-- Amazon Bedrock: models of many makers, by its Converse API. Signed with a pair of keys, or sent
-- with an API key of Bedrock's.
local families = require("dialects.bedrock-converse.families")

return tide.adapter {
  name = "bedrock",
  dialect = "bedrock-converse",
  config = { region = "string!" },
  base_url = "https://bedrock-runtime.{region}.amazonaws.com",
  auth = {
    type = "sigv4", service = "bedrock", secret = "AWS_BEARER_TOKEN_BEDROCK",
    keys = { "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN?" },
  },
  ops = { chat = {}, embed = { path = "/model/{model}/invoke", batch = 1 } },
  errors = {
    map = {
      ThrottlingException = "rate_limited", ModelNotReadyException = "overloaded",
      TooManyRequestsException = "rate_limited", ServiceQuotaExceededException = "quota",
      ServiceUnavailableException = "overloaded", InternalServerException = "upstream_5xx",
      InternalFailure = "upstream_5xx", ModelTimeoutException = "timeout",
      ModelErrorException = "upstream_5xx", ModelStreamErrorException = "upstream_5xx",
      ResourceNotFoundException = "no_target", AccessDeniedException = "auth",
      UnrecognizedClientException = "auth", ExpiredTokenException = "auth",
      ExpiredToken = "auth", InvalidSignatureException = "auth", RequestExpired = "auth",
      InvalidClientTokenId = "auth", MissingAuthenticationTokenException = "auth",
      IncompleteSignatureException = "auth", SignatureDoesNotMatch = "auth",
    },
    match = {
      { status = 400, contains = "on-demand throughput isn", kind = "no_target" },
      { status = 400, contains = "provided model identifier is invalid", kind = "no_target" },
      { status = 400, contains = "Input is too long", kind = "context_length" },
      { status = 400, contains = "Input Tokens Exceeded", kind = "context_length" },
      { status = 400, contains = "prompt is too long", kind = "context_length" },
      { status = 400, contains = "exceeds maximum length", kind = "context_length" },
      { status = 400, contains = "maximum context length", kind = "context_length" },
      { status = 400, contains = "exceed context limit", kind = "context_length" },
      { status = 400, contains = "too many tokens", kind = "context_length" },
    },
  },
  families = families.list(),
  models = {
    ["global.anthropic.claude-opus-5-5"] = { reasoning = true },
    ["global.anthropic.claude-sonnet-5"] = { reasoning = true },
    ["global.anthropic.claude-opus-4-6-v1"] = { reasoning = true },
    ["global.anthropic.claude-sonnet-4-6"] = { reasoning = true },
    ["global.anthropic.claude-sonnet-4-5-20250929-v1:0"] = {},
    ["global.anthropic.claude-haiku-4-5-20251001-v1:0"] = {},
    ["us.amazon.nova-2-lite-v1:0"] = { reasoning = true },
    ["amazon.nova-pro-v1:0"] = {}, ["amazon.nova-lite-v1:0"] = {}, ["amazon.nova-micro-v1:0"] = {},
    ["openai.gpt-oss-120b-1:0"] = { reasoning = true },
    ["openai.gpt-oss-20b-1:0"] = { reasoning = true },
    ["us.meta.llama4-maverick-17b-instruct-v1:0"] = {},
    ["us.meta.llama3-3-70b-instruct-v1:0"] = {},
    ["us.deepseek.r1-v1:0"] = { reasoning = true },
    ["amazon.titan-embed-text-v2:0"] = {}, ["cohere.embed-v4:0"] = {},
    ["amazon.nova-2-multimodal-embeddings-v1:0"] = {},
    ["us.mistral.pixtral-large-2502-v1:0"] = {},
  },
}
