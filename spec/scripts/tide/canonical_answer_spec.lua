local fake = require("spec.support.fake_core")

local answers, fold, grammar

-- What an answer says, put together again.
local function told(answer)
  local folded = fold.new()
  local gate = grammar.new(function(event)
    if event.type ~= "dropped" and event.type ~= "error" then folded:add(event) end
  end, "id")
  answers.emit(answer, gate.emit)
  local ok, err = gate.finish()
  return ok and folded:answer(), err
end

describe("tide.canonical_answer", function()
  before_each(function()
    fake.install()
    answers = require("tide.canonical_answer")
    fold, grammar = require("tide.canonical_fold"), require("tide.canonical_grammar")
  end)

  it("tells a canonical answer so that it folds to itself", function()
    local answer = {
      id = "1", model = "m", usage = { input = 1, output = 2 },
      choices = {
        { finish_reason = "tool_calls", content = {
          { type = "reasoning", text = "hm", signature = "s", format = "anthropic" },
          { type = "text", text = "hello" },
          { type = "tool_use", id = "c1", name = "f", arguments = '{"a":1}' },
        } },
        { finish_reason = "length", content = { { type = "text", text = "other" } } },
      },
    }
    local result = told(answer)
    assert.equal("1", result.id)
    assert.same(answer.choices[1].content, result.choices[1].content)
    assert.equal("tool_calls", result.choices[1].finish_reason)
    assert.equal("other", result.choices[2].content[1].text)
    assert.same({ input = 1, output = 2 }, result.usage)
  end)

  it("takes the short form", function()
    local result = told({
      text = "hi", reasoning = "hm", tool_calls = { { name = "f", arguments = { b = 2 } } },
      usage = { ["in"] = 3, out = 4 },
    })
    local content = result.choices[1].content
    assert.equal("hm", content[1].text)
    assert.equal("hi", content[2].text)
    assert.equal('{"b":2}', content[3].arguments)
    assert.is_string(content[3].id)
    assert.equal("tool_calls", result.choices[1].finish_reason)
    assert.same({ input = 3, output = 4 }, result.usage)
  end)

  it("is none without content and without a reason to end", function()
    for _, nothing in ipairs({ {}, { text = "" }, { usage = { input = 1 }, tool_calls = {} } }) do
      local events = {}
      answers.emit(nothing, function(type, fields) events[#events + 1] = { type, fields } end)
      assert.equal(1, #events)
      assert.equal("error", events[1][1])
      assert.equal("protocol", events[1][2].error.kind)
    end
    assert.equal("stop", told({ finish_reason = "stop" }).choices[1].finish_reason)
    assert.equal("stop", told({ text = "hi" }).choices[1].finish_reason)
  end)

  it("keeps the sources of a text", function()
    local result = told({ choices = { { content = {
      { type = "text", text = "x", citations = { { url = "http://a" } } },
    } } } })
    assert.equal("http://a", result.choices[1].content[1].citations[1].url)
  end)

  it("tells an error, and an answer of nothing as none", function()
    local _, err = told({ error = { kind = "overloaded", message = "full" } })
    assert.equal("overloaded", err.kind)
    _, err = told({ choices = {} })
    assert.equal("protocol", err.kind)
  end)
end)
