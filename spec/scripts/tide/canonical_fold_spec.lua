local fake = require("spec.support.fake_core")

describe("canonical_fold", function()
  local core, fold

  before_each(function()
    core = fake.install()
    fold = require("tide.canonical_fold")
  end)

  local function folded(...)
    local answer = fold.new()
    for _, event in ipairs({ ... }) do
      local fields = event[2] or {}
      fields.type = event[1]
      answer:add(fields)
    end
    return answer
  end

  local function content(...)
    return folded(...):answer().choices[1].content
  end

  it("keeps who answered, why it ended and what it used", function()
    assert.same({
      id = "x", model = "m", created = 7, service_tier = "flex", fingerprint = "fp",
      usage = { input = 9, output = 5 },
      choices = {
        {
          content = { { type = "text", text = "hello" } }, finish_reason = "stop",
          finish_raw = "stop_sequence", sequence = "###",
        },
      },
    }, folded({ "start", { id = "x", model = "m", created = 7, service_tier = "flex",
        fingerprint = "fp" } },
      { "usage", { input = 9, output = 1, early = true } },
      { "text", { delta = "hel" } }, { "text", { delta = "lo" } },
      { "finish", { reason = "stop", raw = "stop_sequence", sequence = "###" } },
      { "usage", { input = 9, output = 5 } }):answer())
  end)

  it("keeps parts in their order, joined within", function()
    assert.same({
      { type = "reasoning", text = "hmm" },
      { type = "text", text = "ab" },
      { type = "tool_use", id = "1", name = "f", arguments = '{"x":1}' },
      { type = "text", text = "c" },
      { type = "refusal", text = "no" },
    }, content({ "reasoning", { delta = "h" } }, { "reasoning", { delta = "mm" } },
      { "text", { delta = "a" } }, { "text", { delta = "b" } },
      { "tool_start", { i = 1, id = "1", name = "f" } }, { "tool_args", { i = 1, delta = '{"x"' } },
      { "tool_args", { i = 1, delta = ":1}" } }, { "tool_end", { i = 1 } },
      { "text", { delta = "c" } }, { "refusal", { delta = "n" } }, { "refusal", { delta = "o" } }))
  end)

  it("gives a call without arguments an empty object, a custom one its input", function()
    assert.same({
      { type = "tool_use", id = "1", name = "f", arguments = "{}", signature = "s",
        format = "gemini" },
      { type = "tool_use", id = "2", name = "g", kind = "custom", input = "ls" },
    }, content({ "tool_start",
        { i = 1, id = "1", name = "f", signature = "s", format = "gemini" } },
      { "tool_start", { i = 2, id = "2", name = "g", kind = "custom" } },
      { "tool_args", { i = 2, delta = "ls" } }))
  end)

  it("ends a block of reasoning with its signature", function()
    assert.same({
      { type = "reasoning", text = "ab", signature = "s1", format = "anthropic" },
      { type = "reasoning", text = "c", signature = "s2", format = "anthropic" },
      { type = "reasoning", text = "", redacted = "xyz", format = "anthropic" },
      { type = "reasoning", text = "d" },
    }, content({ "reasoning", { delta = "a" } }, { "reasoning", { delta = "b" } },
      { "reasoning", { delta = "", signature = "s1", format = "anthropic" } },
      { "reasoning", { delta = "c", signature = "s2", format = "anthropic" } },
      { "reasoning", { delta = "", redacted = "xyz", format = "anthropic" } },
      { "reasoning", { delta = "d" } }))
  end)

  it("keeps the blocks of one item of reasoning together", function()
    assert.same({
      { type = "reasoning", id = "rs_1", text = "ab", summary = true, redacted = "enc",
        format = "openai" },
      { type = "reasoning", id = "rs_2", text = "c", summary = true },
    }, content({ "reasoning", { id = "rs_1", delta = "a", summary = true } },
      { "reasoning", { id = "rs_1", delta = "b", summary = true } },
      { "reasoning", { id = "rs_1", delta = "", summary = true, redacted = "enc",
        format = "openai" } },
      { "reasoning", { id = "rs_2", delta = "c", summary = true } }))
  end)

  it("keeps signed text apart from text without, and a bare signature with it", function()
    assert.same({
      { type = "text", text = "a" },
      { type = "text", text = "b", signature = "s", format = "gemini" },
      { type = "text", text = "c", signature = "t", format = "gemini" },
    }, content({ "text", { delta = "a" } },
      { "text", { delta = "b", signature = "s", format = "gemini" } },
      { "text", { delta = "c" } }, { "text", { delta = "", signature = "t", format = "gemini" } }))
  end)

  it("keeps sources with the text that they belong to", function()
    local choice = folded({ "citation", { url = "u0" } }, { "text", { delta = "a" } },
      { "citation", { url = "u1", title = "t", start = 0, stop = 1 } }):answer().choices[1]
    assert.same({
      { type = "text", text = "a",
        citations = { { url = "u1", title = "t", start = 0, stop = 1 } } },
    }, choice.content)
    assert.same({ { url = "u0" } }, choice.citations)
  end)

  it("keeps pictures and sound, pieces of base64 joined by their bytes", function()
    assert.same({
      { type = "image", data = "iVBO", mime = "image/png" },
      { type = "audio", id = "au", data = core.base64.encode("abcde"), transcript = "hi there",
        expires = 9, mime = "audio/pcm" },
    }, content({ "image", { data = "iVBO", mime = "image/png" } },
      { "audio", { id = "au", transcript = "hi" } },
      { "audio", { data = core.base64.encode("ab"), mime = "audio/pcm" } },
      { "audio", { data = core.base64.encode("cde"), transcript = " there", expires = 9 } }))
  end)

  it("keeps the probabilities of all pieces", function()
    assert.same({ { token = "a" }, { token = "b" }, { token = "c" } }, folded(
      { "text", { delta = "ab", logprobs = { { token = "a" }, { token = "b" } } } },
      { "text", { delta = "c", logprobs = { { token = "c" } } } }):answer().choices[1].logprobs)
  end)

  it("keeps every choice, in order", function()
    local choices = folded({ "text", { delta = "b", choice = 2 } }, { "text", { delta = "a" } },
      { "finish", { reason = "length", choice = 2 } }, { "finish", { reason = "stop" } })
      :answer().choices
    assert.equal("a", choices[1].content[1].text)
    assert.equal("stop", choices[1].finish_reason)
    assert.equal("b", choices[2].content[1].text)
    assert.equal("length", choices[2].finish_reason)
  end)

  it("tells scripts of the first answer", function()
    local result = folded({ "reasoning", { delta = "hm" } }, { "text", { delta = "he" } },
      { "text", { delta = "other", choice = 2 } },
      { "tool_start", { i = 1, id = "a", name = "f" } }, { "tool_args", { i = 1, delta = "{}" } },
      { "text", { delta = "y" } }, { "finish", { reason = "tool_calls" } }):result()
    assert.equal("hey", result.text)
    assert.equal("hm", result.reasoning)
    assert.equal("tool_calls", result.finish_reason)
    assert.same({ { id = "a", name = "f", arguments = {}, arguments_text = "{}" } },
      result.tool_calls)
    assert.same({
      role = "assistant", content = "hey", reasoning_content = "hm",
      tool_calls = {
        { id = "a", type = "function", ["function"] = { name = "f", arguments = "{}" } },
      },
    }, result.message)
  end)

  it("tells scripts of nothing as of an empty answer", function()
    local result = fold.new():result()
    assert.equal("", result.text)
    assert.is_nil(result.reasoning)
    assert.same({ role = "assistant", content = "" }, result.message)
  end)

  it("leaves arguments that are no JSON object as their text", function()
    local call = fold.tool_call("a", "f", '{"cut')
    assert.is_nil(call.arguments)
    assert.equal('{"cut', call.arguments_text)
    assert.same({}, fold.tool_call("a", "f", "").arguments)
  end)
end)
