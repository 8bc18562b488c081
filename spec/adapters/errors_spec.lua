-- What the errors of each provider mean, in the words in which they came: recorded, or documented
-- where none was.
local fake = require("spec.support.fake_core")

local classify, core, loaded

local function flat(message, more)
  local body = { message = message }
  for name, value in pairs(more or {}) do body[name] = value end
  return body
end

local function err(message, more) return { error = flat(message, more) } end

local function base_resp(code, text)
  return { choices = {}, base_resp = { status_code = code, status_msg = text } }
end

local function google(code, status, message, details)
  return err(message, { code = code, status = status, details = details })
end

local NO_KEY = { { ["@type"] = "type.googleapis.com/google.rpc.ErrorInfo",
  reason = "API_KEY_INVALID" } }

-- Status, body, kind, and headers.
local SAID = {
  openai = {
    { 400, err("max_tokens is not supported", { code = "unsupported_parameter" }), "bad_request" },
    { 400, err("Your input exceeds", { code = "context_length_exceeded" }), "context_length" },
    { 400, err("The requested model 'x' does not exist.", { code = "model_not_found" }),
      "no_target" },
    { 401, err("Incorrect API key provided", { code = "invalid_api_key" }), "auth" },
    { 403, err("You are not allowed to sample from this model"), "auth" },
    { 404, err("The model `x` does not exist", { code = "model_not_found" }), "no_target" },
    { 429, err("Rate limit reached", { type = "tokens", code = "rate_limit_exceeded" }),
      "rate_limited" },
    { 429, err("You exceeded your current quota", { code = "insufficient_quota" }), "quota" },
    { 429, err("no prepaid credits", { code = "credit_balance_exhausted" }), "quota" },
    { 500, err("The server had an error", { type = "server_error" }), "upstream_5xx" },
    { 502, "<html><h1>502 Bad Gateway</h1></html>", "upstream_5xx" },
    { 503, err("overloaded", { code = "server_is_overloaded" }), "overloaded" },
  },
  azure = {
    { 400, err("filtered", { code = "content_filter",
      innererror = { code = "ResponsibleAIPolicyViolation" } }), "content_filter" },
    { 401, err("Access denied due to invalid subscription key", { code = "401" }), "auth" },
    { 404, err("does not exist", { code = "DeploymentNotFound" }), "no_target" },
    { 429, err("have exceeded rate limit", { code = "RateLimitReached" }), "rate_limited" },
    { 429, err("Rate limit is exceeded", { code = "429" }), "rate_limited" },
    { 429, { statusCode = 429, message = "Rate limit is exceeded" }, "rate_limited" },
    { 500, err("unexpected response", { code = "InternalServerError" }), "upstream_5xx" },
  },
  azure_foundry = {
    { 429, err("have exceeded rate limit", { code = "RateLimitReached" }), "rate_limited" },
    { 404, err("does not exist", { code = "DeploymentNotFound" }), "no_target" },
  },
  anthropic = {
    { 400, err("prompt is too long: 3333404 tokens > 200000 maximum",
      { type = "invalid_request_error" }), "context_length" },
    { 400, err("Your credit balance is too low", { type = "invalid_request_error" }), "quota" },
    { 400, err("Field required", { type = "invalid_request_error" }), "bad_request" },
    { 401, err("invalid x-api-key", { type = "authentication_error" }), "auth" },
    { 402, err("Payment required", { type = "billing_error" }), "quota" },
    { 403, err("no permission", { type = "permission_error" }), "auth" },
    { 404, err("model: x", { type = "not_found_error" }), "no_target" },
    { 409, err("conflict", { type = "conflict_error" }), "overloaded" },
    { 413, err("too large", { type = "request_too_large" }), "too_large" },
    { 429, err("rate limit", { type = "rate_limit_error" }), "rate_limited" },
    { 429, err("spend limit", { type = "rate_limit_error",
      details = { error_code = "enforced_spend_limit_reached" } }), "quota" },
    { 504, err("timed out", { type = "timeout_error" }), "timeout" },
    { 529, err("Overloaded", { type = "overloaded_error" }), "overloaded" },
  },
  azure_anthropic = {
    { 404, err("does not exist", { code = "DeploymentNotFound" }), "no_target" },
    { 529, err("Overloaded", { type = "overloaded_error" }), "overloaded" },
  },
  gemini = {
    { 400, google(400, "INVALID_ARGUMENT", "API key not valid.", NO_KEY), "auth" },
    { 400, google(400, "INVALID_ARGUMENT", "JSON mode is not enabled"), "bad_request" },
    { 400, google(400, "FAILED_PRECONDITION", "User location is not supported"), "no_target" },
    { 403, google(403, "PERMISSION_DENIED", "denied"), "auth" },
    { 404, google(404, "NOT_FOUND", "models/x is not found"), "no_target" },
    { 429, google(429, "RESOURCE_EXHAUSTED", "You exceeded your current quota", { {
      violations = { { quotaId = "GenerateRequestsPerMinutePerProjectPerModel-FreeTier" } } } }),
      "rate_limited" },
    { 429, google(429, "RESOURCE_EXHAUSTED", "You exceeded your current quota", { {
      ["@type"] = "type.googleapis.com/google.rpc.QuotaFailure",
      violations = { { quotaId = "GenerateRequestsPerDayPerProjectPerModel-FreeTier" } } } }),
      "quota" },
    { 500, google(500, "INTERNAL", "Internal error"), "upstream_5xx" },
    { 503, google(503, "UNAVAILABLE", "high demand"), "overloaded" },
    { 504, google(504, "DEADLINE_EXCEEDED", "deadline"), "timeout" },
  },
  gemini_openai = {
    { 400, { google(400, "INVALID_ARGUMENT", "API key not valid.", NO_KEY) }, "auth" },
    { 404, { google(404, "NOT_FOUND", "models/x is not found") }, "no_target" },
    { 429, { google(429, "RESOURCE_EXHAUSTED", "You exceeded your current quota") },
      "rate_limited" },
    { 503, { google(503, "UNAVAILABLE", "high demand") }, "overloaded" },
  },
  vertex = {
    { 400, google(400, "INVALID_ARGUMENT", "exceeds the maximum number of tokens allowed"),
      "context_length" },
    { 401, google(401, "UNAUTHENTICATED", "invalid authentication credentials"), "auth" },
    { 403, google(403, "PERMISSION_DENIED", "aiplatform.endpoints.predict denied"), "auth" },
    { 404, google(404, "NOT_FOUND", "Publisher Model was not found"), "no_target" },
    { 404, "<html><title>Error 404 (Not Found)</title></html>", "no_target" },
    { 429, google(429, "RESOURCE_EXHAUSTED", "Quota exceeded for quota metric"), "rate_limited" },
    { 503, google(503, "UNAVAILABLE", "unavailable"), "overloaded" },
    -- Of Claude.
    { 400, err("prompt is too long: 3 tokens > 2 maximum", { type = "invalid_request_error" }),
      "context_length" },
    { 529, err("Overloaded", { type = "overloaded_error" }), "overloaded" },
  },
  bedrock = {
    { 400, flat("with on-demand throughput isn't supported"), "no_target" },
    { 400, flat("Input Tokens Exceeded: Number of input tokens exceeds"), "context_length" },
    { 403, flat("You don't have access to the model"), "auth" },
    { 404, flat("This model version has reached the end of its life"), "no_target" },
    { 408, flat("Model has timed out"), "timeout" },
    { 424, flat("The model failed"), "upstream_5xx", { ["x-amzn-errortype"] =
      "ModelErrorException:http://internal.amazon.com/coral/" } },
    { 429, flat("Too many requests"), "rate_limited" },
    { 429, flat("not ready"), "overloaded", { ["x-amzn-errortype"] = "ModelNotReadyException" } },
    { 503, flat("Model is getting throttled"), "overloaded" },
  },
  mistral = {
    { 400, flat("Logprobs are not enabled", { code = "3051" }), "bad_request" },
    { 401, { detail = "Invalid API Key" }, "auth" },
    { 422, { message = { detail = { { msg = "Extra inputs are not permitted" } } } },
      "bad_request" },
    { 429, flat("Requests rate limit exceeded", { code = "1300" }), "rate_limited" },
    { 429, flat("API rate limit exceeded", { request_id = "1" }), "rate_limited" },
  },
  cohere = {
    { 400, flat("too many tokens", { error_type = "TOO_MANY_TOKENS" }), "context_length" },
    { 404, flat("model 'x' not found"), "no_target" },
    { 429, flat("limited to 20 API calls / minute"), "rate_limited" },
    { 429, flat("limited to 1000 API calls / month"), "quota" },
    { 498, flat("invalid token"), "auth" },
    { 499, flat("client closed request"), "timeout" },
  },
  groq = {
    { 400, err("Failed to call a function", { code = "tool_use_failed" }), "bad_request" },
    { 401, err("Invalid API Key", { code = "invalid_api_key" }), "auth" },
    { 404, err("does not exist", { code = "model_not_found" }), "no_target" },
    { 413, err("Request too large", { type = "tokens", code = "rate_limit_exceeded" }),
      "too_large" },
    { 429, err("Rate limit reached", { code = "rate_limit_exceeded" }), "rate_limited" },
    { 498, err("capacity"), "overloaded" },
    { 503, err("Service Unavailable"), "overloaded" },
  },
  deepseek = {
    { 400, err("The supported API model names are a or b", { code = "invalid_request_error" }),
      "no_target" },
    { 400, err("Thinking mode does not support this tool_choice"), "bad_request" },
    { 401, err("Authentication Fails", { type = "authentication_error" }), "auth" },
    { 402, err("Insufficient Balance", { type = "unknown_error" }), "quota" },
    { 422, err("invalid parameters"), "bad_request" },
    { 429, err("Rate limit reached", { code = "rate_limit_reached_error" }), "rate_limited" },
    { 503, err("Service is too busy"), "overloaded" },
  },
  xai = {
    { 400, { code = "Client specified an invalid argument", error = "Incorrect API key provided" },
      "auth" },
    { 400, { code = "invalid-argument", error = "Model not found: grok-x" }, "no_target" },
    { 403, { code = "no permission", error = "Your team doesn't have any credits or licenses" },
      "quota" },
    { 403, { code = "no permission", error = "Content violates usage guidelines." },
      "content_filter" },
    { 404, { code = "not found", error = "The model grok-beta was deprecated" }, "no_target" },
    { 429, { code = "exhausted", error = "reached its monthly spending limit" }, "quota" },
    { 429, { code = "exhausted", error = "Too many requests" }, "rate_limited" },
  },
  openrouter = {
    { 400, err("This endpoint's maximum context length is 200000 tokens", { code = 400 }),
      "context_length" },
    { 400, err("Model no-such/model does not exist", { code = 400 }), "no_target" },
    { 402, err("Insufficient credits", { code = 402 }), "quota" },
    { 403, err("Your input was flagged", { code = 403, metadata = { reasons = { "x" } } }),
      "content_filter" },
    { 403, err("Provider returned error", { code = 403, metadata = { raw = "{}" } }), "auth" },
    { 404, err("No endpoints found", { code = 404 }), "no_target" },
    { 429, err("Provider returned error", { code = 429 }), "rate_limited" },
    { 502, err("Provider returned error", { code = 502 }), "upstream_5xx" },
    { 503, err("No instances available", { code = 503 }), "overloaded" },
    { 200, err("Upstream error", { code = 502 }), "upstream_5xx" },
    { 200, err("Insufficient credits", { code = 402 }), "quota" },
  },
  together = {
    { 402, err("billing"), "quota" },
    { 403, err("too long"), "context_length" },
    { 429, err("slow down"), "rate_limited" },
    { 503, err("overloaded", { type = "service_unavailable" }), "overloaded" },
  },
  fireworks = {
    { 429, err("Rate limit exceeded", { code = "rate_limit_exceeded" }), "rate_limited" },
    { 503, err("overloaded"), "overloaded" },
  },
  perplexity = {
    { 400, err("too long", { type = "too_many_prompt_tokens", code = 400 }), "context_length" },
    { 401, err("Invalid API key", { type = "invalid_api_key", code = 401 }), "auth" },
  },
  moonshot = {
    { 401, err("Invalid Authentication", { type = "invalid_authentication_error" }), "auth" },
    { 429, err("max RPM: 3", { type = "rate_limit_reached_error" }), "rate_limited" },
    { 429, err("overloaded", { type = "engine_overloaded_error" }), "overloaded" },
    { 429, err("is suspended", { type = "exceeded_current_quota_error" }), "quota" },
    { 400, err("high risk", { type = "content_filter" }), "content_filter" },
  },
  qwen = {
    { 400, err("inappropriate content", { code = "data_inspection_failed" }), "content_filter" },
    { 400, err("Access denied", { code = "Arrearage" }), "quota" },
    { 401, err("Incorrect API key", { code = "invalid_api_key" }), "auth" },
    { 404, err("not found", { code = "ModelNotFound" }), "no_target" },
    { 429, err("limit", { code = "limit_requests" }), "rate_limited" },
  },
  zhipu = {
    { 400, err("unsafe", { code = "1301" }), "content_filter" },
    { 400, err("too long", { code = "1261" }), "context_length" },
    { 400, err("bad", { code = "1210" }), "bad_request" },
    { 401, err("token", { code = "1002" }), "auth" },
    { 429, err("arrears", { code = "1113" }), "quota" },
    { 429, err("concurrency", { code = "1302" }), "rate_limited" },
    { 429, err("overloaded", { code = "1305" }), "overloaded" },
    { 429, err("plan", { code = "1308" }), "quota" },
  },
  minimax = {
    { 200, base_resp(1000, "unknown error"), "upstream_5xx" },
    { 200, base_resp(1001, "timeout"), "timeout" },
    { 200, base_resp(1002, "rate limit"), "rate_limited" },
    { 200, base_resp(1004, "not authorized"), "auth" },
    { 200, base_resp(1008, "insufficient balance"), "quota" },
    { 200, base_resp(1026, "input new_sensitive"), "content_filter" },
    { 200, base_resp(1027, "output new_sensitive"), "content_filter" },
    { 200, base_resp(1039, "token limit"), "rate_limited" },
    { 200, base_resp(2013, "invalid params"), "bad_request" },
    { 200, base_resp(2013, "invalid params, context window exceeds limit"), "context_length" },
    { 200, base_resp(2049, "invalid api key"), "auth" },
    { 200, base_resp(2056, "usage limit exceeded"), "quota" },
    { 400, err("invalid params, bad role (2013)", { type = "bad_request_error" }), "bad_request" },
    { 429, err("insufficient balance (1008)", { type = "insufficient_balance_error" }), "quota" },
  },
  huggingface = {
    { 400, err("is not supported by any provider", { code = "model_not_supported" }), "no_target" },
    { 401, { error = "Invalid username or password." }, "auth" },
    { 402, { error = "You have exceeded your monthly included credits" }, "quota" },
  },
  vllm = {
    { 400, flat("This model's maximum context length is 8192 tokens", { code = 400 }),
      "context_length" },
    { 404, flat("The model `foo` does not exist.", { code = 404 }), "no_target" },
  },
  llamacpp = {
    { 400, err("too long", { code = 400, type = "exceed_context_size_error" }), "context_length" },
    { 500, err("input (4002 tokens) is too large to process", { code = 500 }), "context_length" },
    { 501, err("not supported", { code = 501, type = "not_supported_error" }), "upstream_5xx" },
    { 503, err("Loading model", { code = 503 }), "overloaded" },
  },
  ollama = {
    { 400, err("prompt too long; exceeded max context length by 9 tokens"), "context_length" },
    { 404, { error = "model 'x' not found" }, "no_target" },
    { 503, { error = "server busy" }, "overloaded" },
  },
  cerebras = {
    { 429, flat("Requests per day limit exceeded", { code = "request_quota_exceeded" }),
      "rate_limited" },
  },
}

local function verdict_of(name, case)
  local adapter = loaded.adapters[name]
  local status, body, _, headers = unpack(case, 1, 4)
  local text = type(body) == "string" and body or core.encode(body)
  local summary = { status = status, body = text, headers = headers or {} }
  if status == 200 then
    summary.error = core.decode(text)
    summary.error = summary.error.error or summary.error
  end
  return classify.summary(summary, adapter.errors, 0, adapter.dialect.read_error)
end

describe("the errors of", function()
  before_each(function()
    core = fake.install()
    loaded = require("tide.adapters").load()
    classify = require("tide.classify")
  end)

  for name, cases in pairs(SAID) do
    it(name .. " mean what they mean there", function()
      for i, case in ipairs(cases) do
        local kind = verdict_of(name, case).kind
        assert.equal(case[3], kind, name .. " " .. i .. ": " .. case[1])
      end
    end)
  end

  it("a key without money are not those of one that is too fast", function()
    for name, cases in pairs(SAID) do
      for _, case in ipairs(cases) do
        local verdict = verdict_of(name, case)
        if case[3] == "quota" then assert.equal("credential", verdict.action, name) end
        if case[3] == "rate_limited" then assert.equal("next", verdict.action, name) end
      end
    end
  end)
end)
