local place = require("spec.support.fake_core").install() and require("tide.place")

describe("tide.place", function()
  it("makes a shortened path whole again, when it is that one", function()
    assert.equal("/a/long/x.lua", place.whole("...ng/x.lua", "/a/long/x.lua"))
    assert.equal("...ng/y.lua", place.whole("...ng/y.lua", "/a/long/x.lua"))
    assert.equal("b.lua", place.whole("b.lua", "/a/b.lua"))
  end)
end)
