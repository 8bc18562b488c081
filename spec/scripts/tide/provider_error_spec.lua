local fake = require("spec.support.fake_core")

local provider_error, retry_after

describe("tide.provider_error", function()
  before_each(function()
    fake.install()
    provider_error, retry_after = require("tide.provider_error"), require("tide.retry_after")
  end)

  it("reads what is written in the usual places", function()
    for text, said in pairs({
      ['{"error":{"message":"m","code":5,"type":"t"}}'] = { message = "m", code = "5", type = "t" },
      ['{"error":"m"}'] = { message = "m" },
      ['{"message":"m","code":"c"}'] = { message = "m", code = "c" },
      ['{"detail":"m"}'] = { message = "m" },
      ['{"__type":"t","message":"m"}'] = { message = "m", type = "t" },
      ['"m"'] = { message = "m" },
      ["[1]"] = {}, ["null"] = {}, ["no JSON"] = {}, [""] = {},
    }) do
      assert.same(said, provider_error.read(provider_error.decode(text)))
    end
  end)

  it("reads where the adapter says", function()
    local errors = { path = { "fault" }, code = "detail.errorcode", message = "faultstring" }
    local body = { fault = { faultstring = "m", detail = { errorcode = "c" } } }
    assert.same({ message = "m", code = "c" }, provider_error.read(body, errors))
    assert.same({ message = "m", code = "c" }, provider_error.read(body.fault, errors),
      "an error that was found in a stream")
    assert.same({ message = "m" }, provider_error.read({ message = "m" }, errors))
  end)

  it("asks the dialect, which may fail", function()
    local function read(body) return { type = body.error.status, message = false } end
    assert.same({ message = "m", type = "s" },
      provider_error.read({ error = { message = "m", status = "s" } }, {}, read))
    assert.same({ message = "m", type = "s" },
      provider_error.read({ message = "m", status = "s" }, {}, read))
    assert.same({ message = "m" },
      provider_error.read({ message = "m" }, {}, function() error("oh") end))
  end)

  it("finds in the body when to come back", function()
    local errors = { retry_after = { "x-reset-ms", "error.details[].retryDelay" } }
    local details = { { a = 1 }, { retryDelay = "34.5s" }, { retryDelay = 2 } }
    local body = { error = { details = details } }
    local hints = provider_error.hints(body, errors)
    assert.same({ "34.5s", 2 }, hints)
    assert.equal(34.5, retry_after.longest(hints))
    assert.same({}, provider_error.hints(nil, errors))
    assert.equal(1.5, retry_after.seconds({ ["x-reset-ms"] = "1500" }, 0, errors.retry_after))
    assert.equal(7, retry_after.seconds({ ["retry-after"] = "7" }, 0, errors.retry_after))
  end)

  it("reads durations of every kind, and no nonsense", function()
    for value, seconds in pairs({
      ["1m30s"] = 90, ["2h"] = 7200, ["500ms"] = 0.5, ["6"] = 6, ["1h0m0.5s"] = 3600.5,
    }) do
      assert.near(seconds, retry_after.longest({ value }), 1e-9)
    end
    for _, value in ipairs({ "soon", "", "s", "5 s", "-", {} }) do
      assert.is_nil(retry_after.longest({ value }))
    end
    assert.equal(365 * 86400, retry_after.longest({ "1e300" }))
  end)
end)
