local translation = require("spec.support.translation")

describe("the dialect cohere-v2, a request for a provider:", function()
  local cohere

  before_each(function() cohere = translation.new("cohere-v2") end)

  local function user(...)
    local content = {}
    for i, part in ipairs({ ... }) do
      content[i] = type(part) == "string" and { type = "text", text = part } or part
    end
    return { role = "user", content = content }
  end

  local function body(rq, traits)
    cohere.call.traits = traits or {}
    cohere.warned = {}
    cohere.call.warn = function(what) cohere.warned[#cohere.warned + 1] = what end
    rq.messages = rq.messages or { user("hi") }
    return cohere:body(rq)
  end

  local function tool(name, parameters, more)
    local made = {
      type = "function", name = name, parameters = parameters and cohere.core.raw(parameters),
    }
    for key, value in pairs(more or {}) do made[key] = value end
    return made
  end

  local STRICT = '{"type":"object","properties":{"a":{"type":"string"}},"required":["a"]}'

  it("always says whether it is a stream", function()
    assert.same({ model = "m", stream = false, messages = { { role = "user", content = "hi" } } },
      body({}))
    assert.is_true(body({ stream = true }).stream)
  end)

  it("has its settings under Cohere's names, and none that ask for nothing", function()
    local sent = body({
      max_tokens = 5, temperature = 0.5, top_p = 0.9, top_k = 4, seed = 7, stop = { "a", "b" },
      logprobs = true, frequency_penalty = 0.5, presence_penalty = 0, n = 1,
    })
    sent.messages = nil
    assert.same({
      model = "m", stream = false, max_tokens = 5, temperature = 0.5, p = 0.9, k = 4, seed = 7,
      stop_sequences = { "a", "b" }, logprobs = true, frequency_penalty = 0.5,
    }, sent)
    assert.same({}, cohere.warned)
  end)

  it("names what cannot be said", function()
    local sent = body({
      stop = { "1", "2", "3", "4", "5", "6" }, frequency_penalty = 0.5, presence_penalty = 0.5,
      n = 2, user = "u", logit_bias = { a = 1 }, top_logprobs = 3, modalities = { "text", "audio" },
      service_tier = "auto", store = false,
    })
    assert.equal(5, #sent.stop_sequences)
    assert.is_nil(sent.presence_penalty)
    assert.same({
      "presence_penalty beside frequency_penalty", "stop sequences after the fifth", "user",
      "logit_bias", "top_logprobs", "n", "modality audio",
    }, cohere.warned)
  end)

  it("filters the tools where one of them is demanded", function()
    local tools = { tool("f", STRICT), tool("g"), tool("h") }
    local sent = body({ tools = tools, tool_choice = { type = "tool", name = "g" } })
    assert.equal("REQUIRED", sent.tool_choice)
    assert.same({ { type = "function", ["function"] = {
      name = "g", parameters = { type = "object", properties = {} } } } }, sent.tools)
    sent = body({ tools = tools, tool_choice = { type = "allowed", names = { "f", "h" } } })
    assert.equal(2, #sent.tools)
    assert.is_nil(sent.tool_choice)
    sent = body({ tools = tools, tool_choice = { type = "required" }, parallel_tools = false })
    assert.equal("REQUIRED", sent.tool_choice)
    assert.same({ "parallel_tool_calls" }, cohere.warned)
    assert.is_nil(body({ tools = tools, tool_choice = { type = "auto" } }).tool_choice)
    assert.equal("NONE", body({ tools = tools, tool_choice = { type = "none" } }).tool_choice)
  end)

  it("cannot force older models, nor keep them from tools but by leaving these out", function()
    local older = { tool_choice = false }
    local sent = body({ tools = { tool("f") }, tool_choice = { type = "required" } }, older)
    assert.is_nil(sent.tool_choice)
    assert.same({ "tool_choice" }, cohere.warned)
    assert.is_nil(body({ tools = { tool("f") }, tool_choice = { type = "none" } }, older).tools)
  end)

  it("is strict with all tools or with none", function()
    local strict = { strict = true }
    assert.is_true(body({ tools = { tool("f", STRICT, strict) } }).strict_tools)
    for _, tools in ipairs({
      { tool("f", STRICT, strict), tool("g", STRICT) }, { tool("f", nil, strict) },
    }) do
      assert.is_nil(body({ tools = tools }).strict_tools)
      assert.same({ "strict of tools" }, cohere.warned)
    end
  end)

  it("makes functions of custom tools, and names those of other services", function()
    local sent = body({ tools = {
      { type = "custom", name = "c", description = "d", grammar = { type = "regex" } },
      { type = "server", dialect = "gemini", what = "google_search" },
    } })
    assert.equal("input", sent.tools[1]["function"].parameters.required[1])
    assert.equal(1, #sent.tools)
    assert.same({ "the grammar of a tool", "the tool google_search" }, cohere.warned)
  end)

  it("asks for JSON, by an instruction where the API would refuse it", function()
    local format = {
      type = "json_schema", name = "x", schema = cohere.core.raw('{"type":"object"}'),
    }
    assert.same({ type = "json_object", json_schema = { type = "object" } },
      body({ response_format = format }).response_format)
    assert.same({ type = "json_object" },
      body({ response_format = { type = "json" } }).response_format)
    local sent = body({
      response_format = format, tools = { tool("f") },
      system = { { type = "text", text = "Be brief." } },
    })
    assert.is_nil(sent.response_format)
    assert.truthy(sent.messages[1].content:find('^Be brief%.\n\n.*{"type":"object"}$'))
    assert.equal(1, #cohere.warned)
    sent = body({
      response_format = format, tools = { tool("f") }, tool_choice = { type = "none" },
    })
    assert.is_nil(sent.tools)
    assert.truthy(sent.response_format)
  end)

  it("thinks as much as the effort allows, and leaves room for an answer", function()
    local function thinking(reasoning, max_tokens)
      return body({ reasoning = reasoning, max_tokens = max_tokens }).thinking
    end
    assert.is_nil(thinking({ show = true }))
    assert.same({ type = "disabled" }, thinking({ effort = "none" }))
    assert.same({ type = "disabled" }, thinking({ enabled = false }))
    assert.same({ type = "disabled" }, thinking({ budget = 0 }))
    assert.same({ type = "enabled" }, thinking({ enabled = true }))
    assert.same({ type = "enabled" }, thinking({ budget = -1 }))
    assert.same({ type = "enabled" }, thinking({ effort = "high" }))
    assert.same({ type = "enabled", token_budget = 8192 }, thinking({ effort = "medium" }))
    assert.same({ type = "enabled", token_budget = 80 }, thinking({ effort = "low" }, 100))
    assert.same({ type = "enabled", token_budget = 7 }, thinking({ budget = 7, effort = "max" }))
    assert.is_nil(body({ reasoning = { effort = "low" } }, { thinking = false }).thinking)
    assert.same({ "reasoning" }, cohere.warned)
  end)

  local function assistant(...) return { role = "assistant", content = { ... } } end
  local function text(said) return { type = "text", text = said } end
  local function call(id, name)
    return { type = "tool_use", id = id, name = name, arguments = '{"a":1}' }
  end
  local function result(id, ...) return { type = "tool_result", id = id, content = { ... } } end

  it("tells a conversation: plan or thoughts, calls, results", function()
    local messages = {
      user("go"),
      assistant({ type = "reasoning", text = "hm" }, text("well"), call("c1", "f")),
      user(result("c1", text("one"), text("two")), "and now?"),
    }
    local sent = body({ messages = messages, system = { text("a"), text("b") } }).messages
    assert.same({ role = "system", content = { text("a"), text("b") } }, sent[1])
    assert.same({ { type = "thinking", thinking = "hm" }, text("well") }, sent[3].content)
    assert.same({ { id = "c1", type = "function",
      ["function"] = { name = "f", arguments = '{"a":1}' } } }, sent[3].tool_calls)
    assert.same({ role = "tool", tool_call_id = "c1", content = { text("one"), text("two") } },
      sent[4])
    assert.same({ role = "user", content = "and now?" }, sent[5])
    sent = body({ messages = messages }, { thinking = false }).messages
    assert.equal("hm", sent[2].tool_plan)
    assert.equal("well", sent[2].content)
  end)

  it("drops thoughts that a model without thinking could not place", function()
    local sent = body({ messages = {
      user("a"), assistant({ type = "reasoning", text = "hm" }, text("b")), user("c"),
    } }, { thinking = false }).messages
    assert.same({ role = "assistant", content = "b" }, sent[2])
  end)

  it("gives each call an id of its own", function()
    local sent = body({ messages = {
      user("a"), assistant(call("1", "f")), user(result("1", text("x"))),
      assistant(call("1", "f")), user(result("1", text("y"))),
    } }).messages
    assert.equal("1", sent[3].tool_call_id)
    assert.equal("1_2", sent[4].tool_calls[1].id)
    assert.equal("1_2", sent[5].tool_call_id)
  end)

  it("lets the user have the last word", function()
    local sent = body({ messages = { user("a"), assistant(text("b")) } }).messages
    assert.same({ role = "user", content = "Continue." }, sent[3])
    assert.same({ "assistant prefill" }, cohere.warned)
    sent = body({ messages = { user("a"), { role = "system", content = { text("b") } } } }).messages
    assert.same({ role = "user", content = "b" }, sent[2])
    sent = cohere:body({ messages = {}, system = { text("s") } }).messages
    assert.same({ role = "user", content = "Begin." }, sent[2])
    local system = { role = "system", content = { text("b") } }
    sent = body({ messages = { user("a"), system, user("c") } })
    assert.equal("system", sent.messages[2].role)
  end)

  it("has documents beside the conversation where the answer shall cite them", function()
    local file = { type = "file", text = "x", title = "T", mime = "text/plain" }
    local cited = { type = "file", text = "y", name = "d", citations = true }
    local again = { type = "file", data = "eg==", mime = "text/plain", name = "d",
      citations = true }
    local sent = body({ messages = { user(file, cited, again, "q") } })
    assert.same({ text("T\n\nx"), text("q") }, sent.messages[1].content)
    assert.same({
      { id = "d", data = { title = "d", text = "y" } },
      { id = "d_2", data = { title = "d", text = "z" } },
    }, sent.documents)
    sent = body({ messages = { user(cited, "q") }, response_format = { type = "json" } })
    assert.is_nil(sent.documents)
    assert.same({ text("d\n\ny"), text("q") }, sent.messages[1].content)
    assert.same({ "citations" }, cohere.warned)
  end)

  it("says where something was left out that a model cannot take", function()
    local sent = body({ messages = { user({ type = "audio", data = "AA==", format = "wav" },
      { type = "file", data = "AA==", mime = "application/pdf" }, { type = "image", id = "i" }) } })
    assert.same({ "audio", "file", "image by its id" }, cohere.warned)
    assert.equal("[audio that this model cannot take was left out]",
      sent.messages[1].content[1].text)
  end)

  it("shows pictures behind the results that they came with", function()
    local sent = body({ messages = { user("a"), assistant(call("1", "f")),
      user(result("1", text("see"), { type = "image", data = "AA==", mime = "image/png" })) } })
    assert.equal("see", sent.messages[3].content)
    assert.same({ text("From the tool call 1:"), { type = "image_url",
      image_url = { url = "data:image/png;base64,AA==" } } }, sent.messages[4].content)
  end)

  it("is the same text each time", function()
    local rq = {
      messages = { user("a") }, tools = { tool("f", STRICT) }, reasoning = { effort = "low" },
    }
    local function encoded()
      return cohere.core.encode(cohere.dialect.encode_request(rq, cohere.call))
    end
    assert.equal(encoded(), encoded())
  end)
end)

describe("the dialect cohere-v2, an answer of a provider:", function()
  local cohere

  before_each(function() cohere = translation.new("cohere-v2") end)

  local function event(kind, more, index)
    return ('{"type":"%s"%s%s}'):format(kind, index and ',"index":' .. index or "",
      more and ',"delta":' .. more or "")
  end

  local function said(member, value) return '{"message":{"' .. member .. '":' .. value .. "}}" end

  local END = event("message-end", '{"finish_reason":"COMPLETE"}')

  it("tells tokens read and written, and what is billed besides", function()
    local seen = cohere:whole('{"id":"x","finish_reason":"COMPLETE","message":{"role":"assistant",'
      .. '"content":[{"type":"text","text":"a"}]},"usage":{"billed_units":{"input_tokens":2,'
      .. '"output_tokens":3},"tokens":{"input_tokens":20,"output_tokens":30,"reasoning_tokens":4},'
      .. '"cached_tokens":10}}')
    assert.same({
      input = 20, output = 30, cached = 10, reasoning = 4, billed_input = 2, billed_output = 3,
    }, seen.answer.usage)
    seen = cohere:whole('{"message":{"content":[{"type":"text","text":"a"}]},"usage":'
      .. '{"billed_units":{"input_tokens":2},"cached_tokens":10}}')
    assert.equal(2, seen.answer.usage.input)
    assert.is_nil(seen.answer.usage.cached)
  end)

  it("understands each reason to end", function()
    for word, reason in pairs({
      COMPLETE = "stop", STOP_SEQUENCE = "stop", MAX_TOKENS = "length",
      ERROR_TOXIC = "content_filter", NEW = "stop",
    }) do
      local seen = cohere:whole('{"finish_reason":"' .. word
        .. '","message":{"content":[{"type":"text","text":"a"}]}}')
      assert.equal(reason, seen.answer.choices[1].finish_reason)
      assert.equal(word, seen.answer.choices[1].finish_raw)
    end
    local seen = cohere:whole('{"finish_reason":"TIMEOUT","message":{"content":[]}}')
    assert.equal("timeout", seen.err.kind)
    seen = cohere:stream(event("message-end", '{"finish_reason":"ERROR","error":"it broke"}'))
    assert.same({ kind = "upstream_5xx", message = "it broke" },
      { kind = seen.err.kind, message = seen.err.message })
  end)

  it("counts spans over all text, in characters", function()
    local source = '{"type":"document","id":"d","document":{"title":"T","snippet":"s"}}'
    local seen = cohere:stream(
      event("content-start", said("content", '{"type":"thinking","thinking":"é"}'), 0),
      event("content-start", said("content", '{"type":"text","text":"é1"}'), 1),
      event("content-delta", said("content", '{"text":"2"}'), 2),
      event("citation-start", said("citations", '{"start":0,"end":1,"text":"2",'
        .. '"content_index":2,"sources":[' .. source .. "]}"), 0),
      event("citation-start", said("citations", '{"start":1,"end":2,"text":"1","sources":['
        .. source .. "," .. source .. "]}"), 1),
      event("citation-start", said("citations", '{"start":0,"end":1,"type":"THINKING_CONTENT",'
        .. '"sources":[' .. source .. "]}"), 2), END)
    local cited = {}
    for _, one in ipairs(seen.events) do
      if one.type == "citation" then cited[#cited + 1] = { one.start, one.stop, one.quote } end
    end
    assert.same({ { 2, 3, "s" }, { 1, 2, "s" }, { 1, 2, "s" }, { nil, nil, "s" } }, cited)
    assert.equal("é12", seen.answer.choices[1].content[2].text)
  end)

  it("takes probabilities, whose tokens are joined where they are one text", function()
    local seen = cohere:stream(
      '{"type":"content-delta","index":0,"delta":{"message":{"content":{"text":"ab"}}},'
      .. '"logprobs":{"text":"ab","token_ids":[1,2],"logprobs":[-1,-0.5]}}', END)
    assert.equal(-1.5, seen.answer.choices[1].logprobs[1].logprob)
    seen = cohere:whole('{"message":{"content":[{"type":"text","text":"a"}]},"finish_reason":'
      .. '"COMPLETE","logprobs":[{"text":"a","token_ids":[1],"logprobs":[-2]}]}')
    assert.same({ token = "a", logprob = -2, top_logprobs = {} },
      seen.answer.choices[1].logprobs[1])
  end)

  it("meets anything without failing", function()
    for _, text in ipairs({
      "{}", '{"message":null}', '{"message":[]}', '{"message":{"content":7}}',
      '{"message":{"content":[null,7,{"type":"new"}],"tool_calls":[null],"citations":[null,{}]}}',
      '{"message":{"tool_calls":[{"function":{"name":"f","arguments":{"a":1}}}]},"usage":7}',
    }) do
      assert.has_no.errors(function() cohere:whole(text) end)
    end
    for _, text in ipairs({
      "{}", "[]", '{"type":7}', '{"type":"content-delta"}', '{"type":"content-delta","delta":null}',
      '{"type":"content-delta","delta":{"message":{"content":null}}}', '{"type":"debug"}',
      '{"type":"tool-call-start","delta":{"message":{"tool_calls":null}}}',
      '{"type":"tool-call-delta","delta":{"message":{"tool_calls":{"function":null}}}}',
      '{"type":"tool-call-end"}', '{"type":"citation-start","delta":{}}', '{"type":"message-end"}',
    }) do
      assert.has_no.errors(function() cohere:stream(text, END) end)
    end
  end)

  it("knows an error that comes as a message", function()
    local seen = cohere:whole('{"id":"x","message":"no","error_type":"TOO_MANY_TOKENS"}')
    assert.equal("no", seen.err.message)
    assert.equal("TOO_MANY_TOKENS", seen.err.type)
    assert.equal("no", cohere:stream('{"message":"no"}').err.message)
  end)

  it("fails where arguments belong to no call", function()
    local seen = cohere:stream(event("tool-call-delta",
      said("tool_calls", '{"function":{"arguments":"{}"}}'), 0), END)
    assert.equal("protocol", seen.err.kind)
  end)
end)

describe("the dialect cohere-v2, for its clients:", function()
  local cohere

  before_each(function() cohere = translation.new("cohere-v2", { provider_dialect = "other" }) end)

  local function request(text)
    local rq, err = cohere:request(text)
    assert(rq, err and err.message)
    return rq
  end

  local function asked(messages, more)
    return request('{"messages":[' .. messages .. "]" .. (more or "") .. "}")
  end

  it("reads documents of any form before the question", function()
    local rq = asked('{"role":"user","content":"q"},{"role":"assistant","content":"a"},'
      .. '{"role":"user","content":"r"}', [[,"documents":["plain",
        {"id":"i","data":"text"},
        {"data":{"title":"T","snippet":"s","url":"u","n":{"b":1,"a":[2]}}},
        {"data":{"z":1,"a":{"y":2,"x":3}}}],"citation_options":{"mode":"FAST"}]])
    local content = rq.messages[3].content
    local function facts(part)
      return { part.name, part.title or "", part.text, part.context or "", part.citations }
    end
    assert.same({ "doc:0", "", "plain", "", true }, facts(content[1]))
    assert.same({ "i", "", "text", "", true }, facts(content[2]))
    assert.same({ "doc:2", "T", "s", 'n: {"a":[2],"b":1}\nurl: u', true }, facts(content[3]))
    assert.same({ "doc:3", "", '{"z":1,"a":{"y":2,"x":3}}', "", true }, facts(content[4]))
    assert.equal("r", content[5].text)
    assert.same({ mode = "FAST" }, rq.ext.citation_options)
    rq = asked('{"role":"user","content":"q"}', ',"documents":["x"],"citation_options":'
      .. '{"mode":"OFF"}')
    assert.is_nil(rq.messages[1].content[1].citations)
  end)

  it("gives its own documents back as they came", function()
    local rq = asked('{"role":"user","content":"q"}', ',"documents":["x",{"id":"i","data":'
      .. '{"z":1,"a":2}}]')
    local text = cohere.core.encode(cohere.dialect.encode_request(rq, cohere.call))
    assert.truthy(text:find('"documents":["x",{"data":{"z":1,"a":2},"id":"i"}]', 1, true))
  end)

  it("puts the results of a turn into one message", function()
    local rq = asked([[{"role":"user","content":"q"},
      {"role":"assistant","tool_plan":"p","tool_calls":[{"id":"a","type":"function","function":
        {"name":"f","arguments":"{}"}},{"id":"b","function":{"name":"g","arguments":{"x":1}}}]},
      {"role":"tool","tool_call_id":"a","content":"1"},
      {"role":"tool","tool_call_id":"b","content":[{"type":"document","document":
        {"data":{"text":"2"}}}]}]])
    assert.equal(3, #rq.messages)
    local turn = rq.messages[2].content
    assert.same({ type = "reasoning", text = "p", format = "cohere_plan" }, turn[1])
    assert.equal('{"x":1}', turn[3].arguments)
    assert.equal("g", rq.messages[3].content[2].name)
    assert.equal("2", rq.messages[3].content[2].content[1].text)
  end)

  it("takes back what another provider has signed", function()
    local wrap = require("tide.canonical").wrap
    local rq = asked('{"role":"assistant","content":[{"type":"thinking","thinking":"hm",'
      .. '"signature":"' .. wrap("anthropic", "s") .. '"},{"type":"thinking","thinking":"",'
      .. '"signature":"' .. wrap("anthropic.redacted", "r") .. '"},{"type":"thinking",'
      .. '"thinking":""}],"tool_calls":[{"id":"a","function":{"name":"f"},"signature":"'
      .. wrap("gemini", "t") .. '"}]},{"role":"user","content":"x"}')
    local content = rq.messages[1].content
    assert.same({ type = "reasoning", text = "hm", signature = "s", format = "anthropic" },
      content[1])
    assert.same({ type = "reasoning", text = "", redacted = "r", format = "anthropic" }, content[2])
    assert.equal("t", content[3].signature)
  end)

  it("refuses what it cannot read, with its place", function()
    for text, param in pairs({
      ['{"messages":7}'] = "messages", ['{}'] = "messages",
      ['{"messages":[7]}'] = "messages[0]",
      ['{"messages":[{"role":"user","content":[{"type":"text"}]}]}'] = "messages[0].content[0]",
      ['{"messages":[{"role":"user","content":[{"type":"image_url"}]}]}'] =
        "messages[0].content[0]",
      ['{"messages":[{"role":"assistant","tool_calls":[{}]}]}'] = "messages[0].tool_calls[0]",
      ['{"messages":[],"tools":[{"type":"function"}]}'] = nil,
      ['{"messages":[],"tools":[7]}'] = "tools[0]",
      ['{"messages":[],"tools":[{"function":{}}]}'] = "tools[0]",
      ['{"messages":[],"response_format":{"type":"xml"}}'] = "response_format.type",
      ['{"messages":[],"k":"x"}'] = "k",
      ['{"messages":[],"documents":[{"data":7}]}'] = "documents[0].data",
      ['{"messages":[],"documents":[{"id":"x"}]}'] = "documents[0]",
      ['{"messages":[{"role":"user","content":[{"type":"text","text":3}]}]}'] =
        "messages[0].content[0].text",
      ['{"messages":[],"stop_sequences":["a",3]}'] = "stop_sequences[1]",
      ['{"messages":[],"thinking":true}'] = "thinking",
      ['{"messages":[],"tools":[{"function":{"name":"f","parameters":[1]}}]}'] =
        "tools[0].function.parameters",
    }) do
      local rq, err = cohere:request(text)
      assert.is_nil(rq)
      assert.equal(param, err.param)
    end
  end)

  it("writes an answer", function()
    local body = cohere.dialect.encode_answer({
      id = "x", usage = { input = 3, output = 4, cached = 1, reasoning = 2 },
      choices = { { finish_reason = "tool_calls", content = {
        { type = "reasoning", text = "hm", signature = "s", format = "anthropic" },
        { type = "text", text = "well" },
        { type = "tool_use", id = "c", name = "f", arguments = "{}" },
      }, logprobs = { { token = "a", logprob = -1 } } } },
    }, cohere.call)
    assert.same({
      id = "x", finish_reason = "TOOL_CALL",
      usage = {
        billed_units = { input_tokens = 3, output_tokens = 4 }, cached_tokens = 1,
        tokens = { input_tokens = 3, output_tokens = 4, reasoning_tokens = 2 },
      },
      message = {
        role = "assistant",
        content = {
          { type = "thinking", thinking = "hm",
            signature = require("tide.canonical").wrap("anthropic", "s") },
          { type = "text", text = "well" },
        },
        tool_calls = { { id = "c", type = "function",
          ["function"] = { name = "f", arguments = "{}" } } },
      },
      logprobs = { { text = "a", token_ids = {}, logprobs = { -1 } } },
    }, cohere.core.decode(cohere.core.encode(body)))
  end)

  it("leaves out content where there are calls alone, and never both", function()
    local function message(content)
      return cohere.dialect.encode_answer({ choices = { { content = content } } },
        cohere.call).message
    end
    local call = { type = "tool_use", id = "c", name = "f", arguments = "{}" }
    assert.is_nil(message({ call }).content)
    assert.same({ { type = "text", text = "" } }, message({}).content)
  end)

  it("has one citation for the same words of several sources", function()
    local function citation(title, start, stop)
      return { title = title, start = start, stop = stop, quote = "q" }
    end
    local body = cohere.dialect.encode_answer({ choices = { { content = {
      { type = "text", text = "aé" }, { type = "reasoning", text = "x" },
      { type = "text", text = "bcd",
        citations = { citation("T", 3, 5), citation("U", 3, 5), citation("V", 0, 1) } },
    } } } }, cohere.call)
    local first, second, third = unpack(body.message.citations)
    assert.is_nil(third)
    assert.same({ 1, 3, "cd", 2, 2 },
      { first.start, first["end"], first.text, first.content_index, #first.sources })
    assert.same({ 0, 1, "a", 0 },
      { second.start, second["end"], second.text, second.content_index })
  end)

  it("names what an answer cannot have", function()
    cohere.dialect.encode_answer({ choices = { { content = {
      { type = "image", data = "AA==" }, { type = "audio", data = "AA==", transcript = "hi" },
    } }, {} } }, cohere.call)
    assert.same({ "choices after the first", "image", "audio" }, cohere.warned)
  end)

  it("writes a stream in Cohere's order", function()
    local kinds, events = {}, cohere:written(
      { "start", { id = "x" } }, { "reasoning", { delta = "hm" } },
      { "reasoning", { delta = "", signature = "s", format = "anthropic" } },
      { "text", { delta = "ab" } }, { "citation", { title = "T", start = 0, stop = 2 } },
      { "citation", { title = "U", start = 0, stop = 2 } }, { "text", { delta = "c" } },
      { "tool_start", { i = 1, id = "c", name = "f" } }, { "tool_args", { i = 1, delta = "{}" } },
      { "finish", { reason = "tool_calls" } }, { "usage", { input = 1, output = 2 } })
    for i, event in ipairs(events) do kinds[i] = type(event) == "table" and event.type or event end
    assert.same({
      "message-start", "content-start", "content-delta", "content-end", "content-start",
      "content-delta", "citation-start", "citation-end", "content-delta", "content-end",
      "tool-call-start", "tool-call-delta", "tool-call-end", "message-end", "[DONE]",
    }, kinds)
    assert.equal(require("tide.canonical").wrap("anthropic", "s"), events[4].signature)
    local citation = events[7].delta.message.citations
    assert.equal("ab", citation.text)
    assert.equal(2, #citation.sources)
    assert.same({ finish_reason = "TOOL_CALL", usage = {
      billed_units = { input_tokens = 1, output_tokens = 2 },
      tokens = { input_tokens = 1, output_tokens = 2 },
    } }, events[14].delta)
  end)

  it("keeps a plan, and the provider's own word, of Cohere itself", function()
    cohere.call.provider_dialect = "cohere-v2"
    local events = cohere:written({ "reasoning", { delta = "p", format = "cohere_plan" } },
      { "text", { delta = "a" } }, { "finish", { reason = "stop", raw = "STOP_SEQUENCE" } })
    assert.equal("tool-plan-delta", events[2].type)
    assert.equal("STOP_SEQUENCE", events[#events - 1].delta.finish_reason)
  end)

  it("words errors as Cohere does", function()
    local dialect, decode = cohere.dialect, cohere.core.decode
    assert.same({ id = "r", message = "m", error_type = "TOO_MANY_TOKENS" },
      decode(dialect.error_body({ request_id = "r", message = "m",
        code = "context_length_exceeded" })))
    assert.equal(('event: message-end\ndata: {"type":"message-end","delta":{"error":"m",'
      .. '"finish_reason":"TIMEOUT"}}\n\n'),
      dialect.error_event({ message = "m", kind = "timeout" }))
  end)

  it("lists models with what they are for", function()
    local listed = cohere.dialect.list_models({
      { id = "c/command-a", context = 9 }, { id = "c/embed-v4.0" }, { id = "v/rerank-2.5" },
    }).models
    assert.same({ "chat" }, listed[1].endpoints)
    assert.equal(9, listed[1].context_length)
    assert.same({ "embed" }, listed[2].endpoints)
    assert.same({ "rerank" }, listed[3].endpoints)
  end)
end)
