local core, expect, kit

local function outcome(more)
  local result = {
    ok = true, status = 200, body = "b", usage = { input = 3 }, said = { text = "hi" },
  }
  for name, value in pairs(more or {}) do result[name] = value end
  return result
end

describe("tide.kit_expect", function()
  before_each(function()
    core = require("spec.support.fake_core").install()
    expect = require("tide.kit_expect")
    kit = { said = function(_, _, given) return given.said end }
  end)

  it("takes two answers for the same that say the same", function()
    local base = outcome()
    assert.is_nil(expect.same(kit, nil, outcome(), base))
    assert.is_nil(expect.same(kit, nil, outcome({ body = "other bytes" }), base))
    assert.matches("^text is \"ho\", not \"hi\"",
      expect.same(kit, nil, outcome({ body = "x", said = { text = "ho" } }), base))
    assert.matches("^usage.input is 4, not 3",
      expect.same(kit, nil, outcome({ usage = { input = 4 } }), base))
    assert.matches("^it fails: protocol, cut",
      expect.same(kit, nil, outcome({ ok = false, kind = "protocol", message = "cut" }), base))
  end)

  it("compares failures by their kinds", function()
    local base = outcome({ ok = false, kind = "overloaded" })
    assert.is_nil(expect.same(kit, nil, outcome({ ok = false, kind = "overloaded" }), base))
    assert.matches("kind is \"protocol\"",
      expect.same(kit, nil, outcome({ ok = false, kind = "protocol" }), base))
    assert.matches("a success now", expect.same(kit, nil, outcome(), base))
  end)

  it("looks at tool calls, not at their ids", function()
    local function calls(id, city)
      return { text = "", tool_calls = { { id = id, name = "w", arguments = { city = city } } } }
    end
    assert.is_nil(expect.other(calls("1", "x"), calls("2", "x")))
    assert.matches("tool_calls%[1%].arguments.city", expect.other(calls("1", "x"), calls("1", "y")))
  end)

  it("excuses what other dialects have no place for", function()
    local broken = { { name = "w", arguments_text = '{"a":' } }
    local base = { text = "", reasoning = "hm", tool_calls = broken }
    assert.is_nil(expect.other_client({ text = "no", tool_calls = {} }, base, true))
    assert.matches("text", expect.other_client({ text = "no" }, base, false))
    assert.matches("reasoning", expect.other_client({ text = "", reasoning = "x" }, base, false))
    local sound = { text = "", tool_calls = { { name = "w", arguments = {} } } }
    assert.matches("tool_calls", expect.other_client({ text = "" }, sound, false))
  end)

  it("does not miss white space at the end, but everything else", function()
    assert.is_false(expect.lacks({ text = "a" }, { text = "a\n" }))
    assert.is_true(expect.lacks({ text = "a" }, { text = "ab" }))
    assert.is_true(expect.lacks({ text = "a" }, { text = "a", finish_reason = "stop" }))
  end)

  it("holds an answer against what an expected.json has, and nothing else", function()
    local calls = { { name = "w", arguments = {} } }
    local it_is = outcome({ said = { text = "hi", finish_reason = "stop", tool_calls = calls } })
    local function wrong(expected) return expect.expected(kit, nil, it_is, expected) end
    assert.is_nil(wrong({}))
    assert.is_nil(wrong({ text = "hi", finish_reason = "stop", usage = { input = 3 } }))
    assert.is_nil(wrong({ tool_calls = { { name = "w", arguments = "{}" } } }))
    assert.is_nil(wrong({ usage = { output = core.null } }))
    assert.matches("finish_reason", wrong({ finish_reason = "length" }))
    assert.matches("usage.input is 3, not nil", wrong({ usage = { input = core.null } }))
    assert.matches("a success, and an error was expected", wrong({ error = {} }))
    assert.matches("the status is 200", wrong({ status = 400 }))
  end)

  it("holds a request against a sent.json", function()
    local sent = {
      method = "POST", path = "/x", headers = { ["X-A"] = "1" }, body = '{"a":1}',
    }
    assert.is_nil(expect.sent(sent, nil))
    assert.is_nil(expect.sent(sent, { path = "/x", headers = { ["x-a"] = "1" }, body = { a = 1 } }))
    assert.matches("the path", expect.sent(sent, { path = "/y" }))
    assert.matches("the header x%-a", expect.sent(sent, { headers = { ["x-a"] = "2" } }))
    assert.matches("the body.a is 1, not 2", expect.sent(sent, { body = { a = 2 } }))
    assert.equal("nothing was sent", expect.sent(nil, {}))
  end)

  it("finds counts that are 0 where they are unknown", function()
    local base = { usage = { input = 3, output = 2 } }
    assert.equal("output", expect.has_zero({ usage = { input = 3, output = 0 } }, base))
    assert.is_nil(expect.has_zero({ usage = { input = 3 } }, base))
  end)
end)
