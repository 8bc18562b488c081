local translation = require("spec.support.translation")

describe("the dialect bedrock-converse, a request for a provider:", function()
  local bedrock

  local CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"

  -- The traits of a model, as the adapter has them.
  local function model(name)
    bedrock.call.model = name
    local adapter = require("tide.adapters").load().adapters.bedrock
    bedrock.call.traits = require("tide.families").find(adapter.families, name).traits
  end

  before_each(function()
    bedrock = translation.new("bedrock-converse")
    model(CLAUDE)
  end)

  local function text(said) return { type = "text", text = said } end

  local function user(...) return { role = "user", content = { ... } } end

  local function assistant(...) return { role = "assistant", content = { ... } } end

  local HI = { { role = "user", content = { { type = "text", text = "hi" } } } }

  local function body(rq)
    rq.messages = rq.messages or HI
    return bedrock:body(rq)
  end

  local function was_warned(what)
    for _, said in ipairs(bedrock.warned) do
      if said == what then return true end
    end
    return false
  end

  it("says a conversation, its settings and nothing of model or stream", function()
    local sent = body({ model = "m", stream = true, system = { text("be brief") },
      messages = { user(text("a")), assistant(text("b")), user(text("c")) },
      max_tokens = 9, temperature = 0.5, stop = { "x", " " } })
    assert.same({
      system = { { text = "be brief" } },
      messages = {
        { role = "user", content = { { text = "a" } } },
        { role = "assistant", content = { { text = "b" } } },
        { role = "user", content = { { text = "c" } } },
      },
      inferenceConfig = { maxTokens = 9, temperature = 0.5, stopSequences = { "x" } },
      additionalModelResponseFieldPaths = { "/stop_sequence" },
    }, sent)
    assert.same({ "stop of white space" }, bedrock.warned)
  end)

  it("merges turns, leaves out what is empty, and begins and ends with the user", function()
    local sent = body({ messages = { assistant(text("a")), user(text("b")), user(text(" ")),
      user(text("c")), assistant(text("d ")) } })
    assert.same({
      { role = "user", content = { { text = "Begin." } } },
      { role = "assistant", content = { { text = "a" } } },
      { role = "user", content = { { text = "b" }, { text = "c" } } },
      { role = "assistant", content = { { text = "d" } } },
    }, sent.messages)
    model("amazon.titan-text-lite-v1")
    sent = body({ system = { text("s") }, messages = { user(text("b")), assistant(text("c")) } })
    assert.same({
      { role = "user", content = { { text = "s" }, { text = "b" } } },
      { role = "assistant", content = { { text = "c" } } },
      { role = "user", content = { { text = "Continue." } } },
    }, sent.messages)
    assert.is_nil(sent.system)
    assert.is_true(was_warned("assistant prefill"))
  end)

  -- ---- tools ------------------------------------------------------------------------------------

  local F = {
    type = "function", name = "f", description = "d",
    parameters = { raw = '{"type":"object","properties":{"z":{},"a":{}}}' },
  }
  local function tool(more)
    local result = {}
    for name, value in pairs(F) do result[name] = value end
    for name, value in pairs(more or {}) do result[name] = value end
    result.parameters = bedrock.core.raw(result.parameters.raw)
    return result
  end

  local function call(id, name, arguments)
    return { type = "tool_use", id = id, name = name or "f", arguments = arguments or "{}" }
  end

  local function result(id, said, more)
    local part = { type = "tool_result", id = id, name = "f", content = { text(said) } }
    for name, value in pairs(more or {}) do part[name] = value end
    return part
  end

  it("declares tools with schemas in their order, and says the choice", function()
    local rq = { messages = HI, tools = { tool() }, tool_choice = { type = "required" } }
    local sent = bedrock.core.encode(bedrock.dialect.encode_request(rq, bedrock.call))
    assert.truthy(sent:find('"json":{"type":"object","properties":{"z":{},"a":{}}}', 1, true))
    assert.truthy(sent:find('"toolChoice":{"any":{}}', 1, true))
    local choices = {
      { { type = "auto" }, { auto = {} } }, { { type = "tool", name = "f" },
        { tool = { name = "f" } } }, { { type = "allowed", names = { "f" } }, { auto = {} } },
    }
    for _, case in ipairs(choices) do
      local said = body({ tools = { tool() }, tool_choice = case[1] })
      assert.same(case[2], said.toolConfig.toolChoice)
    end
    assert.is_nil(body({ tools = { tool() } }).toolConfig.toolChoice)
    assert.is_nil(body({ tools = { tool() }, tool_choice = { type = "none" } }).toolConfig)
  end)

  it("puts calls and results into turns, results first", function()
    local sent = body({ tools = { tool() }, messages = { user(text("go")),
      assistant(text("so"), call("c1", "f", '{"z": 1}'), call("c/2", "f", "")),
      user(text("and"), result("c1", "one"), result("c/2", "no", { is_error = true })) } })
    local content = sent.messages[2].content
    assert.same({ toolUse = { toolUseId = "c1", name = "f", input = { z = 1 } } }, content[2])
    assert.same({}, content[3].toolUse.input)
    assert.truthy(content[3].toolUse.toolUseId:find("^[%w_-]+$"))
    assert.same({
      { toolResult = { toolUseId = "c1", status = "success", content = { { text = "one" } } } },
      { toolResult = { toolUseId = content[3].toolUse.toolUseId, status = "error",
        content = { { text = "no" } } } },
      { text = "and" },
    }, sent.messages[3].content)
  end)

  it("declares the tools of the history, and asks for text, when no more are wanted", function()
    local messages = { user(text("go")), assistant(call("c1")), user(result("c1", "ok")) }
    local none = { type = "none" }
    for _, rq in ipairs({ { messages = messages, tools = { tool() }, tool_choice = none },
      { messages = messages } }) do
      local sent = body(rq)
      assert.equal(1, #sent.toolConfig.tools)
      assert.equal("f", sent.toolConfig.tools[1].toolSpec.name)
      assert.is_nil(sent.toolConfig.toolChoice)
      assert.truthy(sent.system[1].text:find("Do not call any tool", 1, true))
    end
  end)

  it("gives each tool a name that it may have", function()
    local sent = body({ tools = { tool({ name = "a.b" }), tool({ name = "a_b" }) },
      tool_choice = { type = "tool", name = "a.b" },
      messages = { user(text("go")), assistant(call("c", "a.b")), user(result("c", "ok")) } })
    assert.equal("a_b_2", sent.toolConfig.tools[1].toolSpec.name)
    assert.equal("a_b", sent.toolConfig.tools[2].toolSpec.name)
    assert.equal("a_b_2", sent.toolConfig.toolChoice.tool.name)
    assert.equal("a_b_2", sent.messages[2].content[1].toolUse.name)
  end)

  it("says in Claude's words that calls come one at a time, and then all of the choice", function()
    local sent = body({ tools = { tool() }, parallel_tools = false,
      tool_choice = { type = "tool", name = "f" } })
    assert.is_nil(sent.toolConfig.toolChoice)
    assert.same({ type = "tool", name = "f", disable_parallel_tool_use = true },
      sent.additionalModelRequestFields.tool_choice)
    model("amazon.nova-pro-v1:0")
    body({ tools = { tool() }, parallel_tools = false })
    assert.is_true(was_warned("parallel_tool_calls"))
  end)

  it("minds what other models want of tools", function()
    local messages = { user(text("go")), assistant(call("call_0123456789")),
      user(result("call_0123456789", '{"a": 1}'), { type = "tool_result", id = "x",
        content = { { type = "image", data = "AAAA", mime = "image/png" } }, is_error = true }) }
    model("mistral.mistral-large-2407-v1:0")
    local sent = body({ tools = { tool(), tool({ name = "g" }) }, messages = messages,
      tool_choice = { type = "tool", name = "g" } })
    assert.equal(9, #sent.messages[2].content[1].toolUse.toolUseId)
    assert.same({ { json = { a = 1 } } }, sent.messages[3].content[1].toolResult.content)
    assert.is_nil(sent.messages[3].content[1].toolResult.status)
    assert.same({ any = {} }, sent.toolConfig.toolChoice)
    assert.equal("g", sent.toolConfig.tools[1].toolSpec.name)
    model("us.meta.llama3-3-70b-instruct-v1:0")
    sent = body({ tools = { tool() }, tool_choice = { type = "required" }, stop = { "x" } })
    assert.same({ auto = {} }, sent.toolConfig.toolChoice)
    assert.is_true(was_warned("tool_choice") and was_warned("stop"))
    assert.is_nil(sent.inferenceConfig)
    model("cohere.command-r-v1:0")
    sent = body({ tools = { tool() }, tool_choice = { type = "auto" } })
    assert.is_nil(sent.toolConfig.toolChoice)
    model("deepseek.r1-v1:0")
    sent = body({ tools = { tool() }, messages = messages })
    assert.is_nil(sent.toolConfig)
    assert.same({ { text = "[called f with {}]" } }, sent.messages[2].content)
    assert.equal('[result of f: {"a": 1}]', sent.messages[3].content[1].text)
  end)

  -- ---- media ------------------------------------------------------------------------------------

  it("sends pictures and documents as bytes, each document with a name of its own", function()
    local pdf = { type = "file", data = "JVBERi0x", mime = "application/pdf",
      name = "Re:port  (v1.2)_é.pdf", citations = true }
    local sent = body({ messages = { user({ type = "image", data = "AAAA", mime = "image/jpg" },
      pdf, pdf, { type = "file", text = "hello", name = "notes.md" },
      { type = "file", data = "aGk=", mime = "text/x-lua", name = "___.lua" }) } })
    local content = sent.messages[1].content
    assert.same({ text = "See the document." }, content[1])
    assert.same({ format = "jpeg", source = { bytes = "AAAA" } }, content[2].image)
    assert.same({ format = "pdf", name = "Re-port (v1-2)-", source = { bytes = "JVBERi0x" },
      citations = { enabled = true } }, content[3].document)
    assert.equal("Re-port (v1-2)- 2", content[4].document.name)
    assert.same({ "txt", "notes", bedrock.core.base64.encode("hello") },
      { content[5].document.format, content[5].document.name, content[5].document.source.bytes })
    assert.same({ "txt", "document" },
      { content[6].document.format, content[6].document.name })
  end)

  it("asks for the bytes of what has an address, but for S3's", function()
    local needs = bedrock.dialect.needs_bytes
    assert.is_true(needs({ type = "image", url = "https://a/b.png" }, bedrock.call))
    assert.is_false(needs({ type = "image", url = "s3://bucket/b.png" }, bedrock.call))
    local sent = body({ messages = { user({ type = "image", url = "s3://bucket/b.png",
      mime = "image/png", owner = "123456789012" }) } })
    assert.same({ s3Location = { uri = "s3://bucket/b.png", bucketOwner = "123456789012" } },
      sent.messages[1].content[1].image.source)
  end)

  it("names what a model cannot see or hear", function()
    local image = { type = "image", data = "AAAA", mime = "image/png" }
    model("amazon.nova-micro-v1:0")
    local sent = body({ messages = { user(image, { type = "file", text = "hello", name = "n" },
      { type = "file", data = "JVBERi0x", mime = "application/pdf" },
      { type = "audio", data = "AAAA", format = "wav" }) } })
    local content = sent.messages[1].content
    assert.equal("[image that this model cannot take was left out]", content[1].text)
    assert.equal("n:\nhello", content[2].text)
    assert.equal("[document that this model cannot take was left out]", content[3].text)
    assert.same({ "image", "document", "audio" }, bedrock.warned)
    model(CLAUDE)
    sent = body({ messages = { user({ type = "image", data = "AAAA", mime = "image/tiff" }) } })
    assert.truthy(sent.messages[1].content[1].text)
    model("us.amazon.nova-2-omni-v1:0")
    sent = body({ messages = { user({ type = "video", data = "AAAA", mime = "video/mp4" },
      { type = "audio", data = "AAAA", format = "mp3" }) } })
    assert.equal("mp4", sent.messages[1].content[1].video.format)
    assert.equal("mp3", sent.messages[1].content[2].audio.format)
  end)

  it("puts pictures of results behind them for models that take none there", function()
    local messages = { user(text("go")), assistant(call("c1")), user({ type = "tool_result",
      id = "c1", content = { { type = "image", data = "AAAA", mime = "image/png" } } }) }
    local sent = body({ tools = { tool() }, messages = messages })
    assert.truthy(sent.messages[3].content[1].toolResult.content[1].image)
    model("us.meta.llama4-maverick-17b-instruct-v1:0")
    sent = body({ tools = { tool() }, messages = messages })
    assert.same({ { text = "(see below)" } }, sent.messages[3].content[1].toolResult.content)
    assert.truthy(sent.messages[3].content[2].image)
  end)

  -- ---- reasoning --------------------------------------------------------------------------------

  it("gives Claude its own thoughts back, and nobody else's", function()
    local sent = body({ messages = { user(text("a")),
      assistant({ type = "reasoning", text = "hm", signature = "S", format = "anthropic" },
        { type = "reasoning", redacted = "R==", format = "anthropic" },
        { type = "reasoning", text = "other", signature = "G", format = "gemini" },
        { type = "reasoning", text = "unsigned" }, text("b")), user(text("c")) } })
    assert.same({
      { reasoningContent = { reasoningText = { text = "hm", signature = "S" } } },
      { reasoningContent = { redactedContent = bedrock.core.base64.encode("R==") } },
      { text = "b" },
    }, sent.messages[2].content)
    assert.equal(2, #bedrock.warned)
    model("us.openai.gpt-5.6-luna")
    sent = body({ messages = { user(text("a")), assistant({ type = "reasoning", text = "",
      redacted = "Zm9v", format = "bedrock" }, text("b")), user(text("c")) } })
    assert.same({ reasoningContent = { redactedContent = "Zm9v" } },
      sent.messages[2].content[1])
    for _, other in ipairs({ CLAUDE, "us.amazon.nova-2-lite-v1:0" }) do
      model(other)
      sent = body({ messages = { user(text("a")), assistant({ type = "reasoning",
        redacted = "Zm9v", format = "bedrock" }, text("b")), user(text("c")) } })
      assert.same({ { text = "b" } }, sent.messages[2].content)
    end
  end)

  it("leaves out a turn that was all thought", function()
    local sent = body({ messages = { user(text("a")),
      assistant({ type = "reasoning", text = "hm", signature = "S", format = "anthropic" }),
      user(text("c")) } })
    assert.same({ { role = "user", content = { { text = "a" }, { text = "c" } } } },
      sent.messages)
  end)

  local EFFORTS = {
    { CLAUDE, "low", { thinking = { type = "enabled", budget_tokens = 1024 } } },
    { "global.anthropic.claude-sonnet-4-6", "high",
      { thinking = { type = "adaptive" }, output_config = { effort = "high" } } },
    { "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-opus-4-6-v1",
      "medium", { thinking = { type = "adaptive" }, output_config = { effort = "medium" } } },
    { "us.amazon.nova-2-lite-v1:0", "medium",
      { reasoningConfig = { type = "enabled", maxReasoningEffort = "medium" } } },
    { "us.amazon.nova-2-lite-v1:0", "none", { reasoningConfig = { type = "disabled" } } },
    { "openai.gpt-oss-120b-1:0", "xhigh", { reasoning_effort = "high" } },
    { "us.openai.gpt-5.6-luna", "none", { reasoning = { effort = "none" } } },
    { "us.openai.gpt-5.6-luna", "minimal", { reasoning = { effort = "low" } } },
    { "moonshot.kimi-k2-thinking", "low", { reasoning_effort = "low" } },
  }

  for _, case in ipairs(EFFORTS) do
    it("lets " .. case[1] .. " think at the effort " .. case[2], function()
      model(case[1])
      local sent = body({ reasoning = { effort = case[2] } })
      assert.same(case[3], sent.additionalModelRequestFields)
    end)
  end

  it("names thinking that a model does not do", function()
    model("amazon.nova-lite-v1:0")
    assert.is_nil(body({ reasoning = { effort = "low" } }).additionalModelRequestFields)
    assert.same({ "reasoning" }, bedrock.warned)
  end)

  it("gives a budget room, and Nova at its highest its own way", function()
    local sent = body({ reasoning = { budget = 2000 }, temperature = 0.3, top_k = 5 })
    assert.equal(64000, sent.inferenceConfig.maxTokens)
    assert.is_nil(sent.inferenceConfig.temperature)
    assert.same({ thinking = { type = "enabled", budget_tokens = 2000 } },
      sent.additionalModelRequestFields)
    model("us.amazon.nova-2-lite-v1:0")
    sent = body({ reasoning = { effort = "high" }, max_tokens = 9, temperature = 1, top_p = 1 })
    assert.is_nil(sent.inferenceConfig)
    assert.is_true(was_warned("maxTokens"))
  end)

  it("lets no budget begin where the history has none", function()
    local messages = { user(text("go")), assistant(call("c1")), user(result("c1", "ok")) }
    local sent = body({ tools = { tool() }, messages = messages, reasoning = { effort = "low" } })
    assert.is_nil(sent.additionalModelRequestFields)
    assert.is_true(was_warned("reasoning"))
  end)

  it("says top_k as each family does", function()
    local cases = {
      [CLAUDE] = { top_k = 5 }, ["amazon.nova-pro-v1:0"] = { inferenceConfig = { topK = 5 } },
      ["cohere.command-r-plus-v1:0"] = { k = 5 },
    }
    for name, expected in pairs(cases) do
      model(name)
      assert.same(expected, body({ top_k = 5 }).additionalModelRequestFields, name)
    end
    model("us.meta.llama3-3-70b-instruct-v1:0")
    assert.is_nil(body({ top_k = 5 }).additionalModelRequestFields)
    assert.is_true(was_warned("top_k"))
  end)

  it("keeps back what newer models refuse, and bounds temperature", function()
    local sent = body({ temperature = 1.7, top_p = 0.5 })
    assert.same({ temperature = 1 }, sent.inferenceConfig)
    model("global.anthropic.claude-opus-5-5")
    assert.is_nil(body({ temperature = 0.5, top_p = 0.5 }).inferenceConfig)
    model("us.openai.gpt-5.6-luna")
    assert.is_nil(body({ temperature = 0.5, top_p = 0.5, stop = { "x" } }).inferenceConfig)
  end)

  -- ---- structured output ------------------------------------------------------------------------

  local function json_schema(more)
    local format = {
      type = "json_schema", name = "City Info",
      schema = bedrock.core.raw('{"type":"object","properties":{"b":{"type":"string"}},'
        .. '"required":["b"]}'),
    }
    for name, value in pairs(more or {}) do format[name] = value end
    return format
  end

  it("asks for JSON by a schema where the model has that", function()
    local sent = body({ response_format = json_schema() })
    local format = sent.outputConfig.textFormat
    assert.equal("json_schema", format.type)
    assert.equal("City_Info", format.structure.jsonSchema.name)
    assert.same({ type = "object", properties = { b = { type = "string" } }, required = { "b" },
      additionalProperties = false }, bedrock.core.decode(format.structure.jsonSchema.schema))
  end)

  it("has a tool stand for the answer elsewhere, or an instruction", function()
    model("amazon.nova-pro-v1:0")
    local sent = body({ response_format = json_schema() })
    assert.same({ tool = { name = "tidegate_answer" } }, sent.toolConfig.toolChoice)
    assert.is_nil(sent.outputConfig)
    sent = body({ response_format = json_schema(), tools = { tool() } })
    assert.same({ any = {} }, sent.toolConfig.toolChoice)
    assert.equal(2, #sent.toolConfig.tools)
    model("us.meta.llama3-3-70b-instruct-v1:0")
    sent = body({ response_format = json_schema() })
    assert.truthy(sent.system[1].text:find('"properties":{"b"', 1, true))
    model(CLAUDE)
    sent = body({ response_format = { type = "json" } })
    assert.truthy(sent.system[1].text:find("one JSON object", 1, true))
  end)

  it("is strict with tools where that is known", function()
    local strict = tool({ strict = true })
    assert.is_true(body({ tools = { strict } }).toolConfig.tools[1].toolSpec.strict)
    model("global.anthropic.claude-opus-4-7")
    assert.is_nil(body({ tools = { strict } }).toolConfig.tools[1].toolSpec.strict)
    assert.is_true(was_warned("strict of the tool f"))
  end)

  -- ---- the rest ---------------------------------------------------------------------------------

  it("marks what is cached", function()
    local cache, hour = { type = "ephemeral" }, { type = "ephemeral", ttl = "1h" }
    local function cached(part, how)
      part.cache = how
      return part
    end
    local function rq()
      return { system = { cached(text("s"), hour) }, tools = { tool({ cache = cache }) },
        messages = { user(cached(text("a"), cache)), assistant(call("c1")),
          user(cached(result("c1", "ok"), cache)) } }
    end
    local sent = body(rq())
    local point = { cachePoint = { type = "default" } }
    assert.same({ cachePoint = { type = "default", ttl = "1h" } }, sent.system[2])
    assert.same(point, sent.toolConfig.tools[2])
    assert.same(point, sent.messages[1].content[2])
    assert.same(point, sent.messages[3].content[2])
    model("amazon.nova-lite-v1:0")
    sent = body(rq())
    assert.same(point, sent.system[2])
    assert.equal(1, #sent.toolConfig.tools)
    model("us.meta.llama3-3-70b-instruct-v1:0")
    sent = body(rq())
    assert.equal(1, #sent.system)
    assert.is_true(was_warned("cache_control"))
  end)

  it("carries metadata, tiers and the limit of tokens as far as they go", function()
    local sent = body({ metadata = { a = "x", b = "no!", c = 3 }, service_tier = "flex",
      max_tokens = 100000 })
    assert.same({ a = "x" }, sent.requestMetadata)
    assert.same({ type = "flex" }, sent.serviceTier)
    assert.equal(64000, sent.inferenceConfig.maxTokens)
    assert.is_true(was_warned("metadata b") and was_warned("max_tokens above 64000"))
    assert.is_nil(body({ service_tier = "auto" }).serviceTier)
  end)

  it("names what it has no word for, when it asks for something", function()
    body({ n = 2, seed = 1, presence_penalty = 0, logprobs = false, user = "u",
      modalities = { "text", "audio" } })
    assert.same({ "seed", "user", "n", "modality audio" }, bedrock.warned)
  end)

  it("says the same for the same request", function()
    local rq = { messages = HI, tools = { tool() }, metadata = { a = "1", b = "2" }, top_k = 3 }
    local function bytes()
      return bedrock.core.encode(bedrock.dialect.encode_request(rq, bedrock.call))
    end
    assert.equal(bytes(), bytes())
  end)
end)
