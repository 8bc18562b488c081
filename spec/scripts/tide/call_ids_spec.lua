local fake = require("spec.support.fake_core")

describe("tide.call_ids", function()
  local call_ids

  setup(function()
    fake.install({})
    call_ids = require("tide.call_ids")
  end)

  it("gives each call an id of its own, and results that of the latest", function()
    local ids = call_ids.new()
    assert.equal("a", ids:of_call("a"))
    assert.equal("a", ids:of_result("a"))
    assert.equal("a_2", ids:of_call("a"))
    assert.equal("a_2", ids:of_result("a"))
    assert.equal("b", ids:of_result("b"))
  end)

  it("makes up what is missing, the same each time", function()
    local one, other = call_ids.new(), call_ids.new()
    assert.equal(one:of_call(nil), other:of_call(nil))
    assert.not_equal(one:of_call(nil), one:of_call(nil))
    assert.equal("unknown", one:of_result(nil))
  end)

  it("gives them as the provider takes them", function()
    local ids = call_ids.new(function(id) return (id:gsub("%W", "-")) end)
    assert.equal("a-b", ids:of_call("a.b"))
    assert.equal("a-b", ids:of_result("a.b"))
  end)
end)
