local translation = require("spec.support.translation")

local function user(...) return { role = "user", content = { ... } } end
local function model(...) return { role = "assistant", content = { ... } } end
local function text(said) return { type = "text", text = said } end

local function tool(id, name, arguments, signature)
  return {
    type = "tool_use", id = id, name = name, arguments = arguments or "{}", signature = signature,
    format = signature and "gemini",
  }
end

local function result(id, said, more)
  local part = { type = "tool_result", id = id, content = { text(said) } }
  for key, value in pairs(more or {}) do part[key] = value end
  return part
end

local NEW = { thinking = "level", signatures = "required" }
local DUMMY = "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I="

describe("the dialect gemini, for a provider:", function()
  local gemini

  before_each(function() gemini = translation.new("gemini") end)

  local function body(rq)
    rq.messages = rq.messages or { user(text("hi")) }
    return gemini:body(rq)
  end

  local function settings(rq) return body(rq).generationConfig end

  it("writes the instruction apart and the turns with Google's roles", function()
    assert.same({
      systemInstruction = { parts = { { text = "be brief" }, { text = "be kind" } } },
      contents = {
        { role = "user", parts = { { text = "hi" } } },
        { role = "model", parts = { { text = "hello" } } },
        { role = "user", parts = { { text = "and?" } } },
      },
    }, body({
      system = { text("be brief"), text("be kind") },
      messages = { user(text("hi")), model(text("hello")), user(text("and?")) },
    }))
  end)

  it("lets the user say the instruction where a model takes none", function()
    gemini.call.traits = { system = false }
    local sent = body({ system = { text("be brief") } })
    assert.is_nil(sent.systemInstruction)
    assert.same({ { role = "user", parts = { { text = "be brief" }, { text = "hi" } } } },
      sent.contents)
  end)

  it("has contents when there is nothing but an instruction", function()
    local sent = body({ system = { text("be brief") }, messages = {} })
    assert.same({ { role = "user", parts = { { text = "be brief" } } } }, sent.contents)
  end)

  it("puts all results of parallel calls into the turn behind them, in the calls' order", function()
    local sent = body({ messages = {
      user(text("go")), model(tool("a", "f", '{"x": 1}'), tool("b", "g")),
      user(result("b", "two")), user(result("a", '{"one": 1}'), text("now?")),
    } })
    assert.equal(3, #sent.contents)
    assert.same({
      role = "user", parts = {
        { functionResponse = { id = "a", name = "f", response = { one = 1 } } },
        { functionResponse = { id = "b", name = "g", response = { result = "two" } } },
        { text = "now?" },
      },
    }, sent.contents[3])
    assert.same({ id = "a", name = "f", args = { x = 1 } },
      sent.contents[2].parts[1].functionCall)
  end)

  it("keeps the bytes of arguments and of results", function()
    local text_of = gemini.core.encode(gemini.dialect.encode_request({ messages = {
      user(text("go")), model(tool("a", "f", '{"z": 1, "a": [2]}')),
      user(result("a", '{"b": 1, "a": 2}')),
    } }, gemini.call))
    assert.truthy(text_of:find('"args":{"z": 1, "a": [2]}', 1, true))
    assert.truthy(text_of:find('"response":{"b": 1, "a": 2}', 1, true))
  end)

  it("wraps what a response cannot be, and names a failure", function()
    local sent = body({ messages = {
      model(tool("a", "f"), tool("b", "g"), tool("c", "h")),
      user(result("a", "[1]"), result("b", "boom", { is_error = true }), result("c", "")),
    } })
    local parts = sent.contents[2].parts
    assert.same({ result = { 1 } }, parts[1].functionResponse.response)
    assert.same({ error = "boom" }, parts[2].functionResponse.response)
    assert.same({ result = "" }, parts[3].functionResponse.response)
  end)

  it("leaves ids of calls out where models have none", function()
    gemini.call.traits = { call_ids = false }
    local sent = body({ messages = {
      model(tool("a", "f"), tool("b", "g")), user(result("b", "2"), result("a", "1")),
    } })
    assert.same({ functionCall = { name = "f", args = {} } }, sent.contents[1].parts[1])
    assert.same({ functionResponse = { name = "f", response = { result = "1" } } },
      sent.contents[2].parts[1])
  end)

  it("makes an object of arguments that are none", function()
    local sent = body({ messages = { model(tool("a", "f", "{broken"), tool("b", "g", "")) } })
    assert.same({ arguments = "{broken" }, sent.contents[1].parts[1].functionCall.args)
    assert.same({}, sent.contents[1].parts[2].functionCall.args)
  end)

  it("T-34 sends a signature back on the part that it came with", function()
    gemini.call.traits = NEW
    local sent = body({ messages = { user(text("go")), model(
      { type = "reasoning", text = "hm", format = "gemini" },
      { type = "text", text = "so", signature = "S1", format = "gemini" },
      tool("a", "f", "{}", "S2"), tool("b", "g"),
      { type = "text", text = "", signature = "S3", format = "gemini" }) } })
    assert.same({
      { text = "hm", thought = true }, { text = "so", thoughtSignature = "S1" },
      { functionCall = { id = "a", name = "f", args = {} }, thoughtSignature = "S2" },
      { functionCall = { id = "b", name = "g", args = {} } },
      { text = "", thoughtSignature = "S3" },
    }, sent.contents[2].parts)
  end)

  it("drops other providers' signatures and thoughts, and signs the first call for them", function()
    gemini.call.traits = NEW
    local foreign = tool("a", "f")
    foreign.signature, foreign.format = "X", "anthropic"
    local sent = body({ messages = { model(
      { type = "reasoning", text = "hm", signature = "X", format = "anthropic" }, foreign,
      tool("b", "g")) } })
    assert.same({
      { functionCall = { id = "a", name = "f", args = {} }, thoughtSignature = DUMMY },
      { functionCall = { id = "b", name = "g", args = {} } },
    }, sent.contents[1].parts)
  end)

  it("signs nothing for models that do not ask for it", function()
    local sent = body({ messages = { model(tool("a", "f")) } })
    assert.is_nil(sent.contents[1].parts[1].thoughtSignature)
  end)

  it("writes pictures, sound and files, by data or address", function()
    local sent = body({ messages = { user(
      { type = "image", data = "AAAA", mime = "image/png", detail = "high" },
      { type = "image", url = "https://x/a.jpg?size=2" },
      { type = "audio", data = "BBBB", format = "mp3" },
      { type = "file", data = "CCCC", mime = "application/pdf", name = "a.pdf" },
      { type = "file", text = "plain", title = "Notes" },
      { type = "file", id = "files/abc", mime = "text/plain" },
      { type = "file", id = "file-foreign" },
      { type = "video", url = "gs://b/c.mp4", mime = "video/mp4" }) } })
    assert.same({
      { inlineData = { mimeType = "image/png", data = "AAAA" } },
      { fileData = { mimeType = "image/jpeg", fileUri = "https://x/a.jpg?size=2" } },
      { inlineData = { mimeType = "audio/mpeg", data = "BBBB" } },
      { inlineData = { mimeType = "application/pdf", data = "CCCC" } },
      { text = "Notes\n\nplain" },
      { fileData = { mimeType = "text/plain",
        fileUri = "https://generativelanguage.googleapis.com/v1beta/files/abc" } },
      { fileData = { mimeType = "video/mp4", fileUri = "gs://b/c.mp4" } },
    }, sent.contents[1].parts)
    assert.same({ "detail", "file" }, gemini.warned)
  end)

  it("puts the pictures of a result beside it", function()
    local picture = { type = "image", data = "AAAA", mime = "image/png" }
    local sent = body({ messages = { model(tool("a", "f")),
      user({ type = "tool_result", id = "a", content = { text("see"), picture } }) } })
    assert.same({
      { functionResponse = { id = "a", name = "f", response = { result = "see" } } },
      { inlineData = { mimeType = "image/png", data = "AAAA" } },
    }, sent.contents[2].parts)
  end)

  it("declares functions with their own schema, in its own order", function()
    local schema = gemini.core.raw('{"type": "object", "$defs": {}, "properties": {}}')
    local sent = gemini.core.encode(gemini.dialect.encode_request({
      messages = { user(text("hi")) },
      tools = {
        { type = "function", name = "f", description = "d", parameters = schema },
        { type = "function", name = "g", strict = true },
        { type = "server", dialect = "gemini", what = "googleSearch",
          value = gemini.core.raw('{"googleSearch":{}}') },
        { type = "server", dialect = "anthropic-messages", what = "web_search" },
        { type = "custom", name = "c" },
      },
    }, gemini.call))
    assert.truthy(sent:find('"tools":[{"functionDeclarations":[{"description":"d","name":"f",'
      .. '"parametersJsonSchema":' .. schema.raw .. '},{"name":"g"}]},{"googleSearch":{}}]', 1,
      true))
    assert.same({ "tools.strict", "tools.web_search", "tools.c" }, gemini.warned)
  end)

  it("reduces schemas for older models and names what it leaves out", function()
    gemini.call.traits = { schema = "openapi" }
    local sent = body({ tools = { { type = "function", name = "f", parameters = gemini.core.raw([[
      { "$schema": "x", "type": "object", "additionalProperties": false, "required": ["a"],
        "properties": { "a": { "type": ["string", "null"], "const": "k", "format": "uuid" },
          "b": { "$ref": "#/$defs/B" },
          "c": { "oneOf": [{ "type": "integer" }, { "type": "null" }], "multipleOf": 2 } },
        "$defs": { "B": { "type": "array", "items": { "$ref": "#/$defs/B" } } } }]]) },
      { type = "function", name = "g",
        parameters = gemini.core.raw('{"type":"object","properties":{}}') } } })
    local declared = sent.tools[1].functionDeclarations
    assert.same({ type = "string", nullable = true, enum = { "k" } },
      declared[1].parameters.properties.a)
    assert.equal("array", declared[1].parameters.properties.b.items.items.type)
    assert.same({ type = "integer", nullable = true }, declared[1].parameters.properties.c)
    assert.same({ "a" }, declared[1].parameters.required)
    assert.is_nil(declared[2].parameters)
    assert.same({ "tools.parameters.multipleOf" }, gemini.warned)
  end)

  it("gives up on schemas that grow without end", function()
    gemini.call.traits = { schema = "openapi" }
    local branches = {}
    for i = 1, 12 do branches[i] = '"p' .. i .. '":{"$ref":"#"}' end
    local sent = body({ tools = { { type = "function", name = "f", parameters = gemini.core.raw(
      '{"type":"object","properties":{' .. table.concat(branches, ",") .. "}}") } } })
    assert.truthy(sent.tools)
  end)

  local CHOICES = {
    { { type = "auto" }, { mode = "AUTO" } }, { { type = "none" }, { mode = "NONE" } },
    { { type = "required" }, { mode = "ANY" } },
    { { type = "tool", name = "f" }, { mode = "ANY", allowedFunctionNames = { "f" } } },
    { { type = "allowed", names = { "f" }, mode = "required" },
      { mode = "ANY", allowedFunctionNames = { "f" } } },
    { { type = "allowed", names = { "f" }, mode = "auto" },
      { mode = "VALIDATED", allowedFunctionNames = { "f" } } },
  }

  for _, case in ipairs(CHOICES) do
    it("says the choice of tools " .. case[1].type .. " " .. (case[1].mode or ""), function()
      local sent = body({ tools = { { type = "function", name = "f" } }, tool_choice = case[1] })
      assert.same({ functionCallingConfig = case[2] }, sent.toolConfig)
    end)
  end

  it("writes the settings", function()
    assert.same({
      maxOutputTokens = 9, temperature = 2, topP = 0.5, topK = 3, seed = 4, candidateCount = 2,
      stopSequences = { "a", "b" }, presencePenalty = 0.1, frequencyPenalty = 0.2,
      responseLogprobs = true, logprobs = 5, responseModalities = { "TEXT", "IMAGE" },
    }, settings({
      max_tokens = 9, temperature = 3, top_p = 0.5, top_k = 3, seed = 4, n = 2,
      stop = { "a", "b" }, presence_penalty = 0.1, frequency_penalty = 0.2, logprobs = true,
      top_logprobs = 5, modalities = { "text", "image" },
    }))
    assert.same({}, gemini.warned)
  end)

  it("names what cannot be carried", function()
    gemini.call.traits = { penalties = false }
    local raw = gemini.core.raw
    body({
      stream = true, n = 2, stop = { "1", "2", "3", "4", "5", "6" }, presence_penalty = 1,
      logit_bias = raw("{}"), user = "u", verbosity = "low", prediction = raw("{}"), store = true,
      prompt_cache_key = "k", parallel_tools = false, metadata = { a = "b" }, audio = raw("{}"),
    })
    table.sort(gemini.warned)
    assert.same({
      "audio", "logit_bias", "metadata", "n", "parallel_tool_calls", "prediction",
      "presence_penalty", "prompt_cache_key", "stop", "store", "user", "verbosity",
    }, gemini.warned)
  end)

  it("asks for JSON, with a schema where there is one", function()
    local schema = gemini.core.raw('{"type":"object"}')
    assert.same({ responseMimeType = "application/json" },
      settings({ response_format = { type = "json" } }))
    assert.same({ responseMimeType = "application/json", responseJsonSchema = { type = "object" } },
      settings({ response_format = { type = "json_schema", schema = schema } }))
    assert.is_nil(settings({ response_format = { type = "text" } }))
    gemini.call.traits = { schema = "openapi" }
    local list = gemini.core.raw('{"type":"array","items":{"type":"string"}}')
    assert.same({ type = "array", items = { type = "string" } },
      settings({ response_format = { type = "json_schema", schema = list } }).responseSchema)
  end)

  it("has tools rather than JSON where a model cannot have both", function()
    gemini.call.traits = { schema_with_tools = false }
    local tools = { { type = "function", name = "f" } }
    local sent = body({ tools = tools, response_format = { type = "json" } })
    assert.is_nil(sent.generationConfig)
    assert.same({ "response_format" }, gemini.warned)
    sent = body({ tools = tools, response_format = { type = "json" },
      tool_choice = { type = "none" } })
    assert.is_nil(sent.tools)
    assert.is_nil(sent.toolConfig)
    assert.equal("application/json", sent.generationConfig.responseMimeType)
  end)

  local BUDGETS = {
    { { effort = "none" }, { thinkingBudget = 0 } },
    { { effort = "low" }, { thinkingBudget = 1024, includeThoughts = true } },
    { { effort = "medium" }, { thinkingBudget = 8192, includeThoughts = true } },
    { { effort = "high" }, { thinkingBudget = 24576, includeThoughts = true } },
    { { effort = "max" }, { thinkingBudget = 24576, includeThoughts = true } },
    { { budget = 99999, show = false }, { thinkingBudget = 24576 } },
    { { adaptive = true, enabled = true }, { thinkingBudget = -1, includeThoughts = true } },
    { { enabled = false }, { thinkingBudget = 0 } },
  }

  for _, case in ipairs(BUDGETS) do
    local asked = case[1].effort or case[1].budget or case[1].adaptive and "adaptive" or "disabled"
    it("thinks with a budget: " .. asked, function()
      gemini.call.traits = { thinking = "budget", budget_min = 0, budget_max = 24576 }
      assert.same(case[2], settings({ reasoning = case[1] }).thinkingConfig)
    end)
  end

  it("keeps to a model's least budget, and says that it thinks all the same", function()
    gemini.call.traits = {
      thinking = "budget", budget_min = 128, budget_max = 32768, budget_off = false,
    }
    assert.same({ thinkingBudget = 128 }, settings({ reasoning = { effort = "none" } })
      .thinkingConfig)
    assert.same({ "reasoning" }, gemini.warned)
    assert.same({ thinkingBudget = 32768, includeThoughts = true },
      settings({ reasoning = { effort = "max" } }).thinkingConfig)
  end)

  local LEVELS = {
    { { effort = "none" }, "low" }, { { effort = "minimal" }, "low" },
    { { effort = "low" }, "low" }, { { effort = "medium" }, "high" },
    { { effort = "xhigh" }, "high" }, { { budget = 500 }, "low" }, { { budget = 20000 }, "high" },
    { { enabled = false, effort = "high" }, "low" },
  }

  for i, case in ipairs(LEVELS) do
    it("thinks at a level that the model has (" .. i .. ")", function()
      gemini.call.traits = { thinking = "level", levels = { "low", "high" } }
      local config = settings({ reasoning = case[1] }).thinkingConfig
      assert.equal(case[2], config.thinkingLevel)
      assert.is_nil(config.thinkingBudget)
    end)
  end

  it("leaves thinking to the model when only thoughts are asked for", function()
    gemini.call.traits = { thinking = "level" }
    assert.same({ includeThoughts = true },
      settings({ reasoning = { show = true } }).thinkingConfig)
  end)

  it("sends a cache instead of what it holds", function()
    local sent = body({
      system = { text("s") }, tools = { { type = "function", name = "f" } },
      tool_choice = { type = "auto" }, ext = { cachedContent = "cachedContents/x" },
    })
    assert.equal("cachedContents/x", sent.cachedContent)
    assert.is_nil(sent.systemInstruction)
    assert.is_nil(sent.tools)
    assert.is_nil(sent.toolConfig)
  end)

  it("carries safety settings, the tier and labels", function()
    gemini.call.traits = { labels = true }
    local sent = body({
      safety = gemini.core.raw('[{"category":"C","threshold":"T"}]'), service_tier = "flex",
      metadata = { team = "a-1", Bad = "x" },
    })
    assert.same({ { category = "C", threshold = "T" } }, sent.safetySettings)
    assert.equal("flex", sent.serviceTier)
    assert.same({ team = "a-1" }, sent.labels)
    assert.same({ "metadata.Bad" }, gemini.warned)
  end)
end)

describe("the dialect gemini, a provider's answer:", function()
  local gemini

  before_each(function() gemini = translation.new("gemini") end)

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
      assert.same({ { content = {}, finish_reason = "content_filter", finish_raw = "SAFETY" } },
        seen.answer.choices)
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
