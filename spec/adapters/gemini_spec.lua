-- The adapters gemini and vertex: where they are, and what their models want.
local fake = require("spec.support.fake_core")

local adapters, families

local function traits(adapter, model)
  return families.find(adapters[adapter].families, model).traits
end

describe("the adapter", function()
  before_each(function()
    fake.install()
    adapters = require("tide.adapters").load().adapters
    families = require("tide.families")
  end)

  it("gemini says where it is and which key it takes", function()
    assert.equal("https://generativelanguage.googleapis.com", adapters.gemini.base_url)
    assert.same({ type = "header", name = "x-goog-api-key", secret = "GEMINI_API_KEY" },
      adapters.gemini.auth)
    assert.equal("gemini", adapters.gemini.dialect.name)
  end)

  local HOSTS = {
    [""] = "https://aiplatform.googleapis.com", global = "https://aiplatform.googleapis.com",
    ["us-central1"] = "https://us-central1-aiplatform.googleapis.com",
    eu = "https://aiplatform.eu.rep.googleapis.com",
  }

  for location, host in pairs(HOSTS) do
    it("vertex is at " .. host .. " for the location '" .. location .. "'", function()
      local config = { project = "p", location = location ~= "" and location or nil }
      assert.equal(host, adapters.vertex.base_url(config))
    end)
  end

  local THINKING = {
    ["gemini-3-pro-preview"] = { "level", "low" }, ["gemini-3.1-pro-preview"] = { "level", "low" },
    ["gemini-3-flash-preview"] = { "level", "minimal" },
    ["gemini-4-ultra"] = { "level", "minimal" },
    ["gemini-flash-latest"] = { "level", "minimal" }, ["gemini-2.5-pro"] = { "budget", 128 },
    ["gemini-2.5-flash"] = { "budget", 0 }, ["gemini-2.5-flash-lite"] = { "budget", 512 },
    ["gemini-2.5-flash-image"] = {}, ["gemini-3-pro-image-preview"] = {},
    ["gemini-2.0-flash"] = {}, ["gemma-3-27b-it"] = {},
  }

  for model, expected in pairs(THINKING) do
    it("gemini knows how " .. model .. " thinks", function()
      local found = traits("gemini", model)
      assert.equal(expected[1], found.thinking)
      assert.equal(expected[2], found.levels and found.levels[1] or found.budget_min)
    end)
  end

  it("gemini asks for signatures from Gemini 3 on, and for the older schemas before 2.5", function()
    assert.equal("required", traits("gemini", "gemini-3.5-flash").signatures)
    assert.equal("required", traits("gemini", "gemini-3-pro-image-preview").signatures)
    assert.is_nil(traits("gemini", "gemini-2.5-pro").signatures)
    assert.equal("openapi", traits("gemini", "gemini-2.0-flash").schema)
    assert.is_nil(traits("gemini", "gemini-2.5-flash").schema)
    assert.is_false(traits("gemini", "gemma-3-27b-it").system)
  end)

  it("vertex has the same models, with labels and without tiers", function()
    local found = traits("vertex", "gemini-2.5-pro")
    assert.equal(128, found.budget_min)
    assert.is_true(found.labels)
    assert.is_false(found.service_tier)
    assert.is_nil(traits("gemini", "gemini-2.5-pro").labels)
  end)
end)

describe("the errors of gemini", function()
  local function verdict(status, body)
    local classify = require("tide.classify")
    local adapter = adapters.gemini
    return classify.summary({ status = status, headers = {}, body = body }, adapter.errors, 0,
      adapter.dialect.read_error)
  end

  before_each(function()
    fake.install()
    adapters = require("tide.adapters").load().adapters
  end)

  local function said(status, word, details)
    return verdict(status, ('{"error":{"code":%d,"message":"m","status":"%s","details":[%s]}}')
      :format(status, word, details or ""))
  end

  local TYPE = '{"@type":"type.googleapis.com/google.rpc.'
  local function quota(id)
    return TYPE .. 'QuotaFailure","violations":[{"quotaId":"' .. id .. '"}]}'
  end

  local CASES = {
    { "auth", 400, "INVALID_ARGUMENT", TYPE .. 'ErrorInfo","reason":"API_KEY_INVALID"}' },
    { "bad_request", 400, "INVALID_ARGUMENT" }, { "auth", 401, "UNAUTHENTICATED" },
    { "auth", 403, "PERMISSION_DENIED" }, { "no_target", 404, "NOT_FOUND" },
    { "quota", 429, "RESOURCE_EXHAUSTED", quota("RequestsPerDayPerProjectPerModel-FreeTier") },
    { "rate_limited", 429, "RESOURCE_EXHAUSTED", quota("RequestsPerMinutePerProject") },
    { "rate_limited", 429, "RESOURCE_EXHAUSTED" }, { "overloaded", 503, "UNAVAILABLE" },
    { "timeout", 504, "DEADLINE_EXCEEDED" }, { "upstream_5xx", 500, "INTERNAL" },
  }

  for i, case in ipairs(CASES) do
    it(("are told apart: %d %s (%d)"):format(case[2], case[3], i), function()
      assert.equal(case[1], said(case[2], case[3], case[4]).kind)
    end)
  end

  it("say how long to wait", function()
    assert.equal(34.07, said(429, "RESOURCE_EXHAUSTED",
      TYPE .. 'RetryInfo","retryDelay":"34.07s"}').retry_after)
  end)

  it("know a prompt that is too long", function()
    local long = '{"error":{"code":400,"message":"The input token count (9) exceeds the maximum '
      .. 'number of tokens allowed (8).","status":"INVALID_ARGUMENT"}}'
    assert.equal("context_length", verdict(400, long).kind)
  end)
end)
