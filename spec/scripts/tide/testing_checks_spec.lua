local checks

-- What a check that does not hold says.
local function failure(fn, ...)
  local ok, problem = pcall(fn, ...)
  assert.is_false(ok)
  local found = checks.failure(problem)
  assert.truthy(found)
  return found
end

describe("tide.testing_checks", function()
  before_each(function()
    require("spec.support.fake_core").install()
    checks = require("tide.testing_checks")
  end)

  it("lets pass what holds", function()
    checks.eq({ 1, { 2 } }, { 1, { 2 } })
    checks.near(1.0000001, 1)
    checks.near(7.05, 7, 0.1)
    checks.ok(0)
    assert.equal("boom", checks.fails(function() error("boom", 0) end, "oo"))
    assert.equal("m", checks.fails(function() error({ message = "m" }) end))
  end)

  it("says where, what was expected and what came", function()
    local found = failure(function() checks.eq({ a = 1 }, { a = 2 }) end)
    assert.equal(".a", found.path)
    assert.equal("2", found.expected)
    assert.equal("1", found.got)
    assert.truthy(found.message:find("testing_checks_spec%.lua:%d+: not equal at %.a"))
  end)

  it("fails what does not hold", function()
    for _, check in ipairs({
      function() checks.near(1, 2) end, function() checks.near("1", 1) end,
      function() checks.ok(false) end, function() checks.fails(function() end) end,
      function() checks.fails(function() error("a") end, "b") end,
    }) do failure(check) end
  end)

  it("does not let t.fails swallow a failed check", function()
    local found = failure(function() checks.fails(function() checks.eq(1, 2) end) end)
    assert.equal("2", found.expected)
  end)

  it("takes no other error for a failed check", function()
    assert.is_nil(checks.failure("text"))
    assert.is_nil(checks.failure({ message = "x" }))
  end)
end)
