local core = require("spec.support.fake_core").install()
local plain = require("tide.plain")

local function other()
  return setmetatable({ a = 1 }, { __index = function() error("was read") end })
end

describe("tide.plain", function()
  it("takes tables without a metatable, and arrays of JSON", function()
    assert.is_true(plain.is({}))
    assert.is_true(plain.is(core.array({})))
    assert.is_false(plain.is(other()))
    assert.is_false(plain.is(setmetatable({}, { __metatable = false })))
  end)

  it("finds the field that holds another table", function()
    assert.is_nil(plain.find_other({ 1, "x", {}, core.array({}) }))
    assert.equal("b", plain.find_other({ a = {}, b = other() }))
  end)

  it("reads fields without running anything", function()
    assert.same({ a = 1 }, plain.fields(other()))
    assert.same({}, plain.fields(17))
    assert.same({}, plain.fields(nil))
  end)
end)
