local translation = require("spec.support.translation")

local CLAUDE = { signatures = "anthropic" }

describe("the dialect bedrock-converse, a provider's answer:", function()
  local bedrock

  before_each(function() bedrock = translation.new("bedrock-converse", { traits = CLAUDE }) end)

  local function delta(index, value)
    return { "contentBlockDelta", '{"contentBlockIndex":' .. index .. ',"delta":' .. value
      .. ',"p":"abc"}' }
  end

  local function stop(index)
    return { "contentBlockStop", '{"contentBlockIndex":' .. index .. ',"p":"ab"}' }
  end

  local START = { "messageStart", '{"p":"abcd","role":"assistant"}' }

  local function ends(reason, more)
    return { "messageStop", '{"stopReason":"' .. reason .. '"' .. (more or "") .. "}" }
  end

  local METADATA = { "metadata", '{"metrics":{"latencyMs":9},"usage":{"inputTokens":36,'
    .. '"outputTokens":73,"totalTokens":109}}' }

  it("reads text, signed thinking and calls of a stream, whose usage stands at its end", function()
    local seen = bedrock:stream(START,
      delta(0, '{"reasoningContent":{"text":"h"}}'), delta(0, '{"reasoningContent":{"text":"m"}}'),
      delta(0, '{"reasoningContent":{"signature":"SIG"}}'), stop(0),
      delta(1, '{"text":"a"}'), delta(1, '{"text":""}'), delta(1, '{"text":"b"}'), stop(1),
      { "contentBlockStart",
        '{"contentBlockIndex":2,"start":{"toolUse":{"name":"f","toolUseId":"tooluse_1"}}}' },
      delta(2, '{"toolUse":{"input":"{\\"z\\":"}}'), delta(2, '{"toolUse":{"input":" 1}"}}'),
      stop(2),
      { "contentBlockStart",
        '{"contentBlockIndex":3,"start":{"toolUse":{"name":"g","toolUseId":"tooluse_2"}}}' },
      stop(3), ends("tool_use"), METADATA)
    assert.is_nil(seen.err)
    assert.same({
      { type = "reasoning", text = "hm", signature = "SIG", format = "anthropic" },
      { type = "text", text = "ab" },
      { type = "tool_use", id = "tooluse_1", name = "f", arguments = '{"z": 1}' },
      { type = "tool_use", id = "tooluse_2", name = "g", arguments = "{}" },
    }, seen.answer.choices[1].content)
    assert.equal("tool_calls", seen.answer.choices[1].finish_reason)
    assert.same({ input = 36, output = 73 }, seen.answer.usage)
  end)

  it("T-28 counts the cache into the input", function()
    local seen = bedrock:whole('{"output":{"message":{"role":"assistant","content":'
      .. '[{"text":"21"}]}},"stopReason":"end_turn","usage":{"cacheReadInputTokenCount":2752,'
      .. '"cacheReadInputTokens":2752,"cacheWriteInputTokenCount":8,"inputTokens":433,'
      .. '"outputTokens":16,"totalTokens":3209,"serverToolUsage":{}}}')
    assert.same({ input = 3193, output = 16, cached = 2752, cache_write = 8 }, seen.answer.usage)
    assert.equal("stop", seen.answer.choices[1].finish_reason)
    assert.equal("end_turn", seen.answer.choices[1].finish_raw)
  end)

  it("reads a whole answer with thinking and a call", function()
    local seen = bedrock:whole('{"output":{"message":{"content":[{"reasoningContent":'
      .. '{"reasoningText":{"signature":"S","text":"hm"}}},{"text":"so"},{"toolUse":{"input":'
      .. '{"b": 1,"a":2},"name":"f","toolUseId":"t1","type":"tool_use"}}]}},'
      .. '"stopReason":"tool_use"}')
    assert.same({
      { type = "reasoning", text = "hm", signature = "S", format = "anthropic" },
      { type = "text", text = "so" },
      { type = "tool_use", id = "t1", name = "f", arguments = '{"b": 1,"a":2}' },
    }, seen.answer.choices[1].content)
    assert.is_nil(seen.answer.usage)
  end)

  it("tells the reasons in the gateway's words", function()
    local reasons = {
      end_turn = "stop", stop_sequence = "stop", max_tokens = "length",
      model_context_window_exceeded = "length", guardrail_intervened = "content_filter",
      content_filtered = "content_filter", tool_use = "stop", later = "stop",
    }
    for raw, reason in pairs(reasons) do
      local seen = bedrock:stream(START, delta(0, '{"text":"a"}'), stop(0), ends(raw), METADATA)
      assert.equal(reason, seen.answer.choices[1].finish_reason, raw)
    end
    for _, raw in ipairs({ "malformed_model_output", "malformed_tool_use" }) do
      local seen = bedrock:stream(START, delta(0, '{"text":"a"}'), stop(0), ends(raw), METADATA)
      assert.truthy(seen.err.message:find(raw, 1, true))
    end
  end)

  it("says which sequence hit, when the model's own fields tell", function()
    local fields = ',"additionalModelResponseFields":{"delta":{"stop_sequence":"END"}}'
    local seen = bedrock:stream(START, delta(0, '{"text":"a"}'), stop(0),
      ends("stop_sequence", fields), METADATA)
    assert.equal("END", seen.answer.choices[1].sequence)
    seen = bedrock:whole('{"output":{"message":{"content":[]}},"stopReason":"stop_sequence",'
      .. '"additionalModelResponseFields":{"stop_sequence":"X"}}')
    assert.equal("X", seen.answer.choices[1].sequence)
  end)

  it("puts citations, which stand before their text in a stream, behind it", function()
    local citation = '{"citation":{"title":"doc","sourceContent":[{"text":"qu"},{"text":"ote"}],'
      .. '"location":{"documentPage":{"documentIndex":0,"start":1,"end":2}}}}'
    local seen = bedrock:stream(START, delta(0, '{"text":"So: "}'), stop(0), delta(1, citation),
      delta(1, '{"text":"cited"}'), stop(1), ends("end_turn"), METADATA)
    local part = seen.answer.choices[1].content[1]
    assert.equal("So: cited", part.text)
    assert.equal("quote", part.citations[1].quote)
    assert.same({ 4, 9 }, { part.citations[1].start, part.citations[1].stop })
    seen = bedrock:whole('{"output":{"message":{"content":[{"citationsContent":{"content":'
      .. '[{"text":"hé"}],"citations":[{"location":{"web":{"url":"https://a"}}}]}}]}},'
      .. '"stopReason":"end_turn"}')
    local found = seen.answer.choices[1].content[1].citations[1]
    assert.same({ "https://a", 0, 2 }, { found.url, found.start, found.stop })
  end)

  it("opens what Claude has sealed as Anthropic has it, and keeps what others seal", function()
    local sealed = bedrock.core.base64.encode("EncryptedText==")
    local block = delta(0, '{"reasoningContent":{"redactedContent":"' .. sealed .. '"}}')
    local seen = bedrock:stream(START, block, stop(0), ends("end_turn"), METADATA)
    assert.same({ type = "reasoning", text = "", redacted = "EncryptedText==",
      format = "anthropic" }, seen.answer.choices[1].content[1])
    bedrock.call.traits = { signatures = "bedrock" }
    seen = bedrock:stream(START, block, stop(0), ends("end_turn"), METADATA)
    assert.same({ type = "reasoning", text = "", redacted = sealed, format = "bedrock" },
      seen.answer.choices[1].content[1])
  end)

  it("leaves out what the provider ran itself, and says so", function()
    local seen = bedrock:whole('{"output":{"message":{"content":[{"toolUse":{"input":{},'
      .. '"name":"nova_code_interpreter","toolUseId":"t","type":"server_tool_use"}},'
      .. '{"toolResult":{"toolUseId":"t","content":[],"type":"nova_code_interpreter_result"}},'
      .. '{"text":"7"}]}},"stopReason":"end_turn","trace":{"guardrail":{}}}')
    assert.same({ { type = "text", text = "7" } }, seen.answer.choices[1].content)
    assert.same({ "nova_code_interpreter", "toolResult", "trace" }, seen.dropped)
    seen = bedrock:stream(START, { "contentBlockStart", '{"contentBlockIndex":0,"start":'
      .. '{"toolUse":{"name":"n","toolUseId":"t","type":"server_tool_use"}}}' },
      delta(0, '{"toolUse":{"input":"{}"}}'), stop(0), delta(1, '{"text":"a"}'), stop(1),
      ends("end_turn"), METADATA)
    assert.is_nil(seen.err)
    assert.same({ { type = "text", text = "a" } }, seen.answer.choices[1].content)
  end)

  it("reads pictures, in pieces or whole", function()
    local seen = bedrock:stream(START,
      { "contentBlockStart", '{"contentBlockIndex":0,"start":{"image":{"format":"png"}}}' },
      delta(0, '{"image":{"source":{"bytes":"YWI="}}}'),
      delta(0, '{"image":{"source":{"bytes":"Yw=="}}}'), stop(0), ends("end_turn"), METADATA)
    assert.same({ type = "image", mime = "image/png", data = "YWJj" },
      seen.answer.choices[1].content[1])
  end)

  it("takes the input of the tool that stands for the answer as its text", function()
    local seen = bedrock:stream(START,
      { "contentBlockStart",
        '{"contentBlockIndex":0,"start":{"toolUse":{"name":"tidegate_answer","toolUseId":"t"}}}' },
      delta(0, '{"toolUse":{"input":"{\\"a\\":"}}'), delta(0, '{"toolUse":{"input":"1}"}}'),
      stop(0), ends("tool_use"), METADATA)
    assert.same({ { type = "text", text = '{"a":1}' } }, seen.answer.choices[1].content)
    assert.equal("stop", seen.answer.choices[1].finish_reason)
  end)

  it("gives tools the names back that the client knows", function()
    bedrock.call.rq = { tools = { { type = "function", name = "a.b" } } }
    local seen = bedrock:whole('{"output":{"message":{"content":[{"toolUse":{"input":{},'
      .. '"name":"a_b","toolUseId":"t"}}]}},"stopReason":"tool_use"}')
    assert.equal("a.b", seen.answer.choices[1].content[1].name)
  end)

  it("knows the events of an answer without their names", function()
    local seen = bedrock:stream('{"role":"assistant"}',
      '{"contentBlockIndex":0,"delta":{"text":"a"}}', '{"contentBlockIndex":0}',
      '{"stopReason":"end_turn"}', '{"usage":{"inputTokens":1,"outputTokens":2}}')
    assert.equal("a", seen.answer.choices[1].content[1].text)
    assert.same({ input = 1, output = 2 }, seen.answer.usage)
  end)

  it("T-05 tells an exception, and never takes it for an end", function()
    local seen = bedrock:stream(START, delta(0, '{"text":"a"}'), { "throttlingException",
      '{"__type":"throttlingException","message":"slow down"}' })
    assert.same({ "ThrottlingException", "slow down" }, { seen.err.type, seen.err.message })
    assert.equal("ValidationException",
      bedrock:whole('{"__type":"com.amazon#ValidationException","message":"no"}').err.type)
    assert.equal("protocol", bedrock:whole("{}").err.kind)
  end)

  it("survives odd events and answers", function()
    local odd = { "null", "[]", "{}", "3", '"x"', '{"delta":null}', '{"delta":3}',
      '{"delta":{"text":3}}', '{"delta":{"toolUse":null}}', '{"delta":{"toolUse":{"input":3}}}',
      '{"start":{"toolUse":3}}', '{"start":null}', '{"usage":null}', '{"usage":[]}',
      '{"stopReason":3}', '{"contentBlockIndex":"x"}', '{"delta":{"citation":3}}',
      '{"delta":{"reasoningContent":[]}}', '{"output":null}', '{"output":{"message":3}}',
      '{"output":{"message":{"content":[null,3,{},{"text":null},{"toolUse":[]},{"image":{}}]}}}' }
    for _, text in ipairs(odd) do
      assert.has_no.errors(function()
        if bedrock.core.decode(text) ~= nil then
          for _, name in ipairs({ "messageStart", "contentBlockStart", "contentBlockDelta",
            "contentBlockStop", "messageStop", "metadata", "later" }) do
            bedrock:stream({ name, text })
          end
          bedrock:whole(text)
        end
      end, text)
    end
  end)
end)
