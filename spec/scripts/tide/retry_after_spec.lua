local retry_after

-- 1994-11-06 08:49:37 UTC, the example of RFC 9110.
local RFC = 784111777

describe("tide.retry_after", function()
  before_each(function()
    require("spec.support.fake_core").install()
    retry_after = require("tide.retry_after")
  end)

  local function seconds(headers, now) return retry_after.seconds(headers, now or 0) end

  it("T-11 reads seconds, with or without a fraction", function()
    assert.equal(7, seconds({ ["retry-after"] = "7" }))
    assert.equal(0.5, seconds({ ["retry-after"] = "0.5" }))
  end)

  it("T-11 prefers milliseconds", function()
    assert.equal(0.25, seconds({ ["retry-after-ms"] = "250", ["retry-after"] = "9" }))
  end)

  it("T-11 reads an HTTP date", function()
    local headers = { ["retry-after"] = "Sun, 06 Nov 1994 08:49:37 GMT" }
    assert.equal(30, seconds(headers, RFC - 30))
    assert.equal(0, seconds(headers, RFC + 30))
  end)

  it("reads dates around a leap day", function()
    local headers = { ["retry-after"] = "Thu, 29 Feb 2024 00:00:01 GMT" }
    assert.equal(1, seconds(headers, 1709164800))
  end)

  it("says nothing when the answer says nothing that it understands", function()
    assert.is_nil(seconds(nil))
    assert.is_nil(seconds({}))
    assert.is_nil(seconds({ ["retry-after"] = "soon" }))
    assert.is_nil(seconds({ ["retry-after"] = "nan" }))
  end)

  it("keeps nonsense in bounds", function()
    assert.equal(0, seconds({ ["retry-after"] = "-5" }))
    assert.equal(365 * 86400, seconds({ ["retry-after"] = "1e300" }))
  end)
end)
