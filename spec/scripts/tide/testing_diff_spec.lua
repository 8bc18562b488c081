local core, diff

describe("tide.testing_diff", function()
  before_each(function()
    core = require("spec.support.fake_core").install()
    diff = require("tide.testing_diff")
  end)

  it("finds nothing where nothing differs", function()
    assert.is_nil(diff.find(1, 1))
    assert.is_nil(diff.find({ a = { 1, { b = core.null } } }, { a = { 1, { b = core.null } } }))
    local loop, other = {}, {}
    loop.self, other.self = loop, other
    assert.is_nil(diff.find(loop, other))
  end)

  it("names the first place that differs, whichever side has it", function()
    assert.same({ path = ".a[2].b", got = "2", expected = "3" },
      diff.find({ a = { 1, { b = 2 } } }, { a = { 1, { b = 3 } } }))
    assert.same({ path = "[3]", got = "nil", expected = '"x"' },
      diff.find({ 1, 2 }, { 1, 2, "x" }))
    assert.same({ path = '["odd name"]', got = "true", expected = "nil" },
      diff.find({ ["odd name"] = true }, {}))
  end)

  it("does not take null for an empty table", function()
    assert.same({ path = "", got = "{}", expected = "null" }, diff.find({}, core.null))
  end)

  it("writes values as Lua does, sorted, and cuts long ones", function()
    assert.equal('{ 1, "a\\nb", x = { y = false }, [true] = 0.5 }',
      diff.show({ 1, "a\nb", x = { y = false }, [true] = 0.5 }))
    assert.is_true(#diff.show(("x"):rep(1000)) < 220)
  end)
end)
