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
      .. '"parametersJsonSchema":' .. schema.raw .. '},{"name":"g"},{"name":"c",'
      .. '"parametersJsonSchema":{"type":"object","properties":{"input":{"type":"string"}},'
      .. '"required":["input"]}}]},{"googleSearch":{}}]', 1, true))
    assert.same({ "tools.strict", "tools.web_search" }, gemini.warned)
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
