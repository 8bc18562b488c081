local translation = require("spec.support.translation")

describe("the dialect gemini, a provider's answer:", function()
  local gemini

  before_each(function() gemini = translation.new("gemini") end)

  it("T-28 knows a count of 0, which is left out, by the total", function()
    local seen = gemini:stream(
      '{"candidates":[{"content":{"parts":[{"text":"a"}]}}],"usageMetadata":{"promptTokenCount":9,'
        .. '"candidatesTokenCount":21,"totalTokenCount":30}}',
      '{"candidates":[{"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":20,'
        .. '"toolUsePromptTokenCount":5,"thoughtsTokenCount":7,"totalTokenCount":32}}')
    assert.same({ input = 25, output = 7, reasoning = 7 }, seen.answer.usage)
  end)

  it("reads text, thoughts, calls and usage of a stream", function()
    local seen = gemini:stream(
      '{"candidates":[{"content":{"parts":[{"text":"hm","thought":true}],"role":"model"}}],'
        .. '"usageMetadata":{"promptTokenCount":5,"totalTokenCount":5},"modelVersion":"g-3",'
        .. '"responseId":"R"}',
      '{"candidates":[{"content":{"parts":[{"text":"a"},{"text":"b"}]},"index":0}]}',
      '{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{"z": 1,"a":2},'
        .. '"id":"i1"},"thoughtSignature":"S"}]}}]}',
      '{"candidates":[{"content":{"parts":[{"functionCall":{"name":"g"}}]}}]}',
      '{"candidates":[{"content":{"parts":[{"text":""}]},"finishReason":"STOP"}],"usageMetadata":'
        .. '{"promptTokenCount":5,"toolUsePromptTokenCount":2,"candidatesTokenCount":7,'
        .. '"thoughtsTokenCount":3,"cachedContentTokenCount":1}}')
    local answer = seen.answer
    assert.equal("R", answer.id)
    assert.equal("g-3", answer.model)
    assert.same({ input = 7, output = 10, cached = 1, reasoning = 3 }, answer.usage)
    local content = answer.choices[1].content
    assert.same({ type = "reasoning", text = "hm", format = "gemini" }, content[1])
    assert.same({ type = "text", text = "ab" }, content[2])
    assert.same({ type = "tool_use", id = "i1", name = "f", arguments = '{"z": 1,"a":2}',
      signature = "S", format = "gemini" }, content[3])
    assert.equal("{}", content[4].arguments)
    assert.truthy(content[4].id:find("^call_%x+$"))
    assert.equal("tool_calls", answer.choices[1].finish_reason)
  end)

  it("tells what was read before the first content", function()
    local seen = gemini:stream('{"candidates":[{"content":{"parts":[{"text":"a"}]},'
      .. '"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":5}}')
    assert.equal("usage", seen.events[2].type)
    assert.equal(5, seen.events[2].input)
  end)

  it("T-28 takes the last total with all that comes with it", function()
    local function chunk(counts)
      return '{"candidates":[{"content":{"parts":[{"text":"a"}]}}],"usageMetadata":' .. counts
        .. "}"
    end
    local seen = gemini:stream(
      chunk('{"promptTokenCount":9,"candidatesTokenCount":15,"thoughtsTokenCount":78,'
        .. '"cachedContentTokenCount":4,"totalTokenCount":102}'),
      chunk('{"promptTokenCount":87,"thoughtsTokenCount":78,"totalTokenCount":165}'),
      chunk('{"trafficType":"ON_DEMAND"}'), '{"candidates":[{"finishReason":"STOP"}]}')
    assert.same({ input = 87, output = 78, reasoning = 78 }, seen.answer.usage)
    seen = gemini:whole('{"candidates":[{"finishReason":"SAFETY"}],"usageMetadata":'
      .. '{"promptTokenCount":14,"totalTokenCount":14}}')
    assert.same({ input = 14, output = 0 }, seen.answer.usage)
  end)

  it("keeps the signature of what it cannot carry, and of a picture", function()
    local seen = gemini:whole('{"candidates":[{"content":{"parts":[{"executableCode":{},'
      .. '"thoughtSignature":"S1"},{"inlineData":{"mimeType":"image/png","data":"AAAA"},'
      .. '"thoughtSignature":"S2"}]},"finishReason":"STOP"}]}')
    local content = seen.answer.choices[1].content
    assert.equal("S1", content[1].signature)
    assert.equal("S2", content[3].signature)
    gemini.call.traits = { signatures = "required" }
    local sent = gemini:body({ messages = { { role = "assistant", content = content } } })
    assert.same({
      { text = "", thought = true, thoughtSignature = "S1" },
      { inlineData = { mimeType = "image/png", data = "AAAA" }, thoughtSignature = "S2" },
    }, sent.contents[1].parts)
  end)

  it("makes the same id for the same call again, and another one for another", function()
    local chunk = '{"responseId":"R","candidates":[{"content":{"parts":[{"functionCall":'
      .. '{"name":"f"}},{"functionCall":{"name":"f"}}]},"finishReason":"STOP"}]}'
    local first, second = gemini:stream(chunk), gemini:whole(chunk)
    local content = first.answer.choices[1].content
    assert.equal(content[1].id, second.answer.choices[1].content[1].id)
    assert.not_equal(content[1].id, content[2].id)
  end)

  it("keeps the signature of an empty last part", function()
    local seen = gemini:stream('{"candidates":[{"content":{"parts":[{"text":"a"}]}}]}',
      '{"candidates":[{"content":{"parts":[{"text":"","thoughtSignature":"S"}]},'
        .. '"finishReason":"STOP"}]}')
    assert.same({ { type = "text", text = "a", signature = "S", format = "gemini" } },
      seen.answer.choices[1].content)
  end)

  it("T-33 puts arguments together that Vertex sends in pieces", function()
    local function piece(called)
      return '{"candidates":[{"content":{"parts":[{"functionCall":' .. called .. "}]}}]}"
    end
    local seen = gemini:stream(piece('{"name":"f","willContinue":true}'),
      piece('{"partialArgs":[{"jsonPath":"$.a","stringValue":"Hel","willContinue":true}],'
        .. '"willContinue":true}'),
      piece('{"partialArgs":[{"jsonPath":"$.a","stringValue":"lo"}],"willContinue":true}'),
      piece('{"partialArgs":[{"jsonPath":"$.b.c[1]","numberValue":2},{"jsonPath":"$.d",'
        .. '"boolValue":false},{"jsonPath":"$.n","nullValue":"NULL_VALUE"}],"willContinue":true}'),
      piece("{}"), '{"candidates":[{"finishReason":"STOP"}]}')
    local call = seen.answer.choices[1].content[1]
    local arguments = gemini.core.decode(call.arguments)
    assert.equal("Hello", arguments.a)
    assert.is_false(arguments.d)
    assert.equal(gemini.core.null, arguments.n)
    assert.equal("tool_calls", seen.answer.choices[1].finish_reason)
  end)

  it("ends a call in pieces that the stream leaves open", function()
    local seen = gemini:stream('{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f",'
      .. '"willContinue":true}}]},"finishReason":"STOP"}]}')
    assert.equal("{}", seen.answer.choices[1].content[1].arguments)
  end)

  local REASONS = {
    STOP = "stop", MAX_TOKENS = "length", SAFETY = "content_filter", RECITATION = "content_filter",
    BLOCKLIST = "content_filter", PROHIBITED_CONTENT = "content_filter", SPII = "content_filter",
    IMAGE_SAFETY = "content_filter", LANGUAGE = "content_filter", MODEL_ARMOR = "content_filter",
    OTHER = "stop", FAKE_NEW_FINISH_REASON = "stop",
  }

  for raw, reason in pairs(REASONS) do
    it("takes " .. raw .. " for " .. reason, function()
      local seen = gemini:whole('{"candidates":[{"finishReason":"' .. raw .. '"}]}')
      assert.equal(reason, seen.answer.choices[1].finish_reason)
      assert.equal(raw, seen.answer.choices[1].finish_raw)
    end)
  end

  for _, raw in ipairs({ "MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL",
    "MISSING_THOUGHT_SIGNATURE", "TOO_MANY_TOOL_CALLS" }) do
    it("takes " .. raw .. " for a failure", function()
      local seen = gemini:stream('{"candidates":[{"content":{"parts":[{"text":"a"}]}}]}',
        '{"candidates":[{"finishReason":"' .. raw .. '","finishMessage":"why"}]}')
      assert.same({ kind = "upstream_5xx", message = "why" }, seen.err)
    end)
  end

  it("takes a prompt that is refused for a filter", function()
    local refused = '{"promptFeedback":{"blockReason":"SAFETY","blockReasonMessage":"no"},'
      .. '"usageMetadata":{"promptTokenCount":4}}'
    for _, seen in ipairs({ gemini:whole(refused), gemini:stream(refused) }) do
      assert.same({ {
        content = {}, finish_reason = "content_filter", finish_raw = "SAFETY",
        finish_message = "no",
      } }, seen.answer.choices)
      assert.equal(4, seen.answer.usage.input)
    end
  end)

  it("takes an answer without an end or content for none", function()
    for _, body in ipairs({ "{}", '{"candidates":[]}', '{"candidates":[{"content":{}}]}',
      '{"usageMetadata":{}}' }) do
      assert.equal("protocol", gemini:whole(body).err.kind)
    end
  end)

  it("reads an error inside an answer", function()
    local problem = '{"error":{"code":503,"message":"busy","status":"UNAVAILABLE"}}'
    for _, seen in ipairs({ gemini:whole(problem), gemini:stream(problem),
      gemini:stream("[" .. problem .. "]") }) do
      assert.equal("overloaded", seen.err.kind)
      assert.equal("busy", seen.err.message)
    end
  end)

  it("reads several candidates", function()
    local seen = gemini:whole('{"candidates":[{"content":{"parts":[{"text":"a"}]},'
      .. '"finishReason":"STOP","index":0},{"content":{"parts":[{"text":"b"}]},'
      .. '"finishReason":"MAX_TOKENS","index":1}]}')
    assert.equal("b", seen.answer.choices[2].content[1].text)
    assert.equal("length", seen.answer.choices[2].finish_reason)
  end)

  it("counts citations in characters, each once", function()
    local grounded = '"groundingMetadata":{"groundingChunks":[{"web":{"uri":"https://a","title":'
      .. '"A"}},{"web":{"uri":"https://b","title":"B"}}],"groundingSupports":[{"segment":'
      .. '{"startIndex":4,"endIndex":7,"text":"x"},"groundingChunkIndices":[0]}]}'
    local seen = gemini:stream(
      '{"candidates":[{"content":{"parts":[{"text":"\195\164\195\182 "}]}}]}',
      '{"candidates":[{"content":{"parts":[{"text":"abc"}]},' .. grounded .. "}]}",
      '{"candidates":[{"finishReason":"STOP",' .. grounded .. "}]}")
    assert.same({
      { url = "https://a", title = "A", start = 2, stop = 5 }, { url = "https://b", title = "B" },
    }, seen.answer.choices[1].content[1].citations)
  end)

  it("reads citations of recited text", function()
    local seen = gemini:whole('{"candidates":[{"content":{"parts":[{"text":"abcdef"}]},'
      .. '"finishReason":"STOP","citationMetadata":{"citationSources":[{"startIndex":1,'
      .. '"endIndex":3,"uri":"https://a"}]}}]}')
    assert.same({ { url = "https://a", start = 1, stop = 3 } },
      seen.answer.choices[1].content[1].citations)
  end)

  it("reads log probabilities", function()
    local seen = gemini:whole('{"candidates":[{"content":{"parts":[{"text":"a"}]},"finishReason":'
      .. '"STOP","logprobsResult":{"chosenCandidates":[{"token":"a","logProbability":-0.5}],'
      .. '"topCandidates":[{"candidates":[{"token":"a","logProbability":-0.5},{"token":"b",'
      .. '"logProbability":-1}]}]}}]}')
    assert.same({ { token = "a", logprob = -0.5, top_logprobs = {
      { token = "a", logprob = -0.5 }, { token = "b", logprob = -1 } } } },
      seen.answer.choices[1].logprobs)
  end)

  it("reads pictures and sound, and names what it cannot carry", function()
    local seen = gemini:whole('{"candidates":[{"content":{"parts":[{"inlineData":{"mimeType":'
      .. '"image/png","data":"A-_A"}},{"executableCode":{"code":"1"}},{"codeExecutionResult":'
      .. '{"output":"1"}},{"inlineData":{"mimeType":"audio/wav","data":"BBBB"}}]},'
      .. '"finishReason":"STOP"}]}')
    local content = seen.answer.choices[1].content
    assert.same({ type = "image", mime = "image/png", data = "A+/A" }, content[1])
    assert.equal("BBBB", content[2].data)
    assert.same({ "executableCode", "codeExecutionResult" }, seen.dropped)
  end)

  it("does not know what it was not told", function()
    local seen = gemini:whole('{"candidates":[{"content":{"parts":[{"text":"a"}]},'
      .. '"finishReason":"STOP"}],"usageMetadata":{"trafficType":"ON_DEMAND"}}')
    assert.is_nil(seen.answer.usage)
  end)

  it("never raises on odd input", function()
    local odd = {
      "null", "3", "[]", "[1]", '"x"', '{"candidates":null}', '{"candidates":3}',
      '{"candidates":[null,3,{}]}', '{"candidates":[{"content":3,"index":"x"}]}',
      '{"candidates":[{"content":{"parts":[null,3,{"text":null},{"text":3}]}}]}',
      '{"candidates":[{"content":{"parts":[{"functionCall":{"name":3,"args":[1]}}]}}]}',
      '{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":null}}]}}]}',
      '{"candidates":[{"content":{"parts":[{"inlineData":{}},{"fileData":null}]}}]}',
      '{"candidates":[{"finishReason":7,"citationMetadata":{"citations":[{}]}}]}',
      '{"candidates":[{"groundingMetadata":{"groundingChunks":[{}],"groundingSupports":'
        .. '[{"groundingChunkIndices":[0,9,"x"]}]}}]}',
      '{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","willContinue":true,'
        .. '"partialArgs":[{},{"jsonPath":"$"},{"jsonPath":"$[99999999]","numberValue":1},'
        .. '{"jsonPath":"$.a.b","stringValue":"x"},{"jsonPath":"$.a.b.c","nullValue":null}]}}]}}]}',
      '{"promptFeedback":{"blockReason":null},"usageMetadata":3}', '{"error":null}',
      '{"error":"x"}', '{"usageMetadata":{"promptTokenCount":"7"}}', '{"candidates":{"index":-5}}',
    }
    for _, data in ipairs(odd) do
      assert.has_no_error(function() gemini:stream(data) end, data)
      if data:find("^[{%[]") then
        assert.has_no_error(function() gemini:whole(data) end, data)
      end
    end
  end)
end)
