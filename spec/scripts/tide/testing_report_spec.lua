local core, report

local function result(name, problem)
  return core.encode({
    path = "a_test.lua", name = name, line = 3, seconds = 1.5, problem = problem,
  })
end

local FAILED = {
  kind = "failed", message = "not equal", file = "a_test.lua", line = 7, expected = "1", got = "2",
}

describe("tide.testing_report", function()
  before_each(function()
    core = require("spec.support.fake_core").install()
    report = require("tide.testing_report")
  end)

  it("tells people each case once, under its file, and the sum", function()
    report.begin("{}")
    assert.same({ 0, "a_test.lua\n  ok    one\n" }, { report.case(result("one")) })
    local _, text = report.case(result("two", FAILED))
    assert.equal("  FAIL  two\n        a_test.lua:7: not equal\n          expected: 1\n"
      .. "          got:      2\n", text)
    assert.same({ 1, "1 passed, 1 failed\n" }, { report.finish() })
  end)

  it("is a success only when something ran and nothing failed", function()
    report.begin("{}")
    assert.equal(1, (report.finish()))
    report.case(result("one"))
    assert.equal(0, (report.finish()))
  end)

  it("writes TAP with a plan at the end", function()
    local _, head = report.begin('{"tap":true}')
    local _, one = report.case(result("a # b\nc"))
    local _, two = report.case(result("two", FAILED))
    local _, plan = report.finish()
    assert.equal("TAP version 14\n", head)
    assert.equal("ok 1 - a_test.lua a \\# b c\n", one)
    assert.truthy(two:find('^not ok 2 %- a_test.lua two\n  %-%-%-\n  message: "not equal"\n'))
    assert.truthy(two:find("\n  %.%.%.\n$"))
    assert.equal("1..2\n", plan)
  end)

  it("writes JUnit with failures and errors apart, escaped", function()
    report.begin("{}")
    report.case(result("<&\"\1"))
    report.case(result("two", FAILED))
    report.broken(core.encode({ path = "b_test.lua", name = "loads", message = "b.lua:2: torn" }))
    local _, text = report.junit()
    assert.truthy(text:find('tests="3" failures="1" errors="1"', 1, true))
    assert.truthy(text:find('name="&lt;&amp;&quot;?" time="1.500"/>', 1, true))
    assert.truthy(text:find('<error message="torn">b.lua:2: torn', 1, true))
  end)
end)
