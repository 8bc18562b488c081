local fake = require("spec.support.fake_core")

local core, gateway

local OK = fake.ok()

local function load(models, more)
  local config = {
    providers = {
      a = { extends = "openai", base_url = "http://a", keys = { { value = {} } } },
      b = { extends = "openai", base_url = "http://b", keys = { { value = {} }, { value = {} } } },
    },
    models = models or { m = { "a/x", "b/y" } },
  }
  for name, value in pairs(more or {}) do config[name] = value end
  core = fake.install({ config = config })
  math.randomseed(7)
  gateway = require("tide.gateway")
  assert(gateway.load())
end

local function ask(more, ...)
  local req = fake.request({
    body = '{"model":"m",' .. (more or "") .. '"messages":[{"role":"user","content":"hi"}]}',
  }, ...)
  gateway.serve(req)
  return req
end

local function labels(req)
  local list = {}
  for i, options in ipairs(req.attempts) do list[i] = options.label end
  return list
end

describe("the attempt loop", function()
  before_each(function() load() end)

  it("answers with the first lane and records what it used", function()
    local req = ask(nil, OK)
    assert.same({ "a/x#1" }, labels(req))
    assert.is_nil(req.replied)
    assert.same({
      outcome = "ok", model = "m", metric_model = "m", target = "a/x",
      is_answer = true,
    }, req.recorded)
    assert.equal(600, req.total)
  end)

  it("T-02 goes on to the next lanes after any failure before the commit point", function()
    local faults = {
      fake.failure("connect"), fake.failure("timeout", { phase = "first_token" }),
      fake.failure("protocol"), fake.status(500, "x"), fake.status(429, ""), fake.status(404, ""),
      { committed = false, status = 200, error = { message = "inside" } },
    }
    for _, fault in ipairs(faults) do
      load()
      local req = ask(nil, fault, OK)
      assert.same({ "a/x#1", "b/y#1" }, labels(req))
      assert.equal("ok", req.recorded.outcome)
      assert.same({}, core.slept)
    end
  end)

  it("T-12 tries the other key of a limited provider at once", function()
    load({ m = "b/y" })
    assert.same({ "b/y#1", "b/y#2" }, labels(ask(nil, fake.status(429, ""), OK)))
    assert.same({}, core.slept)
  end)

  it("T-18 skips a refused credential for all targets of its provider", function()
    load({ m = { "a/x", "a/y", "b/z" } })
    assert.same({ "a/x#1", "b/z#1" }, labels(ask(nil, fake.status(401, ""), OK)))
  end)

  it("sends again at once, fresh, when a pooled connection died unheard", function()
    local req = ask(nil, fake.failure("protocol", { reused = true }), OK)
    assert.same({ "a/x#1", "a/x#1" }, labels(req))
    assert.is_nil(req.attempts[1].fresh)
    assert.is_true(req.attempts[2].fresh)
  end)

  it("T-14 gives back a refusal of the request as the provider said it", function()
    local said = '{ "error" : {"message":"bad sk-secret","code":"unsupported_parameter"} }'
    local headers = { ["x-request-id"] = "req_1", ["set-cookie"] = "a=b", ["retry-after"] = "4" }
    local req = ask(nil, fake.status(400, said, headers))
    assert.equal(400, req.replied.status)
    assert.equal('{ "error" : {"message":"bad ***","code":"unsupported_parameter"} }',
      req.replied.body)
    assert.same({
      ["content-type"] = "application/json", ["x-request-id"] = "req_1", ["retry-after"] = "4",
    }, req.replied.headers)
    assert.equal("client_error", req.recorded.outcome)
    assert.equal(1, #req.attempts)
  end)

  it("words a refusal that has no body", function()
    local req = ask(nil, fake.status(422, ""))
    assert.equal(422, req.replied.status)
    assert.equal("invalid_request_error", req:json().error.type)
  end)

  it("words a refusal inside a 200 as a 400", function()
    local inside = { committed = false, status = 200, error = { code = "content_filter" } }
    local req = ask(nil, inside)
    assert.equal(400, req.replied.status)
    assert.equal("content_filter", req:json().error.code)
  end)

  it("T-19 tries no more often than retry.max after the first", function()
    load(nil, { retry = { max = 3 } })
    local req = ask(nil, fake.status(500, ""))
    assert.equal(4, #req.attempts)
    assert.equal(502, req.replied.status)
    assert.equal("upstream_error", req.recorded.outcome)
    assert.equal("upstream_error", req:json().error.type)
  end)

  it("tries a single lane again after a back-off", function()
    load({ m = "a/x" })
    local req = ask(nil, fake.status(500, ""), fake.failure("connect"), OK)
    assert.equal("ok", req.recorded.outcome)
    assert.equal(2, #core.slept)
    assert.is_true(core.slept[1] <= 0.25 and core.slept[2] <= 0.5)
  end)

  it("T-11 answers 429 with the earliest Retry-After when all lanes are limited", function()
    local req = ask(nil, fake.status(429, "", { ["retry-after"] = "30" }),
      fake.status(429, "", { ["retry-after-ms"] = "12500" }),
      fake.status(429, "", { ["retry-after"] = "20" }))
    assert.equal(429, req.replied.status)
    assert.equal("13", req.replied.headers["retry-after"])
    assert.equal("limited", req.recorded.outcome)
    assert.equal(3, #req.attempts)
  end)

  it("T-11 waits for a lane that is back within two seconds", function()
    load({ m = "a/x" })
    local req = ask(nil, fake.status(429, "", { ["retry-after"] = "2" }), OK)
    assert.same({ 2 }, core.slept)
    assert.equal("ok", req.recorded.outcome)
  end)

  it("answers 504 when the time is over", function()
    load({ m = "a/x" }, { timeout = { total = 1 } })
    local req = ask(nil, function()
      core.clock = core.clock + 1
      return fake.failure("timeout", { phase = "total" })
    end)
    assert.equal(504, req.replied.status)
    assert.equal(1, req.total)
    assert.equal(1, #req.attempts)
  end)

  it("answers 502 when every credential is refused", function()
    local req = ask(nil, fake.status(401, '{"error":{"message":"key sk-secret"}}'))
    assert.equal(502, req.replied.status)
    assert.same({ "a/x#1", "b/y#1", "b/y#2" }, labels(req))
    assert.is_nil(req.replied.body:find("sk-secret", 1, true))
  end)

  it("T-10 ends a stream whose head is out with an error event", function()
    local req = ask('"stream":true,', function(_, self)
      self.started = true
      return fake.status(429, "", { ["retry-after"] = "9" })
    end)
    assert.is_nil(req.replied)
    assert.matches('^data: {"error":{.*"type":"rate_limit_error"}}\n\n$', req.stream_end)
    req = ask('"stream":true,', function(_, self)
      self.started = true
      return fake.status(400, '{"error":{"message":"too hot"}}')
    end)
    assert.matches('"message":"too hot"', req.stream_end)
  end)

  it("T-01 counts a stream that broke behind the commit point as failed", function()
    local req = ask('"stream":true,', {
      committed = true, complete = false, status = 200, kind = "protocol", message = "cut",
    })
    assert.equal("upstream_error", req.recorded.outcome)
    assert.equal("protocol", req.recorded.kind)
    assert.is_true(req.recorded.is_answer)
    assert.equal(1, #req.attempts)
  end)

  it("T-07 stops when the client has gone", function()
    local req = ask(nil, function(_, self)
      self.gone = true
      return fake.failure("canceled")
    end)
    assert.equal("canceled", req.recorded.outcome)
    assert.is_nil(req.replied)
    assert.equal(1, #req.attempts)
    req = ask(nil, { committed = true, complete = false, kind = "canceled" })
    assert.equal("canceled", req.recorded.outcome)
  end)

  it("T-07 stops when the client goes during a back-off", function()
    load({ m = "a/x" })
    core.sleep = function() return nil, { kind = "canceled" } end
    local req = ask(nil, fake.status(500, ""))
    assert.equal("canceled", req.recorded.outcome)
    assert.equal(1, #req.attempts)
  end)

  it("T-20 fails over for embeddings and completions alike", function()
    for _, path in ipairs({ "/v1/embeddings", "/v1/completions" }) do
      local req = fake.request({ path = path, body = '{"model":"m","input":"x","prompt":"x"}' },
        fake.status(500, ""), OK)
      gateway.serve(req)
      assert.same({ "a/x#1", "b/y#1" }, labels(req))
    end
  end)

  describe("T-22 a prompt that is too long", function()
    local function too_long(text)
      return fake.status(400, '{"error":{"message":"' .. (text or "too long")
        .. '","code":"context_length_exceeded"}}')
    end

    -- Targets by name, with what their models can read.
    local function with_windows(windows, more)
      local known = { a = {}, b = {} }
      for target, window in pairs(windows) do
        local provider, model = target:match("^(.)/(.*)$")
        known[provider][model] = window and { context = window } or {}
      end
      local config = { providers = {} }
      for name, models in pairs(known) do
        config.providers[name] = {
          extends = "openai", base_url = "http://" .. name, keys = { { value = {} } },
          models = models,
        }
      end
      for name, value in pairs(more or {}) do config[name] = value end
      load({ m = { "a/x", "b/y", "a/z", "b/w" } }, config)
    end

    it("goes to a model that is known to read more", function()
      with_windows({ ["a/x"] = 8000, ["b/y"] = 8000, ["a/z"] = false, ["b/w"] = 128000 })
      local req = ask(nil, too_long(), OK)
      assert.same({ "a/x#1", "b/w#1" }, labels(req))
      assert.equal("ok", req.recorded.outcome)
      assert.same({}, core.slept)
    end)

    it("is the client's own error where no model reads more", function()
      for _, windows in ipairs({
        { ["a/x"] = 8000, ["b/y"] = 8000, ["a/z"] = 4000, ["b/w"] = false },
        { ["a/x"] = false, ["b/y"] = 8000, ["a/z"] = 4000, ["b/w"] = 128000 },
      }) do
        with_windows(windows)
        local req = ask(nil, too_long())
        assert.same({ "a/x#1" }, labels(req))
        assert.equal(400, req.replied.status)
        assert.equal("context_length", req.recorded.kind)
        assert.equal("client_error", req.recorded.outcome)
      end
    end)

    it("is told by the largest that was asked", function()
      with_windows({ ["a/x"] = 8000, ["b/y"] = 16000, ["a/z"] = 32000 })
      local req = ask(nil, too_long("of x"), too_long("of y"), too_long("of z"))
      assert.same({ "a/x#1", "b/y#1", "a/z#1" }, labels(req))
      assert.matches("of z", req.replied.body)
    end)

    it("is the client's own error when the attempts are used up", function()
      with_windows({ ["a/x"] = 8000, ["b/w"] = 128000 }, { retry = { max = 0 } })
      assert.equal(400, ask(nil, too_long()).replied.status)
    end)

    it("counts as no failure: a limited larger model makes the answer a 429", function()
      with_windows({ ["a/x"] = 8000, ["b/w"] = 128000 })
      local limited = fake.status(429, "", { ["retry-after"] = "7" })
      local req = ask(nil, too_long(), limited)
      assert.same({ "a/x#1", "b/w#1" }, labels(req))
      assert.equal(429, req.replied.status)
      assert.equal("7", req.replied.headers["retry-after"])
    end)
  end)
end)
