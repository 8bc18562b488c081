local translation = require("spec.support.translation")

describe("the dialect bedrock-converse, for clients:", function()
  local bedrock

  before_each(function()
    bedrock = translation.new("bedrock-converse", { client_dialect = "bedrock-converse" })
  end)

  local function request(text)
    local rq, err = bedrock:request(text)
    assert(rq, err and err.message)
    return rq
  end

  local function parts(text, role)
    return request('{"messages":[{"role":"' .. (role or "user") .. '","content":[' .. text
      .. "]}]}").messages[1].content
  end

  local HI = '"messages":[{"role":"user","content":[{"text":"hi"}]}]'

  -- ---- requests ---------------------------------------------------------------------------------

  it("reads messages, instructions and settings", function()
    local rq = request('{' .. HI .. ',"system":[{"text":"a"},{"cachePoint":{"type":"default"}},'
      .. '{"text":"b"}],"inferenceConfig":{"maxTokens":7,"temperature":0.5,"topP":0.9,'
      .. '"stopSequences":["x"]},"requestMetadata":{"k":"v"},"serviceTier":{"type":"flex"}}')
    assert.same({ { role = "user", content = { { type = "text", text = "hi" } } } }, rq.messages)
    assert.same({ { type = "text", text = "a", cache = { type = "ephemeral" } },
      { type = "text", text = "b" } }, rq.system)
    assert.same({ 7, 0.5, 0.9, "x", "flex" },
      { rq.max_tokens, rq.temperature, rq.top_p, rq.stop[1], rq.service_tier })
    assert.same({ k = "v" }, rq.metadata)
    assert.is_true(rq.include_usage)
    assert.is_nil(rq.ext)
  end)

  it("reads pictures, documents, films and sound", function()
    local content = parts([[{"image":{"format":"jpeg","source":{"bytes":"AAAA"}}},
      {"image":{"format":"png","source":{"s3Location":{"uri":"s3://b/k","bucketOwner":"1"}}}},
      {"document":{"format":"pdf","name":"report","source":{"bytes":"JVBE"},"context":"c",
        "citations":{"enabled":true}}},
      {"document":{"name":"notes","source":{"text":"hello"}}},
      {"document":{"name":"n","source":{"content":[{"text":"a"},{"text":"b"}]}}},
      {"video":{"format":"three_gp","source":{"bytes":"AA=="}}},
      {"audio":{"format":"mp3","source":{"bytes":"AA=="}}},
      {"searchResult":{"source":"s","title":"t","content":[{"text":"found"}]}}]])
    assert.same({ type = "image", mime = "image/jpeg", data = "AAAA" }, content[1])
    assert.same({ type = "image", mime = "image/png", url = "s3://b/k", owner = "1" }, content[2])
    assert.same({ type = "file", mime = "application/pdf", data = "JVBE", name = "report.pdf",
      title = "report", context = "c", citations = true }, content[3])
    assert.same({ "hello", "text/plain", "notes" },
      { content[4].text, content[4].mime, content[4].name })
    assert.equal("a\nb", content[5].text)
    assert.equal("video/3gpp", content[6].mime)
    assert.same({ type = "audio", mime = "audio/mpeg", format = "mp3", data = "AA==" }, content[7])
    assert.same({ "found", "t", "s" }, { content[8].text, content[8].title, content[8].context })
  end)

  it("reads tools, calls and results", function()
    local rq = request([[{"messages":[{"role":"user","content":[{"text":"go"}]},
      {"role":"assistant","content":[{"toolUse":{"toolUseId":"t1","name":"f","input":{"z": 1}}}]},
      {"role":"user","content":[{"toolResult":{"toolUseId":"t1","status":"error","content":[
        {"json":{"b": 1,"a":2}},{"text":"x"},{"image":{"format":"png","source":
          {"bytes":"AA=="}}}]}},
        {"cachePoint":{"type":"default","ttl":"1h"}}]}],
      "toolConfig":{"tools":[{"toolSpec":{"name":"f","description":"d","strict":true,
        "inputSchema":{"json":{"type": "object"}}}},{"cachePoint":{"type":"default"}},
        {"systemTool":{"name":"nova_grounding"}}],"toolChoice":{"tool":{"name":"f"}}}}]])
    assert.same({ type = "tool_use", id = "t1", name = "f", arguments = '{"z": 1}' },
      rq.messages[2].content[1])
    local result = rq.messages[3].content[1]
    assert.same({ "t1", "f", true, "1h" },
      { result.id, result.name, result.is_error, result.cache.ttl })
    assert.same({ { type = "text", text = '{"b": 1,"a":2}' }, { type = "text", text = "x" },
      { type = "image", mime = "image/png", data = "AA==" } }, result.content)
    assert.equal('{"type": "object"}', rq.tools[1].parameters.raw)
    assert.same({ "d", true, "ephemeral" },
      { rq.tools[1].description, rq.tools[1].strict, rq.tools[1].cache.type })
    assert.same({ "server", "nova_grounding" }, { rq.tools[2].type, rq.tools[2].what })
    assert.same({ type = "tool", name = "f" }, rq.tool_choice)
    for said, kind in pairs({ auto = "auto", any = "required" }) do
      assert.equal(kind, request("{" .. HI .. ',"toolConfig":{"tools":[],"toolChoice":{"' .. said
        .. '":{}}}}').tool_choice.type)
    end
  end)

  it("reads the model's own fields, whatever they are called", function()
    local cases = {
      ['{"thinking":{"type":"enabled","budget_tokens":9}}'] =
        { enabled = true, budget = 9, show = true },
      ['{"thinking":{"type":"adaptive"},"output_config":{"effort":"low"}}'] =
        { enabled = true, adaptive = true, show = true, effort = "low" },
      ['{"thinking":{"type":"disabled"}}'] = { enabled = false, effort = "none" },
      ['{"reasoningConfig":{"type":"enabled","maxReasoningEffort":"high"}}'] =
        { enabled = true, effort = "high" },
      ['{"reasoning_effort":"medium"}'] = { effort = "medium" },
      ['{"reasoning":{"effort":"none"}}'] = { effort = "none" },
    }
    for fields, expected in pairs(cases) do
      local rq = request("{" .. HI .. ',"additionalModelRequestFields":' .. fields .. "}")
      assert.same(expected, rq.reasoning, fields)
      assert.is_nil(rq.ext, fields)
    end
    for _, fields in ipairs({ '{"top_k":5}', '{"k":5}', '{"inferenceConfig":{"topK":5}}' }) do
      local rq = request("{" .. HI .. ',"additionalModelRequestFields":' .. fields .. "}")
      assert.equal(5, rq.top_k)
      assert.is_nil(rq.ext)
    end
    local rq = request("{" .. HI .. ',"additionalModelRequestFields":{"anthropic_beta":["a"],'
      .. '"top_k":1,"tool_choice":{"type":"any","disable_parallel_tool_use":true}}}')
    assert.same({ additionalModelRequestFields = { anthropic_beta = { "a" } } }, rq.ext)
    assert.same({ false, "required" }, { rq.parallel_tools, rq.tool_choice.type })
  end)

  it("reads the form of the answer, and keeps what only Bedrock knows", function()
    local rq = request("{" .. HI .. [[,"outputConfig":{"effort":"low","textFormat":{
      "type":"json_schema","structure":{"jsonSchema":{"name":"n","description":"d",
      "schema":"{\"type\": \"object\"}"}}}},"guardrailConfig":{"guardrailIdentifier":"g"},
      "performanceConfig":{"latency":"optimized"},"future":1}]])
    local format = rq.response_format
    assert.same({ "json_schema", '{"type": "object"}', "n", "d", true },
      { format.type, format.schema.raw, format.name, format.description, format.strict })
    assert.equal("low", rq.reasoning.effort)
    assert.same({ guardrailConfig = { guardrailIdentifier = "g" },
      performanceConfig = { latency = "optimized" }, future = 1 }, rq.ext)
  end)

  it("T-33 tells Claude's signatures from those that travelled inside one", function()
    local wrap = require("tide.canonical").wrap
    local function reasoning(signature)
      return '{"reasoningContent":{"reasoningText":{"text":"hm","signature":"' .. signature
        .. '"}}}'
    end
    assert.same({ type = "reasoning", text = "hm", signature = "S", format = "anthropic" },
      parts(reasoning("S"), "assistant")[1])
    assert.same({ type = "reasoning", text = "hm", signature = "K", format = "openai" },
      parts(reasoning(wrap("openai", "K")), "assistant")[1])
    assert.same({ type = "reasoning", text = "hm" },
      parts(reasoning(wrap("none", "")), "assistant")[1])
    local sealed = bedrock.core.base64.encode("EncryptedText==")
    assert.same({ type = "reasoning", redacted = "EncryptedText==", format = "anthropic" },
      parts('{"reasoningContent":{"redactedContent":"' .. sealed .. '"}}', "assistant")[1])
    assert.same({ type = "reasoning", redacted = "K", format = "openai" },
      parts('{"reasoningContent":{"redactedContent":"' .. wrap("openai", "K") .. '"}}',
        "assistant")[1])
    local content = parts('{"reasoningContent":{"reasoningText":{"text":"","signature":"'
      .. wrap("gemini", "G") .. '"}}},{"toolUse":{"toolUseId":"t","name":"f","input":{}}}',
      "assistant")
    assert.same({ { type = "tool_use", id = "t", name = "f", arguments = "{}", signature = "G",
      format = "gemini" } }, content)
  end)

  it("reads citations, what is guarded, and what it does not know", function()
    local content = parts([[{"citationsContent":{"content":[{"text":"a"},{"text":"b"}],
      "citations":[{"title":"t","location":{"web":{"url":"https://a"}}}]}},
      {"toolUse":{"toolUseId":"t","name":"n","input":{},"type":"server_tool_use"}},
      {"future":{"x":1}}]], "assistant")
    assert.equal("ab", content[1].text)
    assert.equal("https://a", content[1].citations[1].url)
    assert.same({ "opaque", "toolUse" }, { content[2].type, content[2].what })
    assert.same({ "opaque", "future" }, { content[3].type, content[3].what })
    local rq = request([[{"messages":[{"role":"user","content":[{"guardContent":{"text":
      {"text":"q","qualifiers":["query"]}}}]}]}]])
    assert.same({ type = "text", text = "q", guard = { qualifiers = { "query" } } },
      rq.messages[1].content[1])
    assert.is_true(rq.ext["messages.guardContent"])
  end)

  it("says what is wrong in the words of AWS", function()
    local cases = {
      ['{}'] = "messages", ['{"messages":[]}'] = "messages", ['{"messages":null}'] = "messages",
      ['{"messages":[{"role":"tool","content":[]}]}'] = "messages.1.member.role",
      ['{"messages":[{"role":"user","content":"hi"}]}'] = "messages.1.member.content",
      ['{' .. HI .. ',"inferenceConfig":{"maxTokens":"7"}}'] = "inferenceConfig.maxTokens",
    }
    for text, param in pairs(cases) do
      local rq, err = bedrock:request(text)
      assert.is_nil(rq, text)
      assert.equal(param, err.param, text)
    end
  end)

  it("names the member that is something else than it must be", function()
    local blocks = {
      ["3"] = "", ['{"text":3}'] = ".text", ['{"image":3}'] = ".image",
      ['{"document":{"source":3}}'] = ".document.source", ['{"toolUse":{}}'] = ".toolUse.toolUseId",
      ['{"toolUse":{"toolUseId":"t"}}'] = ".toolUse.name",
      ['{"toolResult":{"content":[]}}'] = ".toolResult.toolUseId",
      ['{"toolResult":{"toolUseId":"t","content":[3]}}'] = ".toolResult.content.1.member",
      ['{"reasoningContent":{"reasoningText":3}}'] = ".reasoningContent.reasoningText",
      ['{"citationsContent":{"content":3}}'] = ".citationsContent.content",
      ['{"guardContent":{"image":3}}'] = ".guardContent.image",
    }
    for block, place in pairs(blocks) do
      local rq, err = bedrock:request('{"messages":[{"role":"user","content":[' .. block .. "]}]}")
      assert.is_nil(rq, block)
      assert.equal("messages.1.member.content.1.member" .. place, err.param, block)
    end
    local members = {
      ['"system":3'] = "system", ['"system":[{"text":3}]'] = "system.1.member.text",
      ['"toolConfig":{"tools":[3]}'] = "toolConfig.tools.1.member",
      ['"toolConfig":{"toolChoice":3}'] = "toolConfig.toolChoice",
      ['"inferenceConfig":{"stopSequences":["a",3]}'] = "inferenceConfig.stopSequences.2.member",
      ['"serviceTier":3'] = "serviceTier",
      ['"outputConfig":{"textFormat":{"type":"json_schema","structure":{"jsonSchema":{"schema":"{"}'
        .. "}}}"] = "outputConfig.textFormat.structure.jsonSchema.schema",
    }
    for member, place in pairs(members) do
      local rq, err = bedrock:request("{" .. HI .. "," .. member .. "}")
      assert.is_nil(rq, member)
      assert.equal(place, err.param, member)
    end
  end)

  it("survives odd requests", function()
    local text = '{"messages":[{"role":"user","content":[null,{},{"image":{}},{"toolUse":null},'
      .. '{"cachePoint":null},{"toolResult":{"toolUseId":"t","content":[null,{}]}},'
      .. '{"future":3}]}],"additionalModelRequestFields":{"thinking":3,"output_config":3,'
      .. '"reasoning":3,"top_k":"x","inferenceConfig":3,"tool_choice":3}}'
    local rq
    assert.has_no.errors(function() rq = bedrock:request(text) end)
    assert.has_no.errors(function() bedrock:body(rq) end)
  end)

  it("says a request of its own again as it was, with fields that it does not know", function()
    local text = [[{"messages":[{"role":"user","content":[{"guardContent":{"text":{"text":"q",
      "qualifiers":["query"]}}},{"text":"see"},{"document":{"format":"pdf","name":"a","source":
      {"bytes":"JVBE"}}}]}],"additionalModelRequestFields":{"custom":{"x":1},"thinking":
      {"type":"enabled","budget_tokens":1024}},"system":[{"text":"s"}]}]]
    bedrock.call.traits = {}
    local sent, original = bedrock:body(request(text)), bedrock.core.decode(text)
    assert.same(original, sent)
  end)

  -- ---- answers ----------------------------------------------------------------------------------

  it("writes an answer", function()
    local answer = bedrock.dialect.encode_answer({
      usage = { input = 30, output = 7, cached = 10, cache_write = 5 },
      choices = { { finish_reason = "tool_calls", content = {
        { type = "reasoning", text = "hm", signature = "S", format = "anthropic" },
        { type = "text", text = "so" },
        { type = "tool_use", id = "t1", name = "f", arguments = '{"z": 1}' } } } },
    }, bedrock.call)
    local text = bedrock.core.encode(answer)
    assert.truthy(text:find('"input":{"z": 1}', 1, true))
    answer = bedrock.core.decode(text)
    assert.same({
      { reasoningContent = { reasoningText = { text = "hm", signature = "S" } } },
      { text = "so" }, { toolUse = { toolUseId = "t1", name = "f", input = { z = 1 } } },
    }, answer.output.message.content)
    assert.equal("assistant", answer.output.message.role)
    assert.equal("tool_use", answer.stopReason)
    assert.same({ inputTokens = 15, outputTokens = 7, cacheReadInputTokens = 10,
      cacheWriteInputTokens = 5, totalTokens = 37 }, answer.usage)
    assert.same({ latencyMs = 0 }, answer.metrics)
  end)

  it("says why an answer ended", function()
    local cases = {
      { { finish_reason = "stop" }, "end_turn" }, { { finish_reason = "length" }, "max_tokens" },
      { { finish_reason = "content_filter" }, "content_filtered" },
      { { finish_reason = "stop", sequence = "x" }, "stop_sequence" },
      { { finish_reason = "content_filter", finish_raw = "guardrail_intervened" },
        "guardrail_intervened" },
      { { finish_reason = "stop", content = { { type = "refusal", text = "no" } } },
        "content_filtered" },
    }
    for _, case in ipairs(cases) do
      assert.equal(case[2],
        bedrock.dialect.encode_answer({ choices = { case[1] } }, bedrock.call).stopReason)
    end
  end)

  it("writes citations, pictures and what others signed", function()
    local canonical = require("tide.canonical")
    local answer = bedrock.dialect.encode_answer({ choices = { { finish_reason = "stop", content = {
      { type = "text", text = "cited", citations = { { url = "https://a.b/c", title = "t",
        quote = "q" } } },
      { type = "image", data = "AA==", mime = "image/png" },
      { type = "reasoning", text = "hm" },
      { type = "reasoning", redacted = "K", format = "openai" },
      { type = "reasoning", redacted = "R==", format = "anthropic" },
      { type = "tool_use", id = "t", name = "f", arguments = "{}", signature = "G",
        format = "gemini" } } } } }, bedrock.call)
    local content = answer.output.message.content
    local cited = content[1].citationsContent
    assert.equal("cited", cited.content[1].text)
    assert.same({ title = "t", location = { web = { url = "https://a.b/c", domain = "a.b" } },
      sourceContent = { { text = "q" } } }, cited.citations[1])
    assert.same({ format = "png", source = { bytes = "AA==" } }, content[2].image)
    assert.equal("none",
      (canonical.unwrap(content[3].reasoningContent.reasoningText.signature)))
    assert.same({ "openai", "K" },
      { canonical.unwrap(content[4].reasoningContent.redactedContent) })
    assert.equal(bedrock.core.base64.encode("R=="), content[5].reasoningContent.redactedContent)
    assert.same({ "gemini", "G" },
      { canonical.unwrap(content[6].reasoningContent.reasoningText.signature) })
    assert.truthy(content[7].toolUse)
  end)

  it("writes a stream in the order of the service", function()
    local texts, names = bedrock:written({ "start", {} }, { "usage", { input = 5 } },
      { "reasoning", { delta = "hm" } },
      { "reasoning", { signature = "S", format = "anthropic" } },
      { "text", { delta = "a" } }, { "text", { delta = "b" } },
      { "tool_start", { i = 1, id = "t1", name = "f" } },
      { "tool_args", { i = 1, delta = '{"z":' } }, { "tool_args", { i = 1, delta = "1}" } },
      { "finish", { reason = "tool_calls" } }, { "usage", { input = 5, output = 7 } })
    assert.same({
      "messageStart", "contentBlockDelta", "contentBlockDelta", "contentBlockStop",
      "contentBlockDelta", "contentBlockDelta", "contentBlockStop", "contentBlockStart",
      "contentBlockDelta", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata",
    }, names)
    assert.same({ role = "assistant" }, texts[1])
    assert.same({ contentBlockIndex = 0, delta = { reasoningContent = { text = "hm" } } },
      texts[2])
    assert.same({ contentBlockIndex = 0, delta = { reasoningContent = { signature = "S" } } },
      texts[3])
    assert.same({ contentBlockIndex = 0 }, texts[4])
    assert.same({ contentBlockIndex = 1, delta = { text = "a" } }, texts[5])
    assert.same({ contentBlockIndex = 2, start = { toolUse = { toolUseId = "t1", name = "f" } } },
      texts[8])
    assert.same({ contentBlockIndex = 2, delta = { toolUse = { input = '{"z":' } } }, texts[9])
    assert.same({ stopReason = "tool_use" }, texts[12])
    assert.same({ inputTokens = 5, outputTokens = 7, totalTokens = 12 }, texts[13].usage)
  end)

  it("writes custom tools, pictures, citations and sealed thoughts into a stream", function()
    local texts, names = bedrock:written({ "text", { delta = "a" } },
      { "citation", { url = "https://a", start = 0, stop = 1 } },
      { "image", { data = "AA==", mime = "image/png" } },
      { "reasoning", { redacted = "R", format = "anthropic" } },
      { "tool_start", { i = 1, id = "t", name = "f", kind = "custom" } },
      { "tool_args", { i = 1, delta = 'x"y' } }, { "finish", { reason = "tool_calls" } })
    assert.same({ location = { web = { url = "https://a", domain = "a" } } },
      texts[3].delta.citation)
    assert.same({ "contentBlockStart", "contentBlockDelta", "contentBlockStop" },
      { names[5], names[6], names[7] })
    assert.same({ image = { source = { bytes = "AA==" } } }, texts[6].delta)
    assert.equal(bedrock.core.base64.encode("R"),
      texts[8].delta.reasoningContent.redactedContent)
    local pieces = {}
    for _, text in ipairs(texts) do
      if text.delta and text.delta.toolUse then
        pieces[#pieces + 1] = text.delta.toolUse.input
      end
    end
    assert.same({ input = 'x"y' }, bedrock.core.decode(table.concat(pieces)))
  end)

  -- ---- errors -----------------------------------------------------------------------------------

  it("tells an error by a header, and in a stream by an exception", function()
    local dialect = bedrock.dialect
    local types = {
      [400] = "ValidationException", [401] = "UnrecognizedClientException",
      [403] = "AccessDeniedException", [404] = "ResourceNotFoundException",
      [413] = "ValidationException", [429] = "ThrottlingException",
      [500] = "InternalServerException", [502] = "ModelErrorException",
      [503] = "ServiceUnavailableException", [504] = "ModelTimeoutException",
    }
    for status, name in pairs(types) do
      assert.equal(name, dialect.error_headers({ status = status })["x-amzn-errortype"])
    end
    assert.same({ ["x-amzn-errortype"] = "InvalidSignatureException" },
      dialect.error_headers({ status = 403, code = "InvalidSignatureException" }))
    assert.equal('{"message":"no"}', dialect.error_body({ status = 400, message = "no" }))
    local exceptions = {
      rate_limited = "throttlingException", overloaded = "serviceUnavailableException",
      bad_request = "validationException", script = "internalServerException",
      timeout = "modelStreamErrorException", protocol = "modelStreamErrorException",
    }
    for kind, name in pairs(exceptions) do
      local text, said = dialect.error_event({ kind = kind, message = "no", status = 502 })
      assert.equal(name, said)
      assert.equal("no", bedrock.core.decode(text).message)
    end
  end)

  it("reads a provider's error from its body and headers", function()
    local read = bedrock.dialect.read_error
    assert.same({ message = "no", type = "ValidationException" }, read({ message = "no" },
      { ["x-amzn-errortype"] = "ValidationException:http://internal.amazon.com/coral/" }))
    assert.same({ message = "no", type = "ExpiredTokenException" },
      read({ Message = "no", __type = "com.amazon.coral.service#ExpiredTokenException" }))
    assert.same({ message = "no", type = "ThrottlingException" },
      read({ error = { __type = "throttlingException", message = "no" } }))
    assert.same({}, read(nil))
    assert.same({}, read("text", {}))
  end)
end)
