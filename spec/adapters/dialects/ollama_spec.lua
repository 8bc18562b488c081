local translation = require("spec.support.translation")

describe("the dialect ollama, what a provider gets:", function()
  local ollama

  local function new(options) ollama = translation.new("ollama", options) end

  before_each(function() new() end)

  local function text(said) return { type = "text", text = said } end

  local function body(more)
    local rq = { messages = { { role = "user", content = { text("hi") } } } }
    for name, value in pairs(more or {}) do rq[name] = value end
    return ollama:body(rq)
  end

  it("always says whether it wants a stream", function()
    assert.same({ model = "m", stream = false, messages = { { role = "user", content = "hi" } } },
      body())
    assert.is_true(body({ stream = true }).stream)
    assert.same({}, ollama.warned)
  end)

  it("puts settings into options", function()
    local sent = body({
      max_tokens = 9, temperature = 0, top_p = 0.5, top_k = 3, seed = 4, stop = { "x", "y" },
      presence_penalty = 1, frequency_penalty = 2,
    })
    assert.same({
      num_predict = 9, temperature = 0, top_p = 0.5, top_k = 3, seed = 4, stop = { "x", "y" },
      presence_penalty = 1, frequency_penalty = 2,
    }, sent.options)
  end)

  it("takes over options of a family, under those of the request", function()
    new({ traits = { options = { num_ctx = 32768, temperature = 1 } } })
    assert.same({ num_ctx = 32768, temperature = 0 }, body({ temperature = 0 }).options)
  end)

  it("sends pictures and sound as bare base64 beside the words", function()
    local sent = body({ messages = { { role = "user", content = {
      text("what"), { type = "image", data = "iVBORw0KGgo=", mime = "image/png" }, text("is it"),
      { type = "audio", data = "UklGRg==", format = "wav" },
    } } } })
    assert.same({
      { role = "user", content = "what\n\nis it", images = { "iVBORw0KGgo=", "UklGRg==" } },
    }, sent.messages)
    assert.is_true(ollama.dialect.needs_bytes({ type = "image", url = "https://x/y.png" }))
  end)

  it("says in the text what the model cannot be shown", function()
    local sent = body({ messages = { { role = "user", content = {
      { type = "file", data = "JVBERi0=", mime = "application/pdf" },
      { type = "video", url = "https://x/y.mp4" }, { type = "image", id = "file-1" },
      { type = "file", text = "words", name = "a.txt" },
    } } } })
    assert.equal("[file that this model cannot take was left out]\n\n"
      .. "[video that this model cannot take was left out]\n\n"
      .. "[image that this model cannot take was left out]\n\na.txt\n\nwords",
      sent.messages[1].content)
    assert.same({ "file", "video", "image" }, ollama.warned)
  end)

  it("sends calls with objects, and results in their order with the tool's name", function()
    local sent = body({
      system = { text("be brief"), text("and kind") },
      messages = {
        { role = "user", content = { text("go") } },
        { role = "assistant", content = {
          { type = "reasoning", text = "hm" }, text("I "), text("call"),
          { type = "tool_use", id = "c1", name = "f", arguments = '{"b":1,"a":2}' },
          { type = "tool_use", id = "c2", name = "g", arguments = "" },
        } },
        { role = "user", content = {
          { type = "tool_result", id = "c2", content = { text("two") } },
          { type = "tool_result", id = "c1", name = "f", is_error = true,
            content = { text("one"), { type = "image", data = "AA==" } } },
          text("and?"),
        } },
      },
    })
    assert.same({ role = "system", content = "be brief\n\nand kind" }, sent.messages[1])
    assert.same({
      role = "assistant", content = "I call", thinking = "hm",
      tool_calls = {
        { id = "c1", ["function"] = { name = "f", arguments = { b = 1, a = 2 } } },
        { id = "c2", ["function"] = { name = "g", arguments = {} } },
      },
    }, sent.messages[3])
    assert.same({ role = "tool", content = "one", tool_name = "f", tool_call_id = "c1",
      images = { "AA==" } }, sent.messages[4])
    assert.same({ role = "tool", content = "two", tool_name = "g", tool_call_id = "c2" },
      sent.messages[5])
    assert.same({ role = "user", content = "and?" }, sent.messages[6])
    assert.same({ "is_error" }, ollama.warned)
  end)

  it("keeps the order of a schema's members", function()
    local rq = {
      messages = {}, response_format = { type = "json_schema", name = "n",
        schema = ollama.core.raw('{"z":1, "a":2}') },
      tools = { { type = "function", name = "f", description = "d",
        parameters = ollama.core.raw('{"type":"object","properties":{"z":{},"a":{}}}') } },
    }
    local sent = ollama.core.encode(ollama.dialect.encode_request(rq, ollama.call))
    assert.truthy(sent:find('"format":{"z":1, "a":2}', 1, true))
    assert.truthy(sent:find('"parameters":{"type":"object","properties":{"z":{},"a":{}}}', 1, true))
  end)

  it("asks for JSON", function()
    assert.equal("json", body({ response_format = { type = "json" } }).format)
    assert.equal("json", body({ response_format = { type = "json_schema" } }).format)
    assert.is_nil(body({ response_format = { type = "text" } }).format)
  end)

  it("makes a function of every tool, and names what there is not", function()
    local sent = body({
      tools = {
        { type = "function", name = "f", strict = true }, { type = "custom", name = "c" },
        { type = "server", dialect = "anthropic-messages", what = "web_search" },
      },
      parallel_tools = false,
    })
    assert.same({ type = "object", properties = {} }, sent.tools[1]["function"].parameters)
    assert.same({ "input" }, sent.tools[2]["function"].parameters.required)
    assert.equal(2, #sent.tools)
    assert.same({ "tools.strict", "tools.web_search", "parallel_tool_calls" }, ollama.warned)
  end)

  it("meets a choice of tools by what it declares", function()
    local tools = { { type = "function", name = "f" }, { type = "function", name = "g" } }
    local function names(choice)
      local list = {}
      for i, tool in ipairs(body({ tools = tools, tool_choice = choice }).tools or {}) do
        list[i] = tool["function"].name
      end
      return table.concat(list, " ")
    end
    assert.equal("f g", names({ type = "auto" }))
    assert.equal("", names({ type = "none" }))
    assert.equal("g", names({ type = "allowed", names = { "g" }, mode = "auto" }))
    assert.same({}, ollama.warned)
    assert.equal("g", names({ type = "tool", name = "g" }))
    assert.equal("f g", names({ type = "required" }))
    assert.same({ "tool_choice", "tool_choice" }, ollama.warned)
  end)

  local function think(reasoning, traits)
    new({ traits = traits or {} })
    return body({ reasoning = reasoning }).think
  end

  it("asks for as much thinking as the request does", function()
    assert.is_true(think({ enabled = true }))
    assert.is_true(think({ adaptive = true }))
    assert.is_false(think({ effort = "none" }))
    assert.is_false(think({ enabled = false }))
    assert.is_false(think({ budget = 0 }))
    assert.equal("low", think({ effort = "minimal" }))
    assert.equal("medium", think({ effort = "medium" }))
    assert.equal("max", think({ effort = "xhigh" }))
    assert.equal("high", think({ budget = 20000, enabled = true }))
    assert.is_nil(think({ summary = "auto" }))
    assert.is_nil(think(nil))
    assert.same({}, ollama.warned)
  end)

  it("asks each family in the words that it knows", function()
    assert.is_true(think({ effort = "high" }, { thinking = "boolean" }))
    assert.is_nil(think({ enabled = true }, { thinking = "level" }))
    local gpt_oss = {
      thinking = "level", thinking_off = false, levels = { "low", "medium", "high" },
    }
    assert.equal("high", think({ effort = "high" }, gpt_oss))
    assert.same({}, ollama.warned)
    assert.equal("high", think({ effort = "max" }, gpt_oss))
    assert.same({ "reasoning effort max" }, ollama.warned)
    assert.equal("low", think({ effort = "none" }, gpt_oss))
    assert.same({ "reasoning effort none" }, ollama.warned)
  end)

  it("asks no model to think that would refuse", function()
    assert.is_nil(think({ effort = "high" }, { thinking = false }))
    assert.same({ "reasoning" }, ollama.warned)
    assert.is_nil(think({ effort = "none" }, { thinking = false }))
    assert.same({}, ollama.warned)
  end)

  it("asks for log probabilities", function()
    local sent = body({ logprobs = true, top_logprobs = 2 })
    assert.is_true(sent.logprobs)
    assert.equal(2, sent.top_logprobs)
  end)

  it("names what it cannot say", function()
    body({
      user = "u", logit_bias = {}, store = true, service_tier = "flex", modalities = { "audio" },
      messages = { { role = "user", name = "n", content = { { type = "text", text = "a",
        cache = { type = "ephemeral" } } } } },
    })
    table.sort(ollama.warned)
    assert.same({ "cache_control", "logit_bias", "modalities", "name", "service_tier", "store",
      "user" }, ollama.warned)
  end)

  it("gives a client of its own back what only it can say", function()
    new({ client_dialect = "ollama", endpoint = "generate" })
    local sent = body({ ext = { ["options.num_ctx"] = 8192, keep_alive = "5m", raw = true } })
    assert.same({ num_ctx = 8192 }, sent.options)
    assert.same({ "raw" }, ollama.warned)
  end)
end)

describe("the dialect ollama, a provider's answer:", function()
  local ollama

  before_each(function() ollama = translation.new("ollama") end)

  local function line(message, more)
    return '{"model":"q","created_at":"2026-08-17T08:22:53.078901Z","message":{"role":"assistant",'
      .. message .. "}" .. (more or ',"done":false') .. "}"
  end

  local END = ',"done":true,"done_reason":"stop","total_duration":9,"prompt_eval_count":18,'
    .. '"eval_count":64'

  it("reads thoughts, text and calls of a stream", function()
    local seen = ollama:stream(line('"content":"","thinking":"h"'),
      line('"content":"","thinking":"m"'), line('"content":"a"'), line('"content":"b"'),
      line('"content":"","tool_calls":[{"function":{"name":"f","arguments":{"z": 1,"a":2}}},'
        .. '{"id":"i2","function":{"index":1,"name":"g","arguments":{}}}]'),
      line('"content":""', END))
    local answer = seen.answer
    assert.equal("q", answer.model)
    assert.equal(1786954973, answer.created)
    assert.same({ input = 18, output = 64 }, answer.usage)
    local content = answer.choices[1].content
    assert.same({ type = "reasoning", text = "hm" }, content[1])
    assert.same({ type = "text", text = "ab" }, content[2])
    assert.equal('{"z": 1,"a":2}', content[3].arguments)
    assert.truthy(content[3].id:find("^call_%x+$"))
    assert.same({ "i2", "g", "{}" }, { content[4].id, content[4].name, content[4].arguments })
    assert.equal("tool_calls", answer.choices[1].finish_reason)
    assert.equal("stop", answer.choices[1].finish_raw)
    assert.is_nil(seen.err)
  end)

  it("T-28 leaves a count open that is not told", function()
    local seen = ollama:stream(line('"content":"a"', ',"done":true,"eval_count":3'))
    assert.same({ output = 3 }, seen.answer.usage)
    assert.equal("stop", seen.answer.choices[1].finish_reason)
    assert.is_nil(ollama:stream(line('"content":"a"', ',"done":true')).answer.usage)
  end)

  it("knows how answers end", function()
    for raw, reason in pairs({ stop = "stop", length = "length", load = "stop", odd = "stop",
      content_filter = "content_filter" }) do
      local seen = ollama:whole(line('"content":"a"', ',"done":true,"done_reason":"' .. raw .. '"'))
      assert.equal(reason, seen.answer.choices[1].finish_reason)
      assert.equal(raw, seen.answer.choices[1].finish_raw)
    end
  end)

  it("takes an error in a line for what it means", function()
    for message, kind in pairs({
      ["an error was encountered while running the model"] = "upstream_5xx",
      ["prompt too long; exceeded max context length by 7 tokens"] = "context_length",
      ["model 'x' not found"] = "no_target", ['"x" does not support tools'] = "bad_request",
    }) do
      local seen = ollama:stream(line('"content":"a"'), ollama.core.encode({ error = message }))
      assert.equal(kind, seen.err.kind)
      assert.equal(message, seen.err.message)
    end
    assert.equal("protocol", ollama:whole("{}").err.kind)
  end)

  it("reads what /api/generate answers", function()
    local seen = ollama:whole('{"model":"q","response":"a","thinking":"h","done":true,'
      .. '"done_reason":"length","context":[1,2],"eval_count":2}')
    assert.same({ { type = "reasoning", text = "h" }, { type = "text", text = "a" } },
      seen.answer.choices[1].content)
    assert.equal("length", seen.answer.choices[1].finish_reason)
  end)

  it("reads pictures and log probabilities", function()
    local seen = ollama:whole(line('"content":"a","images":["iVBORw0KGgoAAAANSUhEUg=="]', END
      .. ',"logprobs":[{"token":"a","logprob":-1,"bytes":[97],"top_logprobs":[{"token":"b",'
      .. '"logprob":-2}]}]'))
    local choice = seen.answer.choices[1]
    assert.same({ type = "image", data = "iVBORw0KGgoAAAANSUhEUg==", mime = "image/png" },
      choice.content[2])
    assert.same({ { token = "a", logprob = -1, bytes = { 97 },
      top_logprobs = { { token = "b", logprob = -2 } } } }, choice.logprobs)
  end)

  it("meets anything", function()
    for _, text in ipairs({ "[]", "7", "null", '"x"', '{"message":7,"done":"yes"}',
      '{"message":{"content":7,"tool_calls":[null,7,{"function":null}]}}', '{"error":{}}',
      '{"logprobs":[null],"done":true,"eval_count":"x"}' }) do
      ollama:stream(text)
      if text:find("^{") then ollama:whole(text) end
    end
  end)
end)
