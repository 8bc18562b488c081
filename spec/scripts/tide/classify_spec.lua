local fake = require("spec.support.fake_core")
local adapters, classify

local function verdict(summary, adapter)
  return classify.summary(summary, adapters[adapter or "openai"].errors, 0)
end

local function action(summary, adapter)
  local result = verdict(summary, adapter)
  return result.action .. " " .. result.kind
end

local function error_text(fields)
  return fake.encode({ error = fields })
end

describe("tide.classify", function()
  before_each(function()
    fake.install()
    classify = require("tide.classify")
    adapters = require("tide.adapters").load().adapters
  end)

  it("moves on after everything that another lane may do better", function()
    for status, kind in pairs({
      [408] = "timeout", [429] = "rate_limited", [500] = "upstream_5xx", [502] = "upstream_5xx",
      [503] = "overloaded", [529] = "overloaded", [409] = "overloaded",
    }) do
      assert.equal("next " .. kind, action(fake.status(status, "")))
    end
    for _, kind in ipairs({ "dns", "connect", "tls", "timeout", "protocol" }) do
      assert.equal("next " .. kind, action(fake.failure(kind)))
    end
  end)

  it("does not ask the same lane again for an answer that was too large to be held", function()
    assert.equal("never too_large", action(fake.failure("too_large")))
  end)

  it("gives to the client what is about the request itself", function()
    for status, kind in pairs({
      [400] = "bad_request", [413] = "too_large", [422] = "bad_request", [418] = "upstream_4xx",
    }) do
      assert.equal("client " .. kind, action(fake.status(status, "")))
    end
  end)

  it("T-18 closes the credential after 401 and 402, the lane after 403, 404 and 407", function()
    assert.equal("credential auth", action(fake.status(401, "")))
    assert.equal("credential quota", action(fake.status(402, "")))
    assert.equal("never auth", action(fake.status(403, "")))
    assert.equal("never auth", action(fake.status(407, "")))
    assert.equal("never no_target", action(fake.status(404, "")))
  end)

  it("knows a 429 that means no money", function()
    local body = error_text({ type = "insufficient_quota", code = "insufficient_quota" })
    assert.equal("credential quota", action(fake.status(429, body)))
    body = error_text({ type = "exceeded_current_quota_error", message = "suspended" })
    assert.equal("credential quota", action(fake.status(429, body), "moonshot"))
    body = error_text({ code = "1113", message = "no balance" })
    assert.equal("credential quota", action(fake.status(429, body), "zhipu"))
  end)

  it("T-22 tells a prompt that is too long from other bad requests", function()
    local body = error_text({ code = "context_length_exceeded", message = "too long" })
    assert.equal("larger context_length", action(fake.status(400, body)))
    body = error_text({ type = "too_many_prompt_tokens", code = 400, message = "too long" })
    assert.equal("larger context_length", action(fake.status(400, body), "perplexity"))
    assert.equal("larger context_length", action(fake.status(403, ""), "together"))
    body = error_text({ message = "This model's maximum context length is 65536 tokens." })
    for _, name in ipairs({ "deepseek", "mistral", "fireworks", "vllm", "openrouter" }) do
      assert.equal("larger context_length", action(fake.status(400, body), name))
    end
    body = '{"code":"invalid","error":"This model\'s maximum prompt length is 131072 but ..."}'
    assert.equal("larger context_length", action(fake.status(400, body), "xai"))
  end)

  it("reads xAI's errors, which are texts", function()
    local bad_key = '{"code":"invalid","error":"Incorrect API key provided: xa***ey."}'
    assert.equal("credential auth", action(fake.status(400, bad_key), "xai"))
    local no_credits = '{"code":"denied","error":"Your team has no credits or licenses yet."}'
    assert.equal("credential quota", action(fake.status(403, no_credits), "xai"))
    local refused = '{"code":"denied","error":"Content violates usage guidelines."}'
    assert.equal("client content_filter", action(fake.status(403, refused), "xai"))
    assert.equal("client bad_request", action(fake.status(400, '{"error":"no"}'), "xai"))
  end)

  it("reads flat bodies, details and pages that are no JSON", function()
    assert.equal("Invalid API Key",
      verdict(fake.status(401, '{"detail":"Invalid API Key"}')).message)
    assert.equal("no such model",
      verdict(fake.status(404, '{"object":"error","message":"no such model"}')).message)
    assert.is_nil(verdict(fake.status(502, "<html>Bad Gateway</html>")).message)
  end)

  it("T-02 moves on after an error inside a 200, whatever its status would have been", function()
    local function inside(value)
      return { committed = false, status = 200, error = value, headers = {} }
    end
    assert.equal("next upstream_5xx", action(inside({ message = "x" })))
    assert.equal("next upstream_5xx", action(inside("just a text")))
    assert.equal("next rate_limited", action(inside({ code = 429, message = "x" })))
    assert.equal("next bad_request", action(inside({ code = 400, message = "x" })))
    assert.equal("client content_filter", action(inside({ code = "content_filter" })))
  end)

  it("sends again when a reused connection died before a byte was heard", function()
    assert.equal("again protocol", action(fake.failure("protocol", { reused = true })))
    assert.equal("again connect", action(fake.failure("connect", { reused = true })))
    assert.equal("next protocol", action(fake.failure("protocol", { reused = true, heard = true })))
    assert.equal("next timeout", action(fake.failure("timeout", { reused = true })))
    assert.equal("next protocol", action(fake.failure("protocol", { reused = false })))
  end)

  it("lets x-should-retry override the status", function()
    assert.equal("next bad_request", action(fake.status(400, "", { ["x-should-retry"] = "true" })))
    assert.equal("never upstream_5xx",
      action(fake.status(500, "", { ["x-should-retry"] = "false" })))
    local body = error_text({ code = "content_filter" })
    assert.equal("client content_filter",
      action(fake.status(400, body, { ["x-should-retry"] = "true" })))
  end)

  it("carries Retry-After", function()
    assert.equal(2, verdict(fake.status(429, "", { ["retry-after"] = "2" })).retry_after)
  end)

  it("ends when the client has gone", function()
    assert.equal("gone canceled", action(fake.failure("canceled")))
  end)

  it("calls an answer that says nothing a protocol error", function()
    assert.equal("next protocol", action({ committed = false, status = 200, headers = {} }))
    assert.equal("next protocol", action(fake.status(302, "")))
  end)
end)
