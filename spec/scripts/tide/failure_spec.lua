local failure

local function try(label, kind, status, more)
  local verdict = { label = label, kind = kind, status = status }
  for name, value in pairs(more or {}) do verdict[name] = value end
  return verdict
end

describe("tide.failure", function()
  before_each(function()
    require("spec.support.fake_core").install()
    failure = require("tide.failure")
  end)

  it("is a 429 with the earliest Retry-After when every lane was limited", function()
    local err = failure.of({
      try("a#1", "rate_limited", 429, { retry_after = 30 }),
      try("b#1", "rate_limited", 429, { retry_after = 7.2 }),
    })
    assert.equal(429, err.status)
    assert.equal("8", err.headers["retry-after"])
    assert.equal("rate_limit_error", err.type)
    assert.equal("limited", err.outcome)
  end)

  it("is a 502 in the policy's name when no answer was accepted", function()
    local err = failure.of({ try("a#1", "rejected"), try("b#1", "rejected") })
    assert.equal(502, err.status)
    assert.equal("rejected", err.kind)
    assert.equal("no answer was accepted by the policy", err.message)
    assert.matches("b#1: timeout", failure.of({
      try("a#1", "rejected"), try("b#1", "timeout"),
    }).message)
  end)

  it("asks for at least a second", function()
    assert.equal("1", failure.of({ try("a#1", "rate_limited", 429) }).headers["retry-after"])
    local err = failure.of({ try("a#1", "rate_limited", 429, { retry_after = 0.1 }) })
    assert.equal("1", err.headers["retry-after"])
  end)

  it("is a 504 when the last attempt timed out, or no time was left", function()
    local err = failure.of({
      try("a#1", "rate_limited", 429), try("b#1", "timeout", nil, { phase = "first_token" }),
    })
    assert.equal(504, err.status)
    assert.matches("b#1: timeout %(first_token%)", err.message)
    assert.equal(504, failure.of({}).status)
  end)

  it("is a 502 otherwise, refused credentials included", function()
    assert.equal(502, failure.of({ try("a#1", "auth", 401), try("a#2", "auth", 401) }).status)
    assert.equal(502, failure.of({ try("a#1", "rate_limited", 429), try("b#1", "connect") }).status)
    assert.equal(502, failure.of({ try("a#1", "quota", 429) }).status)
  end)

  it("is a 404 when every provider says that the model does not exist", function()
    local err = failure.of({ try("a#1", "no_target", 404) })
    assert.same({ 404, "model_not_found" }, { err.status, err.code })
  end)

  it("says briefly what happened to each lane", function()
    local err = failure.of({ try("a#1", "rate_limited", 429), try("b#1", "connect") })
    assert.equal("no lane could serve this request (a#1: 429 rate_limited; b#1: connect)",
      err.message)
  end)

  it("counts the last try of a lane", function()
    local err = failure.of({ try("a#1", "connect"), try("a#1", "rate_limited", 429) })
    assert.equal(429, err.status)
    assert.equal("a#1 failed: 429 rate_limited, 2 attempts", err.message)
  end)

  it("quotes the only lane's provider, without secrets and not at length", function()
    local said = "key sk-secret " .. string.rep("x", 1000)
    local message = failure.of({ try("a#1", "upstream_5xx", 500, { message = said }) }).message
    assert.matches("a#1 failed: 500 upstream_5xx: key %*%*%* xxx", message)
    assert.is_true(#message < 560)
    assert.is_nil(message:find("sk-secret", 1, true))
  end)
end)
