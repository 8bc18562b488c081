-- What clients of the other dialects get of the gateway itself.
local fake = require("spec.support.fake_core")
local toy = require("spec.support.toy_dialect")

local gateway

local function load(options)
  options = options or {}
  options.config = { providers = { mock = {} }, models = { smart = "mock/fast" } }
  options.files = toy.files()
  local core = fake.install(options)
  gateway = require("tide.gateway")
  assert(gateway.load())
  return core
end

local function ask(path, body, more)
  local options = more or {}
  options.path, options.body = path, body
  local req = fake.request(options)
  gateway.serve(req)
  assert.is_truthy(req.recorded)
  return req, req.replied.status
end

local RESPONSES, MESSAGES = "/v1/responses", "/v1/messages"
local GEMINI = "/v1beta/models/smart:generateContent"
local PATHS = {
  [RESPONSES] = "openai-responses", [MESSAGES] = "anthropic-messages", [GEMINI] = "gemini",
}
-- A good body for each of them.
local GOOD = {
  [RESPONSES] = '{"model":"smart","input":"hi"}', [MESSAGES] = '{"model":"smart","messages":[]}',
  [GEMINI] = '{"contents":[]}',
}

describe("an error", function()
  it("is in the dialect of the path: no JSON, the wrong method, no such path", function()
    load()
    for path, dialect in pairs(PATHS) do
      local req, status = ask(path, "{")
      assert.same({ 400, dialect, "bad_request" }, { status, req:json().toy, req:json().kind })
      req, status = ask(path, nil, { method = "DELETE" })
      assert.same({ 405, dialect }, { status, req:json().toy })
    end
    for path, dialect in pairs({
      ["/v1beta/nothing"] = "gemini", ["/v1/messages/nothing"] = "anthropic-messages",
      ["/v1/responses/resp_1"] = "openai-responses",
    }) do
      local req, status = ask(path, "{}")
      assert.same({ 404, dialect }, { status, req:json().toy })
    end
  end)

  it("names our request id", function()
    load()
    assert.equal("0123", ask(MESSAGES, "{"):json().id)
  end)

  it("T-37 is in the dialect of the path: an unknown model", function()
    load()
    local req, status = ask("/v1beta/models/smrt:generateContent", '{"contents":[]}')
    assert.same({ 404, "gemini", "no_target" }, { status, req:json().toy, req:json().kind })
    assert.matches("did you mean 'smart'", req:json().message)
    req, status = ask(MESSAGES, '{"model":"smrt","messages":[]}')
    assert.same({ 404, "anthropic-messages" }, { status, req:json().toy })
  end)

  it("is an array's element where the stream would have been an array", function()
    load()
    local path = "/v1beta/models/smart:streamGenerateContent"
    assert.equal("gemini", ask(path, "{"):json()[1].toy)
    assert.equal("gemini", ask(path, "{", { query = "alt=sse" }):json().toy)
  end)
end)

describe("a client key", function()
  it("is found wherever clients of each dialect put it, and missed in their words", function()
    load({ clients = { ["key one"] = "app" } })
    for path, dialect in pairs(PATHS) do
      for _, headers in ipairs({
        { authorization = "Bearer key one" }, { ["x-api-key"] = "key one" },
        { ["x-goog-api-key"] = "key one" },
      }) do
        assert.not_equal(401, select(2, ask(path, "{", { headers = headers })))
      end
      assert.not_equal(401, select(2, ask(path, "{", { query = "key=key%20one" })))
      local req, status = ask(path, GOOD[path])
      assert.same({ 401, dialect, "auth" }, { status, req:json().toy, req:json().kind })
    end
  end)
end)

describe("a request that builds on an earlier one", function()
  it("is refused where no provider keeps that one", function()
    load()
    local req, status = ask(RESPONSES,
      '{"model":"smart","input":"hi","previous_response_id":"resp_1"}')
    assert.same({ 400, "openai-responses" }, { status, req:json().toy })
    assert.matches("^previous_response_id needs a provider that speaks openai%-responses",
      req:json().message)
    assert.equal(0, #req.attempts)
  end)
end)

describe("counting", function()
  it("is an estimate, and says so, where no provider counts", function()
    load()
    for path, body in pairs({
      ["/v1/messages/count_tokens"] =
        '{"model":"smart","system":"12345678","messages":["12345678"]}',
      ["/v1beta/models/smart:countTokens"] =
        '{"systemInstruction":"12345678","contents":["12345678"]}',
    }) do
      local req, status = ask(path, body)
      assert.same({ 200, { tokens = 6 } }, { status, req:json() })
      assert.matches("estimate", req:added_header("x-tidegate-warnings"))
      assert.same({ "ok", "smart" }, { req.recorded.outcome, req.recorded.model })
    end
  end)

  it("needs a model that there is, and a conversation", function()
    load()
    local path = "/v1/messages/count_tokens"
    assert.equal(404, select(2, ask(path, '{"model":"nope","messages":[]}')))
    assert.equal(400, select(2, ask(path, '{"model":"smart"}')))
  end)
end)
