local fake = require("spec.support.fake_core")

-- The same answer in the shipped dialects, whole and as a stream.
local WHOLE = {
  ["openai-chat"] = '{"choices":[{"message":{"role":"assistant","content":"hello"},'
    .. '"finish_reason":"length"}]}',
  ["openai-responses"] = '{"id":"r","status":"incomplete","incomplete_details":{"reason":'
    .. '"max_output_tokens"},"output":[{"type":"message","role":"assistant","content":'
    .. '[{"type":"output_text","text":"hello","annotations":[]}]}]}',
  ["anthropic-messages"] = '{"type":"message","role":"assistant","content":'
    .. '[{"type":"text","text":"hello"}],"stop_reason":"max_tokens"}',
  gemini = '{"candidates":[{"content":{"role":"model","parts":[{"text":"hello"}]},'
    .. '"finishReason":"MAX_TOKENS"}]}',
}
local GEMINI_PIECES = {
  '{"candidates":[{"content":{"role":"model","parts":[{"text":"hel"}]}}]}',
  '{"candidates":[{"content":{"role":"model","parts":[{"text":"lo"}]},'
    .. '"finishReason":"MAX_TOKENS"}]}',
}

describe("tide.client_answer", function()
  local client_answer, dialects

  before_each(function()
    fake.install()
    dialects = require("tide.adapters").load().dialects
    client_answer = require("tide.client_answer")
  end)

  local function read(name, body, form)
    return client_answer.read(dialects[name], body, form or {}, {
      op = "chat", id = ("0"):rep(32), created = 0, traits = {}, warn = function() end,
      client_dialect = name,
    })
  end

  it("reads streams of any framing, with the names of their events", function()
    local seen = {}
    local dialect = {
      name = "odd",
      decode_event = function(event, emit)
        seen[#seen + 1] = event.name or "none"
        emit("text", { delta = event.data.text })
        emit("finish", { reason = "length" })
      end,
    }
    for framing, body in pairs({
      sse = 'data: {"text":"hello"}\n\n', ndjson = '{"text":"hello"}\n',
      ["aws-eventstream"] = require("core").event_frame("delta", '{"text":"hello"}'),
    }) do
      dialect.framing = framing
      dialects.odd = dialect
      local said = read("odd", body, { stream = true })
      assert.same({ "hello", "length" }, { said.text, said.finish_reason }, framing)
    end
    table.sort(seen)
    assert.same({ "delta", "none", "none" }, seen)
  end)

  it("reads a whole answer in each dialect alike", function()
    for name, body in pairs(WHOLE) do
      local said, problem = read(name, body)
      assert.same({ "hello", "length" }, { said.text, said.finish_reason }, name)
      assert.is_nil(problem)
    end
  end)

  it("reads a stream as events, and one that is an array", function()
    local events = "data: " .. table.concat(GEMINI_PIECES, "\r\n\r\ndata: ") .. "\r\n\r\n"
    local said = read("gemini", events, { stream = true })
    assert.same({ "hello", "length" }, { said.text, said.finish_reason })
    said = read("gemini", "[" .. table.concat(GEMINI_PIECES, ",") .. "]",
      { stream = true, as_array = true })
    assert.same({ "hello", "length" }, { said.text, said.finish_reason })
  end)

  it("has of what cannot be read as much as there is", function()
    for name in pairs(WHOLE) do
      for _, body in ipairs({ "", "no JSON", "7", "{}", "[]" }) do
        assert.equal("", read(name, body).text)
        assert.equal("", read(name, body, { stream = true }).text)
      end
    end
    assert.equal("", read("gemini", "{", { stream = true, as_array = true }).text)
  end)
end)
