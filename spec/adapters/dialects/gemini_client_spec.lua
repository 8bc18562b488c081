local translation = require("spec.support.translation")

describe("the dialect gemini, a client's request:", function()
  local gemini

  before_each(function() gemini = translation.new("gemini", { client_dialect = "gemini" }) end)

  local function request(text)
    local rq, err = gemini:request(text)
    assert(rq, err and err.message)
    return rq
  end

  local function parts(text, role)
    local rq = request('{"contents":[{"role":"' .. (role or "user") .. '","parts":[' .. text
      .. "]}]}")
    return rq.messages[1].content
  end

  it("reads messages and the instruction", function()
    local rq = request('{"contents":[{"parts":[{"text":"hi"}]},{"role":"model","parts":'
      .. '[{"text":"hello"}]}],"systemInstruction":{"parts":[{"text":"a"},{"text":"b"}]}}')
    assert.equal("asked", rq.model)
    assert.is_true(rq.include_usage)
    assert.same({ { type = "text", text = "a" }, { type = "text", text = "b" } }, rq.system)
    assert.same({
      { role = "user", content = { { type = "text", text = "hi" } } },
      { role = "assistant", content = { { type = "text", text = "hello" } } },
    }, rq.messages)
    assert.is_nil(rq.ext)
  end)

  it("takes an instruction that is a text, and members that are null", function()
    local rq = request('{"contents":[{"parts":[{"text":"hi","thought":false}],"role":"user"}],'
      .. '"system_instruction":"be brief","toolConfig":null,"safetySettings":null}')
    assert.same({ { type = "text", text = "be brief" } }, rq.system)
    assert.is_nil(rq.safety)
  end)

  it("reads either case everywhere", function()
    local rq = request([[{"contents":[{"role":"user","parts":[
        {"inline_data":{"mime_type":"image/png","data":"AA-_"}},
        {"file_data":{"mime_type":"application/pdf","file_uri":"gs://a"}}]},
        {"role":"model","parts":[{"function_call":{"name":"f","args":{"x":1}},
          "thought_signature":"S"}]},
        {"role":"user","parts":[{"function_response":{"name":"f","response":{"output":"ok"}}}]}],
      "system_instruction":{"parts":[{"text":"s"}]},
      "tools":[{"function_declarations":[{"name":"f","parameters_json_schema":{"type":"object"}}],
        "google_search":{}}],
      "tool_config":{"function_calling_config":{"mode":"ANY","allowed_function_names":["f"]}},
      "generation_config":{"max_output_tokens":"7","top_p":0.5,"stop_sequences":["x"],
        "response_mime_type":"application/json","response_json_schema":{"type":"object"},
        "thinking_config":{"thinking_budget":9,"include_thoughts":true}},
      "safety_settings":[{"category":"C"}],"cached_content":"cachedContents/x"}]])
    assert.same({ type = "image", mime = "image/png", data = "AA+/" }, rq.messages[1].content[1])
    assert.same({ type = "file", mime = "application/pdf", url = "gs://a" },
      rq.messages[1].content[2])
    assert.same({ type = "tool_use", id = "call_1", name = "f", arguments = '{"x":1}',
      signature = "S", format = "gemini" }, rq.messages[2].content[1])
    assert.same({ type = "tool_result", id = "call_1", name = "f",
      content = { { type = "text", text = "ok" } } }, rq.messages[3].content[1])
    assert.equal('{"type":"object"}', rq.tools[1].parameters.raw)
    assert.equal("google_search", rq.tools[2].what)
    assert.same({ type = "tool", name = "f" }, rq.tool_choice)
    assert.equal(7, rq.max_tokens)
    assert.same({ "x" }, rq.stop)
    assert.equal("json_schema", rq.response_format.type)
    assert.same({ budget = 9, show = true, enabled = true }, rq.reasoning)
    assert.equal('[{"category":"C"}]', rq.safety.raw)
    assert.same({ cachedContent = "cachedContents/x" }, rq.ext)
  end)

  it("matches results without ids by name and order", function()
    local rq = request([[{"contents":[
      {"role":"model","parts":[{"functionCall":{"name":"f"}},{"functionCall":{"name":"g"}},
        {"functionCall":{"name":"f","id":"given"}}]},
      {"role":"user","parts":[{"functionResponse":{"name":"g","response":{"a":1}}},
        {"functionResponse":{"name":"f","response":{"error":"no"}}},
        {"functionResponse":{"name":"f","id":"given","response":{"result":[1, 2]}}}]}]}]])
    local calls, results = rq.messages[1].content, rq.messages[2].content
    assert.equal(calls[2].id, results[1].id)
    assert.equal('{"a":1}', results[1].content[1].text)
    assert.equal(calls[1].id, results[2].id)
    assert.is_true(results[2].is_error)
    assert.equal("no", results[2].content[1].text)
    assert.equal("given", results[3].id)
    assert.equal("[1, 2]", results[3].content[1].text)
  end)

  it("reads media within a result", function()
    local content = parts('{"functionResponse":{"name":"f","response":{"result":"see"},"parts":'
      .. '[{"inlineData":{"mimeType":"image/png","data":"AAAA"}}]}}')[1].content
    assert.same({ { type = "text", text = "see" },
      { type = "image", mime = "image/png", data = "AAAA" } }, content)
  end)

  it("puts together what came in a stream", function()
    local rq = request([[{"contents":[{"role":"user","parts":[{"text":"q"}]},
      {"role":"model","parts":[{"text":"h","thought":true}]},
      {"role":"model","parts":[{"text":"m","thought":true,"thoughtSignature":"S"}]},
      {"role":"model","parts":[{"text":"a"}]},{"role":"model","parts":[{"text":"b"}]},
      {"role":"model","parts":[{"text":""}]},
      {"role":"model","parts":[{"text":"","thoughtSignature":"T"}]}]}]])
    assert.equal(2, #rq.messages)
    assert.same({
      { type = "reasoning", text = "hm", signature = "S", format = "gemini" },
      { type = "text", text = "ab" },
      { type = "text", text = "", signature = "T", format = "gemini" },
    }, rq.messages[2].content)
  end)

  it("does not take a thought for Gemini's that nobody signed", function()
    assert.same({ { type = "reasoning", text = "hm" } },
      parts('{"text":"hm","thought":true}', "model"))
  end)

  it("finds out whose a signature is", function()
    local wrap = require("tide.canonical").wrap
    local content = parts('{"text":"hm","thought":true,"thoughtSignature":"'
      .. wrap("anthropic", "sig") .. '"},{"text":"","thought":true,"thoughtSignature":"'
      .. wrap("anthropic.redacted", "data") .. '"},{"functionCall":{"name":"f"},'
      .. '"thoughtSignature":"skip_thought_signature_validator"}', "model")
    assert.same({ type = "reasoning", text = "hm", signature = "sig", format = "anthropic" },
      content[1])
    assert.same({ type = "reasoning", text = "", redacted = "data", format = "anthropic" },
      content[2])
    assert.is_nil(content[3].signature)
  end)

  it("keeps parts that only Gemini knows", function()
    local content = parts('{"executableCode":{"code":"1"}},{"codeExecutionResult":{"output":"1"}}',
      "model")
    assert.equal("executableCode", content[1].what)
    assert.equal("opaque", content[2].type)
    assert.equal('{"executableCode":{"code":"1"}}', content[1].value.raw)
  end)

  it("reads sound and video", function()
    local content = parts('{"inlineData":{"mimeType":"audio/mp3","data":"AAAA"}},'
      .. '{"fileData":{"mimeType":"video/mp4","fileUri":"https://v"}},{"unknown":1}')
    assert.same({ type = "audio", mime = "audio/mp3", format = "mp3", data = "AAAA" }, content[1])
    assert.same({ type = "video", mime = "video/mp4", url = "https://v" }, content[2])
    assert.is_nil(content[3])
  end)

  it("reads schemas of the older kind, in their own order where it can", function()
    local function schema_of(schema)
      local rq = request('{"contents":[{"parts":[{"text":"x"}]}],"tools":[{"functionDeclarations":'
        .. '[{"name":"f","description":"d","parameters":' .. schema .. "}]}]}")
      return rq.tools[1].parameters.raw
    end
    assert.equal('{"type":"object","properties":{"z":{"type":"string"},"type":{"type":"integer"}}}',
      schema_of('{"type":"OBJECT","properties":{"z":{"type":"STRING"},"type":{"type":"INTEGER"}}}'))
    assert.same({ type = "object", properties = {
      a = { type = { "string", "null" } },
      b = { type = "array", minItems = 2, items = { anyOf = { { type = "number" } } } } } },
      gemini.core.decode(schema_of([[{"type":"OBJECT","propertyOrdering":["b"],"properties":{
        "a":{"type":"STRING","nullable":true,"format":"enum"},
        "b":{"type":"ARRAY","minItems":"2","items":{"any_of":[{"type":"NUMBER"}]}}}}]])))
  end)

  it("reads tools of Google's own", function()
    local rq = request('{"contents":[{"parts":[{"text":"x"}]}],"tools":[{"codeExecution":{},'
      .. '"functionDeclarations":[{"name":"f"}],"googleSearch":null},{"urlContext":{"a":1}}]}')
    assert.equal(3, #rq.tools)
    assert.same({ "codeExecution", '{"codeExecution":{}}' }, { rq.tools[2].what,
      rq.tools[2].value.raw })
    assert.equal("urlContext", rq.tools[3].what)
  end)

  local CHOICES = {
    { '{"mode":"AUTO"}', { type = "auto" } }, { '{"mode":"NONE"}', { type = "none" } },
    { '{"mode":"any"}', { type = "required" } }, { '{"mode":"VALIDATED"}', { type = "auto" } },
    { '{"mode":"ANY","allowedFunctionNames":["f","g"]}',
      { type = "allowed", names = { "f", "g" }, mode = "required" } },
    { '{"mode":"VALIDATED","allowedFunctionNames":["f"]}',
      { type = "allowed", names = { "f" }, mode = "auto" } },
  }

  for _, case in ipairs(CHOICES) do
    it("reads the choice of tools " .. case[1], function()
      local rq = request('{"contents":[{"parts":[{"text":"x"}]}],"toolConfig":'
        .. '{"functionCallingConfig":' .. case[1] .. "}}")
      assert.same(case[2], rq.tool_choice)
    end)
  end

  it("reads the settings, and keeps those that it does not know", function()
    local rq = request([[{"contents":[{"parts":[{"text":"x"}]}],"generationConfig":{
      "temperature":0.5,"topK":3,"seed":1,"candidateCount":2,"presencePenalty":0.1,
      "responseLogprobs":true,"logprobs":2,"responseModalities":["TEXT","IMAGE"],
      "speechConfig":{"a":1},"mediaResolution":"LOW"},
      "toolConfig":{"retrievalConfig":{"languageCode":"en"}},
      "serviceTier":"standard","labels":{"a":"b"},"future":true}]])
    assert.equal(0.5, rq.temperature)
    assert.equal(2, rq.n)
    assert.equal(2, rq.top_logprobs)
    assert.same({ "text", "image" }, rq.modalities)
    assert.equal("default", rq.service_tier)
    assert.same({ a = "b" }, rq.metadata)
    assert.same({
      ["generationConfig.speechConfig"] = { a = 1 }, ["generationConfig.mediaResolution"] = "LOW",
      ["toolConfig.retrievalConfig"] = { languageCode = "en" }, future = true,
    }, rq.ext)
  end)

  local THINKING = {
    { '{"thinkingBudget":0}', { effort = "none", enabled = false, show = false } },
    { '{"thinkingBudget":-1}', { adaptive = true, enabled = true, show = false } },
    { '{"thinkingLevel":"LOW"}', { effort = "low", enabled = true, show = false } },
    { '{"thinkingLevel":"THINKING_LEVEL_HIGH","includeThoughts":false}',
      { effort = "high", enabled = true, show = false } },
    { '{"includeThoughts":true}', { adaptive = true, enabled = true, show = true } },
    { "{}", nil },
  }

  for _, case in ipairs(THINKING) do
    it("reads how much to think: " .. case[1], function()
      local rq = request('{"contents":[{"parts":[{"text":"x"}]}],"generationConfig":'
        .. '{"thinkingConfig":' .. case[1] .. "}}")
      assert.same(case[2], rq.reasoning)
    end)
  end

  it("asks for JSON only when the client does", function()
    local function format(config)
      return request('{"contents":[{"parts":[{"text":"x"}]}],"generationConfig":' .. config .. "}")
        .response_format
    end
    assert.is_nil(format('{"responseMimeType":"text/plain"}'))
    assert.same({ type = "json" }, format('{"responseMimeType":"application/json"}'))
    local schema = format('{"responseMimeType":"application/json","responseSchema":'
      .. '{"type":"OBJECT"}}')
    assert.equal('{"type":"object"}', schema.schema.raw)
  end)

  it("reads the request within a request for a count", function()
    local rq = request('{"generateContentRequest":{"contents":[{"parts":[{"text":"x"}]}],'
      .. '"model":"models/m"}}')
    assert.equal("x", rq.messages[1].content[1].text)
    assert.is_nil(rq.ext)
  end)

  it("refuses what is no request, and never raises", function()
    for _, body in ipairs({ "{}", '{"contents":[]}', '{"contents":null}', '{"contents":3}',
      '{"contents":[{"role":"robot","parts":[{"text":"x"}]}]}' }) do
      local rq, err = gemini:request(body)
      assert.is_nil(rq)
      assert.equal("contents", err.param)
    end
    for _, body in ipairs({
      '{"contents":[3,null,{"parts":3},{"parts":[null,3,{}]},{"role":3}]}',
      '{"contents":[{"parts":[{"text":3,"functionCall":3,"inlineData":{}}]}],"tools":3}',
      '{"contents":[{"parts":[{"functionResponse":{}}]}],"tools":[{"functionDeclarations":[{}]}]}',
      '{"contents":{"parts":{"text":"x"}},"generationConfig":3,"toolConfig":[],"labels":3}',
      '{"contents":"x","generationConfig":{"stopSequences":3,"thinkingConfig":3,"topK":"x"}}',
    }) do
      assert.has_no_error(function() gemini:request(body) end, body)
    end
  end)

  it("T-36 says again what it has read", function()
    local body = [[{"contents":[{"role":"user","parts":[{"text":"q"}]},{"role":"model","parts":[
      {"functionCall":{"id":"i","name":"f","args":{"a":1}},"thoughtSignature":"S"}]},
      {"role":"user","parts":[{"functionResponse":{"id":"i","name":"f","response":{"b":2}}}]}],
      "systemInstruction":{"parts":[{"text":"s"}]},
      "tools":[{"functionDeclarations":[{"name":"f","parametersJsonSchema":{"type":"object"}}]},
        {"googleSearch":{}}],
      "toolConfig":{"functionCallingConfig":{"mode":"ANY"}},
      "generationConfig":{"maxOutputTokens":5,"topK":2,"responseMimeType":"application/json",
        "responseJsonSchema":{"type":"object"},"speechConfig":{"a":1}}}]]
    gemini.call.traits = { thinking = "level", signatures = "required" }
    assert.same(gemini.core.decode(body), gemini:body(request(body)))
    assert.same({}, gemini.warned)
  end)
end)

describe("the dialect gemini, a client's answer:", function()
  local gemini

  before_each(function() gemini = translation.new("gemini", { client_dialect = "gemini" }) end)

  local function parts_of(chunk) return chunk.candidates[1].content.parts end

  it("is a stream of whole answers with new parts", function()
    local chunks = gemini:written({ "start", { id = "R", model = "claude" } },
      { "reasoning", { delta = "hm" } }, { "text", { delta = "a\nb" } },
      { "finish", { reason = "stop" } },
      { "usage", { input = 5, output = 9, cached = 1, reasoning = 3 } })
    assert.same({ { text = "hm", thought = true } }, parts_of(chunks[1]))
    assert.same({
      candidates = { { content = { parts = { { text = "a\nb" } }, role = "model" }, index = 0 } },
      responseId = "R", modelVersion = "claude",
    }, chunks[2])
    assert.equal("STOP", chunks[3].candidates[1].finishReason)
    assert.same({
      promptTokenCount = 5, candidatesTokenCount = 6, thoughtsTokenCount = 3,
      cachedContentTokenCount = 1, totalTokenCount = 14,
    }, chunks[3].usageMetadata)
    assert.equal(3, #chunks)
  end)

  it("has calls whole, with their ids and signatures", function()
    local wrap = require("tide.canonical").wrap
    local chunks = gemini:written(
      { "tool_start", { i = 1, id = "a", name = "f", signature = "S", format = "gemini" } },
      { "tool_args", { i = 1, delta = '{\n"x":' } }, { "tool_args", { i = 1, delta = "1}" } },
      { "tool_end", { i = 1 } },
      { "tool_start", { i = 2, id = "b", name = "g", signature = "T", format = "anthropic" } },
      { "finish", { reason = "tool_calls" } })
    assert.same({ { functionCall = { id = "a", name = "f", args = { x = 1 } },
      thoughtSignature = "S" } }, parts_of(chunks[1]))
    assert.same({ { functionCall = { id = "b", name = "g", args = {} },
      thoughtSignature = wrap("anthropic", "T") } }, parts_of(chunks[2]))
    assert.equal("STOP", chunks[3].candidates[1].finishReason)
  end)

  it("carries foreign thoughts so that they can come back", function()
    local chunks = gemini:written({ "reasoning", { delta = "hm" } },
      { "reasoning", { delta = "", signature = "S", format = "anthropic" } },
      { "reasoning", { delta = "", redacted = "D", format = "anthropic" } },
      { "text", { delta = "a" } }, { "finish", { reason = "stop" } })
    local contents = {}
    for i, chunk in ipairs(chunks) do
      contents[i] = gemini.core.encode(chunk.candidates[1].content)
    end
    local rq = gemini:request('{"contents":[' .. table.concat(contents, ",") .. "]}")
    assert.same({
      { type = "reasoning", text = "hm", signature = "S", format = "anthropic" },
      { type = "reasoning", text = "", redacted = "D", format = "anthropic" },
      { type = "text", text = "a" },
    }, rq.messages[1].content)
  end)

  it("says that a call was broken rather than make one up", function()
    local chunks = gemini:written({ "tool_start", { i = 1, name = "f" } },
      { "tool_args", { i = 1, delta = "[1]" } }, { "tool_end", { i = 1 } },
      { "finish", { reason = "tool_calls" } })
    assert.equal(1, #chunks)
    assert.equal("MALFORMED_FUNCTION_CALL", chunks[1].candidates[1].finishReason)
    chunks = gemini:written({ "tool_start", { i = 1, name = "f" } },
      { "tool_args", { i = 1, delta = '{"a' } }, { "finish", { reason = "length" } })
    assert.equal("MAX_TOKENS", chunks[1].candidates[1].finishReason)
  end)

  it("has sources in bytes", function()
    local chunks = gemini:written({ "text", { delta = "\195\164\195\182 abc" } },
      { "citation", { url = "https://a", title = "A", start = 3, stop = 6 } },
      { "citation", { url = "https://a", title = "A", start = 0, stop = 2 } },
      { "citation", { title = "Book", quote = "said" } }, { "finish", { reason = "stop" } })
    assert.same({
      groundingChunks = { { web = { uri = "https://a", title = "A" } },
        { retrievedContext = { title = "Book", text = "said" } } },
      groundingSupports = {
        { segment = { startIndex = 5, endIndex = 8, text = "abc" }, groundingChunkIndices = { 0 } },
        { segment = { startIndex = 0, endIndex = 4, text = "\195\164\195\182" },
          groundingChunkIndices = { 0 } } },
    }, chunks[2].candidates[1].groundingMetadata)
  end)

  it("has several candidates, pictures, sound and log probabilities", function()
    local chunks = gemini:written({ "text", { delta = "a", logprobs = { { token = "a",
      logprob = -1, top_logprobs = { { token = "b", logprob = -2 } } } } } },
      { "text", { delta = "b", choice = 2 } }, { "image", { data = "AAAA", mime = "image/jpeg" } },
      { "audio", { data = "BBBB", transcript = "said" } }, { "finish", { reason = "stop" } },
      { "finish", { reason = "content_filter", choice = 2 } })
    assert.same({ chosenCandidates = { { token = "a", logProbability = -1 } },
      topCandidates = { { candidates = { { token = "b", logProbability = -2 } } } } },
      chunks[1].candidates[1].logprobsResult)
    assert.equal(1, chunks[2].candidates[1].index)
    assert.same({ inlineData = { mimeType = "image/jpeg", data = "AAAA" } }, parts_of(chunks[3])[1])
    assert.equal("BBBB", parts_of(chunks[4])[1].inlineData.data)
    assert.same({ { text = "said" } }, parts_of(chunks[5]))
    assert.equal("STOP", chunks[6].candidates[1].finishReason)
    assert.equal("SAFETY", chunks[6].candidates[2].finishReason)
  end)

  it("is whole when no stream was asked for", function()
    local answer = {
      id = "R", model = "gpt", usage = { input = 2, output = 3 },
      choices = { { finish_reason = "length", content = {
        { type = "reasoning", text = "hm" },
        { type = "text", text = "abc", citations = { { url = "https://a", start = 0, stop = 3 } } },
        { type = "tool_use", id = "i", name = "f", arguments = '{"x":1}' } } } },
    }
    assert.same({
      candidates = { { index = 0, finishReason = "MAX_TOKENS", content = { role = "model", parts = {
        { text = "hm", thought = true }, { text = "abc" },
        { functionCall = { id = "i", name = "f", args = { x = 1 } } } } },
        groundingMetadata = { groundingChunks = { { web = { uri = "https://a" } } },
          groundingSupports = { { segment = { startIndex = 0, endIndex = 3, text = "abc" },
            groundingChunkIndices = { 0 } } } } } },
      usageMetadata = { promptTokenCount = 2, candidatesTokenCount = 3, totalTokenCount = 5 },
      modelVersion = "gpt", responseId = "R",
    }, gemini.core.decode(gemini.core.encode(gemini.dialect.encode_answer(answer, gemini.call))))
  end)

  it("T-37 writes errors as Google does", function()
    local function said(err) return gemini.core.decode(gemini.dialect.error_body(err)).error end
    assert.same({
      code = 400, message = "no", status = "INVALID_ARGUMENT", details = {
        { ["@type"] = "type.googleapis.com/google.rpc.ErrorInfo", reason = "BAD_REQUEST",
          domain = "tidegate" },
        { ["@type"] = "type.googleapis.com/google.rpc.BadRequest",
          fieldViolations = { { field = "contents", description = "no" } } },
        { ["@type"] = "type.googleapis.com/google.rpc.RequestInfo", requestId = "r1" } },
    }, said({ status = 400, message = "no", kind = "bad_request", param = "contents",
      request_id = "r1" }))
    local statuses = {
      [401] = "UNAUTHENTICATED", [403] = "PERMISSION_DENIED", [404] = "NOT_FOUND",
      [413] = "INVALID_ARGUMENT", [429] = "RESOURCE_EXHAUSTED", [500] = "INTERNAL",
      [502] = "UNAVAILABLE", [503] = "UNAVAILABLE", [504] = "DEADLINE_EXCEEDED", [418] =
      "INVALID_ARGUMENT", [599] = "INTERNAL",
    }
    for status, word in pairs(statuses) do
      assert.equal(word, said({ status = status, message = "" }).status)
    end
    assert.equal("UNAVAILABLE", said({ kind = "overloaded", message = "" }).status)
  end)

  it("writes an error event", function()
    local event = gemini.dialect.error_event({ kind = "timeout", message = "line\nbreak" })
    local body = gemini.core.decode(event:match("^data: ([^\n]+)\n\n$"))
    assert.equal("DEADLINE_EXCEEDED", body.error.status)
    assert.equal(504, body.error.code)
  end)

  it("lists models and tells counts", function()
    local list = gemini.dialect.list_models({ { id = "a/b", owned_by = "a", context = 7 } })
    assert.equal("models/a/b", list.models[1].name)
    assert.equal(7, list.models[1].inputTokenLimit)
    assert.equal("generateContent", list.models[1].supportedGenerationMethods[1])
    assert.same({ totalTokens = 3 }, gemini.dialect.encode_count(3))
    assert.equal(3, gemini.dialect.decode_count({ totalTokens = 3 }))
  end)
end)

describe("the dialect gemini, a provider's error:", function()
  local read

  before_each(function()
    local gemini = translation.new("gemini")
    read = function(text) return gemini.dialect.read_error(gemini:decode(text)) end
  end)

  local function quota(id)
    return '{"error":{"code":429,"message":"You exceeded your current quota","status":'
      .. '"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.QuotaFailure",'
      .. '"violations":[{"quotaId":"' .. id .. '"}]}]}}'
  end

  it("has the reason that Google names", function()
    assert.same({ message = "m", code = "API_KEY_INVALID", type = "INVALID_ARGUMENT" },
      read('{"error":{"code":400,"message":"m","status":"INVALID_ARGUMENT","details":[{"@type":'
        .. '"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID"}]}}'))
    assert.same({ type = "UNAVAILABLE" }, read('{"error":{"status":"UNAVAILABLE"}}'))
    assert.same({ type = "NOT_FOUND" }, read('[{"error":{"status":"NOT_FOUND"}}]'))
    assert.is_nil(read('{"message":"x"}'))
    assert.is_nil(read('{"error":"x"}'))
  end)

  it("tells the day's quota from the minute's", function()
    assert.equal("QUOTA_PER_DAY", read(quota("GenerateRequestsPerDayPerProject-FreeTier")).code)
    assert.equal("QUOTA_PER_MINUTE", read(quota("InputTokensPerModelPerMinute")).code)
    assert.equal("QUOTA_PER_MINUTE", read('{"error":{"status":"RESOURCE_EXHAUSTED","details":'
      .. '[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"RATE_LIMIT_EXCEEDED",'
      .. '"metadata":{"quota_limit":"RequestsPerMinutePerRegion"}}]}}').code)
  end)
end)
