local fake = require("spec.support.fake_core")

describe("tide.url join", function()
  local url

  before_each(function()
    fake.install()
    url = require("tide.url")
  end)

  local BASE = "https://a.test:8443/one/two/three.png?x=1"

  for location, expected in pairs({
    ["https://b.test/y"] = "https://b.test/y",
    ["ftp://b.test/y"] = "ftp://b.test/y",
    ["//c.test/z"] = "https://c.test/z",
    ["/root?q"] = "https://a.test:8443/root?q",
    ["four.png"] = "https://a.test:8443/one/two/four.png",
    ["../five.png"] = "https://a.test:8443/one/five.png",
    ["../../../../six"] = "https://a.test:8443/six",
    ["./.."] = "https://a.test:8443/one/",
    ["?y=2"] = "https://a.test:8443/one/two/three.png?y=2",
    [""] = BASE,
    ["/a#part"] = "https://a.test:8443/a",
  }) do
    it("leads from a file to '" .. location .. "'", function()
      assert.equal(expected, url.join(BASE, location))
    end)
  end

  it("takes a base without a path", function()
    assert.equal("http://a.test/x", url.join("http://a.test", "x"))
  end)
end)
