local fake = require("spec.support.fake_core")

describe("canonical_view", function()
  local core, canonical, fold

  before_each(function()
    core = fake.install()
    canonical = require("tide.canonical_view")
    fold = require("tide.canonical_fold")
  end)

  local function events(...)
    local state, all = canonical.new_state(), {}
    for _, text in ipairs({ ... }) do
      for _, event in ipairs(canonical.events(state, core.decode(text)).events) do
        all[#all + 1] = event
      end
    end
    return all
  end

  local function delta(text, finish)
    return '{"choices":[{"index":0,"delta":{' .. text .. '},"finish_reason":'
      .. (finish and '"' .. finish .. '"' or "null") .. "}]}"
  end

  it("tells text and its finish", function()
    assert.same({
      { type = "text", delta = "hel" },
      { type = "text", delta = "lo" },
      { type = "finish", reason = "stop" },
    }, events(delta('"role":"assistant","content":""'), delta('"content":"hel"'),
      delta('"content":"lo"'), delta("", "stop")))
  end)

  it("tells reasoning before the text that came with it", function()
    assert.same({
      { type = "reasoning", delta = "hm" },
      { type = "text", delta = "ok" },
    }, events(delta('"content":"ok","reasoning_content":"hm"')))
    assert.same({ { type = "reasoning", delta = "hm" } }, events(delta('"reasoning":"hm"')))
  end)

  it("tells begin, pieces and end of each tool call", function()
    assert.same({
      { type = "tool_start", i = 1, id = "a", name = "f" },
      { type = "tool_args", i = 1, delta = "{" },
      { type = "tool_args", i = 1, delta = "}" },
      { type = "tool_end", i = 1 },
      { type = "tool_start", i = 2, id = "b", name = "g" },
      { type = "tool_args", i = 2, delta = "{}" },
      { type = "tool_end", i = 2 },
      { type = "finish", reason = "tool_calls" },
    }, events(
      delta('"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{"}}]'),
      delta('"tool_calls":[{"index":0,"function":{"arguments":"}"}}]'),
      delta('"tool_calls":[{"index":1,"id":"b","function":{"name":"g","arguments":"{}"}}]'),
      delta("", "tool_calls")))
  end)

  it("numbers the second and later answers", function()
    assert.same({ { type = "text", delta = "x", choice = 2 } },
      events('{"choices":[{"index":1,"delta":{"content":"x"}}]}'))
  end)

  it("tells usage in the gateway's words, and what is unknown not at all", function()
    assert.same({ { type = "usage", input = 3, output = 4, cached = 2 } },
      events('{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4,'
        .. '"prompt_tokens_details":{"cached_tokens":2},"completion_tokens_details":null}}'))
  end)

  it("tells an error inside the stream", function()
    assert.same({ { type = "error", error = { kind = "upstream_5xx", message = "broken" } } },
      events('{"error":{"message":"broken"}}'))
    assert.same("broken", events('{"error":"broken"}')[1].error.message)
  end)

  it("is not confused by shapes that nobody promised", function()
    assert.same({}, events("{}", '{"choices":null}', '{"choices":[null]}', '{"choices":[1]}',
      '{"choices":[{"delta":null}]}', '{"choices":[{"delta":{"tool_calls":[3]}}]}',
      '{"choices":[{"delta":{"content":7}}]}', '{"usage":null}'))
  end)

  it("reads a whole answer", function()
    local result = canonical.answer(core.decode([[{"choices":[{"index":0,"message":{
      "role":"assistant","content":"hi","tool_calls":[{"id":"a","type":"function",
      "function":{"name":"f","arguments":"{\"x\":1}"}}]},"finish_reason":"tool_calls"}]}]]))
    assert.equal("hi", result.text)
    assert.equal("tool_calls", result.finish_reason)
    assert.equal("assistant", result.message.role)
    assert.same({ { id = "a", name = "f", arguments = { x = 1 }, arguments_text = '{"x":1}' } },
      result.tool_calls)
  end)

  it("reads content in parts, no content and completions", function()
    local function text(choice)
      return canonical.answer(core.decode('{"choices":[' .. choice .. "]}")).text
    end
    assert.equal("ab", text('{"message":{"content":[{"type":"text","text":"a"},{"text":"b"}]}}'))
    assert.equal("", text('{"message":{"content":null}}'))
    assert.equal("said", text('{"text":"said"}'))
    assert.equal("", canonical.answer({}).text)
  end)

  it("keeps embeddings in the order of the input", function()
    assert.same({ { 1 }, { 2 } }, canonical.embeddings(core.decode(
      '{"data":[{"index":1,"embedding":[2]},{"index":0,"embedding":[1]}]}')))
  end)

  it("folds the events of a stream into the answer that they tell", function()
    local folded = fold.new()
    for _, event in ipairs(events(
      delta('"content":"he"'), delta('"content":"y"'),
      delta('"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{"}}]'),
      delta('"tool_calls":[{"index":0,"function":{"arguments":"}"}}]'),
      '{"choices":[{"index":1,"delta":{"content":"other"}}]}',
      delta("", "tool_calls"),
      '{"choices":[],"usage":{"prompt_tokens":3}}')) do
      folded:add(event)
    end
    local result = folded:result()
    assert.equal("hey", result.text)
    assert.equal("tool_calls", result.finish_reason)
    assert.same({ input = 3 }, result.usage)
    assert.same({ { id = "a", name = "f", arguments = {}, arguments_text = "{}" } },
      result.tool_calls)
    assert.same({
      role = "assistant", content = "hey",
      tool_calls = {
        { id = "a", type = "function", ["function"] = { name = "f", arguments = "{}" } },
      },
    }, result.message)
  end)
end)
