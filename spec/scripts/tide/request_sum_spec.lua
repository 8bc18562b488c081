local fake = require("spec.support.fake_core")

local request_sum

local function sum(facts, ...)
  return request_sum.of(fake.request({ facts = facts }), ...)
end

describe("tide.request_sum", function()
  before_each(function()
    fake.install()
    request_sum = require("tide.request_sum")
  end)

  it("says how a request ended", function()
    assert.same({
      outcome = "ok", status = 200, target = "b/m", duration = 2, ttft = 0.5,
      usage = { input = 11, output = 7, cached = 3 },
      attempts = {
        { target = "a/m#1", outcome = "timeout", ms = 31 },
        { target = "b/x=y/z#1", outcome = "200", ms = 4 },
      },
    }, sum({ 200, 2, 0.5, "a/m#1=timeout/31 b/x=y/z#1=200/4", 11, 7, 3 }, "ok", "b/m"))
  end)

  it("has an error where there was one, and no attempts where there were none", function()
    local found = sum({ 404, 0.1, nil, "" }, "client_error", nil, "no_target", "no such model")
    assert.same({ kind = "no_target", message = "no such model" }, found.err)
    assert.same({}, found.attempts)
    assert.same({}, found.usage)
  end)

  it("has what the request has cost, and whether that is all", function()
    local found = sum({ 200, 1, 0.5, "", 11, 7, nil, nil, nil, 0.25, false }, "ok", "b/m")
    assert.same({ 0.25 }, { found.cost, found.cost_unknown })
    found = sum({ 200, 1, 0.5, "", 11, 7, nil, nil, nil, nil, true }, "ok", "b/m")
    assert.same({ nil, true }, { found.cost, found.cost_unknown })
  end)
end)
