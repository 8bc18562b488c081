local fake = require("spec.support.fake_core")

local gateway

local function ask(path, token, method)
  local headers = token and { authorization = "Bearer " .. token } or {}
  local req = fake.request({ method = method or "GET", path = path, headers = headers })
  gateway.serve_admin(req)
  return req
end

describe("the admin listener", function()
  before_each(function()
    fake.install({ config = { providers = { mock = {} } }, admin = "token" })
    gateway = require("tide.gateway")
    assert(gateway.load())
  end)

  it("asks for its token", function()
    assert.equal(401, ask("/metrics").replied.status)
    assert.equal(401, ask("/metrics", "wrong").replied.status)
    assert.equal(401, ask("/nothing", "wrong").replied.status)
    assert.equal(200, ask("/metrics", "token").replied.status)
  end)

  it("tells its health to anybody", function()
    assert.equal('{"status":"ok"}', ask("/health").replied.body)
  end)

  it("serves metrics as Prometheus reads them", function()
    local req = ask("/metrics", "token")
    assert.equal("tidegate_generation 1\n", req.replied.body)
    assert.matches("^text/plain; version=0.0.4", req.replied.headers["content-type"])
  end)

  it("serves lanes and scripts", function()
    assert.equal("[]", ask("/admin/lanes", "token").replied.body)
    assert.equal('{"files":[],"generation":1,"last_failure":null}',
      ask("/admin/scripts", "token").replied.body)
  end)

  it("T-39 tells what the last reload failed with", function()
    local failure = { time = 5, file = "gateway.lua", line = 3, message = "no" }
    fake.install({ config = { providers = { mock = {} } }, failure = failure })
    gateway = require("tide.gateway")
    assert(gateway.load())
    assert.same(failure, ask("/admin/scripts"):json().last_failure)
  end)

  it("reloads when it is asked to", function()
    local req = ask("/admin/reload", "token", "POST")
    assert.same({ 200, '{"generation":7}' }, { req.replied.status, req.replied.body })
    assert.equal(401, ask("/admin/reload", nil, "POST").replied.status)
    local get = ask("/admin/reload", "token")
    assert.same({ 405, "POST" }, { get.replied.status, get.replied.headers.allow })
  end)

  it("says why it does not reload", function()
    local failure = { time = 5, file = "scripts/x.lua", line = 3, message = "no" }
    fake.install({ config = { providers = { mock = {} } }, failure = failure })
    gateway = require("tide.gateway")
    assert(gateway.load())
    local req = ask("/admin/reload", nil, "POST")
    assert.same({ 422, '{"error":{"file":"scripts/x.lua","line":3,"message":"no"}}' },
      { req.replied.status, req.replied.body })
  end)

  it("answers wrong paths and methods", function()
    assert.equal(404, ask("/admin/nothing", "token").replied.status)
    local req = ask("/metrics", "token", "POST")
    assert.same({ 405, "GET, HEAD" }, { req.replied.status, req.replied.headers.allow })
    assert.equal(200, ask("/metrics", "token", "HEAD").replied.status)
  end)

  it("does not change the metrics by being looked at", function()
    assert.is_nil(ask("/metrics", "token").recorded)
  end)

  it("is open without a token", function()
    fake.install({ config = { providers = { mock = {} } } })
    gateway = require("tide.gateway")
    assert(gateway.load())
    assert.equal(200, ask("/metrics").replied.status)
  end)
end)
