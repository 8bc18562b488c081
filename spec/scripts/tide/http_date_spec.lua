local http_date

describe("tide.http_date", function()
  before_each(function()
    require("spec.support.fake_core").install()
    http_date = require("tide.http_date")
  end)

  local DATES = {
    [0] = "Thu, 01 Jan 1970 00:00:00 GMT",
    [784111777] = "Sun, 06 Nov 1994 08:49:37 GMT",
    [951782400] = "Tue, 29 Feb 2000 00:00:00 GMT",
    [1709251199] = "Thu, 29 Feb 2024 23:59:59 GMT",
    [1709251200] = "Fri, 01 Mar 2024 00:00:00 GMT",
    [1767225600] = "Thu, 01 Jan 2026 00:00:00 GMT",
    [4107542400] = "Mon, 01 Mar 2100 00:00:00 GMT",
  }

  it("writes and reads the form that is sent", function()
    for seconds, text in pairs(DATES) do
      assert.equal(text, http_date.write(seconds))
      assert.equal(text, http_date.write(seconds + 0.75))
      assert.equal(seconds, http_date.read(text))
    end
  end)

  it("writes what os.date writes", function()
    for seconds = 0, 4e9, 7654321 do
      assert.equal(os.date("!%a, %d %b %Y %H:%M:%S GMT", seconds), http_date.write(seconds))
    end
  end)

  it("reads nothing else", function()
    for _, text in ipairs({
      "", "now", "1994-11-06T08:49:37Z", "Sun, 06 Foo 1994 08:49:37 GMT",
      "Sun, 06 Nov 1994 08:49:37 +0100", "Sunday, 06-Nov-94 08:49:37 GMT",
    }) do
      assert.is_nil(http_date.read(text))
    end
    assert.is_nil(http_date.read(nil))
  end)
end)
