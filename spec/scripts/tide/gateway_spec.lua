local fake = require("spec.support.fake_core")

local core, gateway

local function load(options)
  options = options or {}
  options.config = options.config or { providers = { mock = {} }, models = { smart = "mock/fast" } }
  core = fake.install(options)
  gateway = require("tide.gateway")
  return gateway.load()
end

local function ask(options)
  local req = fake.request(options)
  gateway.serve(req)
  assert.is_truthy(req.recorded)
  return req
end

local function get(path, headers) return ask({ method = "GET", path = path, headers = headers }) end

local CHAT = '{"model":"smart","messages":[{"role":"user","content":"hi"}]}'

describe("tide.gateway", function()
  before_each(function() assert(load()) end)

  it("says that it is well", function()
    local req = get("/health")
    assert.same({ 200, '{"status":"ok"}' }, { req.replied.status, req.replied.body })
    assert.equal("ok", req.recorded.outcome)
    assert.equal(200, ask({ method = "HEAD", path = "/health" }).replied.status)
  end)

  it("lists models, configured ones first", function()
    local list = get("/v1/models"):json()
    assert.equal("list", list.object)
    assert.same({ id = "smart", object = "model", created = 0, owned_by = "tidegate" },
      list.data[1])
    assert.equal("mock/cut", list.data[2].id)
  end)

  it("shows one model, with a slash in its name or an encoded one", function()
    assert.equal("smart", get("/v1/models/smart"):json().id)
    assert.equal("mock", get("/v1/models/mock/gpt"):json().owned_by)
    assert.equal("mock/gpt", get("/v1/models/mock%2Fgpt"):json().id)
    local req = get("/v1/models/nope")
    assert.same({ 404, "model_not_found" }, { req.replied.status, req:json().error.code })
  end)

  it("answers a chat with the mock", function()
    local req = ask({ body = CHAT })
    assert.equal(200, req.sent.status)
    assert.equal("ok", req.recorded.outcome)
    assert.equal("smart", req.recorded.metric_model)
    assert.equal("mock/fast", req.recorded.target)
  end)

  it("T-37 answers an unknown model in OpenAI's shape", function()
    local req = ask({ body = '{"model":"smrt","messages":[]}' })
    local err = req:json().error
    assert.equal(404, req.replied.status)
    assert.same({ "model_not_found", "model", "invalid_request_error" },
      { err.code, err.param, err.type })
    assert.matches("did you mean 'smart'", err.message)
    assert.same({ "client_error", "other", "smrt" },
      { req.recorded.outcome, req.recorded.metric_model, req.recorded.model })
  end)

  it("does not repeat a name of a megabyte", function()
    local req = ask({ body = '{"model":"' .. string.rep("x/", 100000) .. '","messages":[]}' })
    assert.equal(404, req.replied.status)
    assert.is_true(#req.replied.body < 1000)
  end)

  it("answers an operation that no lane offers", function()
    assert(load({ config = { providers = { perplexity = {} } } }))
    local req = ask({ path = "/v1/embeddings", body = '{"model":"perplexity/sonar","input":"x"}' })
    assert.same({ 400, "unsupported_operation" }, { req.replied.status, req:json().error.code })
  end)

  it("names an unknown path and lists what there is", function()
    local req = get("/v1/nothing")
    assert.equal(404, req.replied.status)
    assert.matches("There is no GET /v1/nothing. There is POST /v1/chat/completions, ",
      req:json().error.message)
  end)

  it("names the methods that a path takes", function()
    local req = get("/v1/chat/completions")
    assert.equal(405, req.replied.status)
    assert.equal("POST, OPTIONS", req.replied.headers.allow)
  end)

  it("answers OPTIONS with Allow", function()
    local req = ask({ method = "OPTIONS", path = "/v1/models" })
    assert.equal(204, req.replied.status)
    assert.same({ allow = "GET, HEAD, OPTIONS" }, req.replied.headers)
    local all = ask({ method = "OPTIONS", path = "*" })
    assert.equal(204, all.replied.status)
    assert.same({ allow = "GET, HEAD, POST, OPTIONS" }, all.replied.headers)
  end)

  it("counts what it starts with", function()
    assert.same({ providers = { "mock" }, models = { "smart" }, endpoints = 31 }, gateway.summary())
  end)

  it("hands on what is wrong with configuration and adapters", function()
    local ok, err = load({ config = { providers = { opnai = {} } } })
    assert.is_nil(ok)
    assert.equal("providers.opnai", err.path)
    ok, err = load({ config = { providers = { mock = {} }, models = { a = "b" } } })
    assert.is_nil(ok)
    assert.equal("models.a", err.path)
    ok, err = load({ files = { ["adapters/x.lua"] = "return" } })
    assert.is_nil(ok)
    assert.equal("adapters/x.lua", err.file)
  end)
end)

describe("client keys", function()
  before_each(function() assert(load({ clients = { ["key one"] = "app" } })) end)

  it("are found in each place where clients put them", function()
    for _, headers in ipairs({
      { authorization = "Bearer key one" }, { authorization = "bearer   key one" },
      { ["x-api-key"] = "key one" }, { ["x-goog-api-key"] = "key one" },
    }) do
      assert.equal("app", ask({ body = CHAT, headers = headers }).recorded.client)
    end
    assert.equal("app", ask({ body = CHAT, query = "a=b&key=key%20one" }).recorded.client)
    assert.equal("app", ask({ body = CHAT, query = "key=key+one" }).recorded.client)
  end)

  it("that are missing or unknown are a 401 in the caller's dialect", function()
    for _, headers in ipairs({ {}, { authorization = "Basic x" }, { ["x-api-key"] = "wrong" },
      { authorization = "Bearer " } }) do
      local req = ask({ body = CHAT, headers = headers })
      assert.equal(401, req.replied.status)
      assert.equal("invalid_api_key", req:json().error.code)
      assert.equal("Bearer", req.replied.headers["www-authenticate"])
      assert.equal("client_error", req.recorded.outcome)
    end
    assert.equal(401, get("/v1/models").replied.status)
  end)

  it("are not asked for by /health and OPTIONS", function()
    assert.equal(200, get("/health").replied.status)
    assert.equal(204, ask({ method = "OPTIONS", path = "/v1/models" }).replied.status)
  end)
end)

describe("cross-origin requests", function()
  local APP = "https://app.example"

  before_each(function()
    assert(load({ config = { providers = { mock = {} }, cors = { origins = { APP } } } }))
  end)

  it("may read every answer, errors too, from an allowed origin", function()
    for _, path in ipairs({ "/health", "/nothing" }) do
      local req = get(path, { origin = APP })
      assert.equal(APP, req:added_header("access-control-allow-origin"))
      assert.equal("origin", req:added_header("vary"))
      local readable = req:added_header("access-control-expose-headers")
      assert.matches("x%-tidegate%-request%-id", readable)
      assert.matches("x%-amzn%-errortype", readable)
    end
  end)

  it("may not from another", function()
    local req = get("/health", { origin = "https://evil.example" })
    assert.is_nil(req:added_header("access-control-allow-origin"))
    assert.equal("origin", req:added_header("vary"))
  end)

  it("are announced by a preflight", function()
    local req = ask({ method = "OPTIONS", headers = {
      origin = APP, ["access-control-request-method"] = "POST",
      ["access-control-request-headers"] = "authorization, x-stainless-os",
    } })
    assert.equal(204, req.replied.status)
    assert.same({
      ["access-control-allow-methods"] = "POST, OPTIONS",
      ["access-control-allow-headers"] = "authorization, x-stainless-os",
      ["access-control-max-age"] = "86400",
    }, req.replied.headers)
  end)

  it("are refused by a preflight without CORS headers", function()
    local req = ask({ method = "OPTIONS", headers = {
      origin = "https://evil.example", ["access-control-request-method"] = "POST",
    } })
    assert.same({ allow = "POST, OPTIONS" }, req.replied.headers)
    assert.is_nil(req:added_header("access-control-allow-origin"))
  end)

  it("may come from anywhere with *", function()
    assert(load({ config = { providers = { mock = {} }, cors = { origins = { "*" } } } }))
    local req = get("/health", { origin = "https://any.example" })
    assert.equal("https://any.example", req:added_header("access-control-allow-origin"))
  end)

  it("cost nothing when they are off", function()
    assert(load())
    local req = get("/health", { origin = APP })
    assert.same({}, req.added)
    assert.is_truthy(core)
  end)
end)
