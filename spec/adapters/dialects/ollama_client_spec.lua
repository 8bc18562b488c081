local translation = require("spec.support.translation")

describe("the dialect ollama, a client's request:", function()
  local ollama

  local function new(options)
    options = options or {}
    options.client_dialect = "ollama"
    ollama = translation.new("ollama", options)
  end

  before_each(function() new() end)

  local function request(text)
    local rq, err = ollama:request(text)
    assert(rq, err and (err.message or "a reply"))
    return rq
  end

  local function chat(more, messages)
    return request('{"model":"asked","messages":'
      .. (messages or '[{"role":"user","content":"hi"}]') .. (more or "") .. "}")
  end

  local function said(text) return { { type = "text", text = text } } end

  it("reads messages and instructions", function()
    local rq = chat("", [[[{"role":"system","content":"be brief"},{"role":"user","content":"hi"},
      {"role":"assistant","content":"ho","thinking":"hm"},{"role":"system","content":"now"},
      {"role":"USER","content":"again"}]
    ]])
    assert.same(said("be brief"), rq.system)
    assert.same({
      { role = "user", content = said("hi") },
      { role = "assistant", content = { { type = "reasoning", text = "hm" }, said("ho")[1] } },
      { role = "system", content = said("now") }, { role = "user", content = said("again") },
    }, rq.messages)
    assert.is_nil(rq.ext)
    assert.is_true(rq.include_usage)
  end)

  it("finds out what a picture is", function()
    local rq = chat("", '[{"role":"user","content":"what?","images":["iVBORw0KGgoAAAANSUhEUg==",'
      .. '"/9j/4AAQSkZJRgABAQ==","UklGRiQAAABXQVZFZm10IA==","UklGRiQAAABXRUJQVlA4IA==",'
      .. '"data:image/gif;base64,R0lGODlhAQ==",null]}]')
    local content = rq.messages[1].content
    assert.same({ type = "image", data = "iVBORw0KGgoAAAANSUhEUg==", mime = "image/png" },
      content[1])
    assert.equal("image/jpeg", content[2].mime)
    assert.same({ "audio", "wav" }, { content[3].type, content[3].format })
    assert.equal("image/webp", content[4].mime)
    assert.same({ type = "image", data = "R0lGODlhAQ==", mime = "image/gif" }, content[5])
    assert.same({ type = "text", text = "what?" }, content[6])
  end)

  it("matches results without ids by name and order", function()
    local rq = chat("", [[[{"role":"user","content":"go"},
      {"role":"assistant","content":"","tool_calls":[
        {"function":{"name":"f","arguments":{"z": 1,"a":2}}},{"function":{"name":"g"}},
        {"id":"given","function":{"name":"f","arguments":"{\"x\":1}"}}]},
      {"role":"tool","tool_name":"g","content":"two"},
      {"role":"tool","content":"three","tool_call_id":"given"},
      {"role":"tool","name":"f","content":"one","images":["iVBORw0KGgo="]},
      {"role":"user","content":"and?"}]
    ]])
    local calls, results = rq.messages[2].content, rq.messages[3].content
    assert.equal('{"z": 1,"a":2}', calls[1].arguments)
    assert.equal("{}", calls[2].arguments)
    assert.equal('{"x":1}', calls[3].arguments)
    assert.not_equal(calls[1].id, calls[2].id)
    assert.same({ calls[2].id, "g" }, { results[1].id, results[1].name })
    assert.same({ "given", "f" }, { results[2].id, results[2].name })
    assert.same({ calls[1].id, "f" }, { results[3].id, results[3].name })
    assert.equal("image", results[3].content[1].type)
    assert.equal(4, #rq.messages)
  end)

  it("puts the pieces of a stream together again", function()
    local rq = chat("", [[[{"role":"user","content":"go"},
      {"role":"assistant","content":"","thinking":"h"},{"role":"assistant","thinking":"m"},
      {"role":"assistant","content":"I "},{"role":"assistant","content":"call"},
      {"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":{}}}]},
      {"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":{}}}]},
      {"role":"tool","content":"one"},{"role":"tool","content":"two"}]
    ]])
    local content, results = rq.messages[2].content, rq.messages[3].content
    assert.same({ type = "reasoning", text = "hm" }, content[1])
    assert.same({ type = "text", text = "I call" }, content[2])
    assert.same({ content[3].id, content[4].id }, { results[1].id, results[2].id })
    assert.not_equal(content[3].id, content[4].id)
    assert.equal(3, #rq.messages)
  end)

  it("gives a result without a call an id of its own", function()
    local rq = chat("", '[{"role":"tool","content":"x","tool_name":"f"}]')
    assert.truthy(rq.messages[1].content[1].id)
  end)

  it("reads tools, with the order of their schemas", function()
    local rq = chat(',"tools":[{"type":"function","function":{"name":"f","description":"d",'
      .. '"parameters":{"type":"object","properties":{"z":{},"a":{}}}}},{"function":{"name":"g"}}]')
    assert.equal('{"type":"object","properties":{"z":{},"a":{}}}', rq.tools[1].parameters.raw)
    assert.same({ type = "function", name = "g" }, rq.tools[2])
  end)

  it("reads options, and keeps those that only Ollama has", function()
    local rq = chat(',"options":{"num_predict":9,"temperature":0,"top_p":0.5,"top_k":3,"seed":4,'
      .. '"stop":["x","y"],"presence_penalty":1,"frequency_penalty":2,"num_ctx":8192,'
      .. '"repeat_penalty":1.1,"mirostat":null},"keep_alive":"5m","truncate":true,"shift":null')
    assert.same({ 9, 0, 0.5, 3, 4, 1, 2 }, { rq.max_tokens, rq.temperature, rq.top_p, rq.top_k,
      rq.seed, rq.presence_penalty, rq.frequency_penalty })
    assert.same({ "x", "y" }, rq.stop)
    assert.same({ ["options.num_ctx"] = 8192, ["options.repeat_penalty"] = 1.1,
      keep_alive = "5m", truncate = true }, rq.ext)
    rq = chat(',"options":{"num_predict":-1,"seed":-1,"stop":"x"}')
    assert.same({ nil, nil, { "x" } }, { rq.max_tokens, rq.seed, rq.stop })
  end)

  it("takes what clients write for nothing", function()
    local rq = chat(',"options":null,"format":"","keep_alive":null,"tools":[],"think":null')
    assert.is_nil(rq.ext)
    assert.is_nil(rq.response_format)
    assert.is_nil(rq.reasoning)
    assert.is_nil(rq.tools)
  end)

  it("reads the form of the answer", function()
    assert.same({ type = "json" }, chat(',"format":"json"').response_format)
    local format = chat(',"format":{"type":"object","properties":{"z":{},"a":{}}}').response_format
    assert.equal('{"type":"object","properties":{"z":{},"a":{}}}', format.schema.raw)
    assert.equal("json_schema", format.type)
  end)

  it("reads how much to think", function()
    assert.is_true(chat(',"think":true').reasoning.enabled)
    assert.same({ enabled = false, effort = "none" }, chat(',"think":false').reasoning)
    assert.equal("high", chat(',"think":"high"').reasoning.effort)
    assert.equal("max", chat(',"think":"max"').reasoning.effort)
  end)

  it("reads log probabilities", function()
    local rq = chat(',"logprobs":true,"top_logprobs":3')
    assert.same({ true, 3 }, { rq.logprobs, rq.top_logprobs })
  end)

  it("says what is wrong, and where", function()
    for text, param in pairs({
      ['{"messages":7}'] = "messages", ['{"messages":{"a":1}}'] = "messages",
      ['{"messages":[7]}'] = "messages[0]", ['{"messages":[{"content":"x"}]}'] = "messages[0].role",
      ['{"messages":[{"role":"user","content":["x"]}]}'] = "messages[0].content",
      ['{"messages":[{"role":"user"}],"think":"hard"}'] = "think",
      ['{"messages":[{"role":"user"}],"format":"xml"}'] = "format",
      ['{"messages":[{"role":"user"}],"tools":[{"type":"function"}]}'] = "tools[0]",
    }) do
      local rq, err = ollama:request(text)
      assert.is_nil(rq)
      assert.equal(param, err.param)
      assert.truthy(err.message)
    end
  end)

  it("answers by itself what only has a model loaded", function()
    local function reason(text)
      local rq, err = ollama:request(text)
      assert.is_nil(rq)
      assert.is_true(err.reply.done)
      assert.equal("1970-01-01T00:00:01.000000Z", err.reply.created_at)
      return err.reply.done_reason, err.reply
    end
    assert.equal("load", (reason('{"messages":[]}')))
    assert.equal("load", (reason('{"keep_alive":"5m"}')))
    assert.equal("unload", (reason('{"messages":[],"keep_alive":0}')))
    assert.equal("unload", (reason('{"messages":null,"keep_alive":"0s"}')))
    local _, reply = reason("{}")
    assert.same({ role = "assistant", content = "" }, reply.message)
    new({ endpoint = "generate" })
    _, reply = reason('{"prompt":""}')
    assert.equal("", reply.response)
  end)

  it("reads a prompt", function()
    new({ endpoint = "generate" })
    local rq = request('{"model":"asked","prompt":"go on","system":"be brief","suffix":"",'
      .. '"template":"","context":[],"raw":false,"images":["iVBORw0KGgo="],"format":"json"}')
    assert.same(said("be brief"), rq.system)
    assert.equal("image", rq.messages[1].content[1].type)
    assert.equal("go on", rq.messages[1].content[2].text)
    assert.is_nil(rq.ext)
    rq = request('{"prompt":"a","suffix":"b","raw":true,"template":"t","context":[1]}')
    assert.same({ suffix = "b", raw = true, template = "t", context = { 1 } }, rq.ext)
  end)

  it("meets anything", function()
    for _, text in ipairs({ "[]", '{"messages":[null]}', '{"messages":[{"role":7}]}',
      '{"messages":[{"role":"assistant","tool_calls":[null,7,{}]}]}', '{"messages":"x"}',
      '{"messages":[{"role":"user","content":"x","images":7}],"options":7,"tools":7}' }) do
      ollama:request(text)
    end
  end)
end)

describe("the dialect ollama, what a client gets:", function()
  local ollama

  local function new(options)
    options = options or {}
    options.client_dialect, options.created = "ollama", 1786954973
    ollama = translation.new("ollama", options)
  end

  before_each(function() new() end)

  local EVENTS = {
    { "start", { model = "real" } }, { "reasoning", { delta = "hm" } }, { "text", { delta = "a" } },
    { "tool_start", { i = 1, id = "c1", name = "f" } },
    { "tool_args", { i = 1, delta = '{"z":' } }, { "tool_args", { i = 1, delta = '1}' } },
    { "tool_start", { i = 2, id = "c2", name = "g" } },
    { "finish", { reason = "tool_calls" } }, { "usage", { input = 5, output = 7 } },
  }

  it("gets a line for each piece, and calls whole", function()
    local now = 0
    new({ elapsed = function() now = now + 1 return now end })
    local lines = ollama:written(unpack(EVENTS))
    local at = "2026-08-17T08:22:53.000000Z"
    local function line(message)
      return { model = "real", created_at = at, message = message, done = false }
    end
    assert.same(line({ role = "assistant", content = "", thinking = "hm" }), lines[1])
    assert.same(line({ role = "assistant", content = "a" }), lines[2])
    assert.same(line({ role = "assistant", content = "", tool_calls = {
      { id = "c1", ["function"] = { index = 0, name = "f", arguments = { z = 1 } } } } }), lines[3])
    assert.same(line({ role = "assistant", content = "", tool_calls = {
      { id = "c2", ["function"] = { index = 1, name = "g", arguments = {} } } } }), lines[4])
    assert.same({
      model = "real", created_at = at, message = { role = "assistant", content = "" }, done = true,
      done_reason = "stop", prompt_eval_count = 5, eval_count = 7, total_duration = 2e9,
      load_duration = 0, prompt_eval_duration = 1e9, eval_duration = 1e9,
    }, lines[5])
    assert.equal(5, #lines)
  end)

  it("gets the same at /api/generate, in a response", function()
    new({ endpoint = "generate" })
    local lines = ollama:written(unpack(EVENTS))
    assert.same({ "", "hm", false }, { lines[1].response, lines[1].thinking, lines[1].done })
    assert.same({ "a", nil }, { lines[2].response, lines[2].message })
    assert.equal("f", lines[3].tool_calls[1]["function"].name)
    assert.same({ "", true, "stop" }, { lines[5].response, lines[5].done, lines[5].done_reason })
  end)

  it("T-28 gets no count that nobody has told", function()
    local lines = ollama:written({ "text", { delta = "a" } }, { "finish", { reason = "length" } })
    assert.is_nil(lines[2].eval_count)
    assert.is_nil(lines[2].prompt_eval_count)
    assert.equal("length", lines[2].done_reason)
    assert.is_true(lines[2].eval_duration > 0)
  end)

  it("gets log probabilities, pictures and refusals, and is told of what it cannot get", function()
    local lines = ollama:written(
      { "text", { delta = "a", logprobs = { { token = "a", logprob = -1, bytes = { 97 } } } } },
      { "image", { data = "AA==", mime = "image/png" } }, { "image", { url = "https://x" } },
      { "citation", { url = "https://y" } }, { "citation", { url = "https://z" } },
      { "audio", { data = "AA==", transcript = "said" } },
      { "refusal", { delta = "no" } }, { "text", { delta = "other", choice = 2 } },
      { "finish", { reason = "content_filter" } }, { "finish", { reason = "stop", choice = 2 } })
    assert.same({ { token = "a", logprob = -1, bytes = { 97 } } }, lines[1].logprobs)
    assert.same({ "AA==" }, lines[2].message.images)
    assert.equal("said", lines[3].message.content)
    assert.equal("no", lines[4].message.content)
    assert.equal("content_filter", lines[5].done_reason)
    assert.equal(5, #lines)
    assert.same({ "image", "citations", "audio", "choices after the first" }, ollama.warned)
  end)

  it("gets a whole answer", function()
    local body = ollama.dialect.encode_answer({
      model = "real", created = 1, usage = { input = 5 }, choices = { {
        content = {
          { type = "reasoning", text = "hm" }, { type = "text", text = "a" },
          { type = "text", text = "b", citations = {} }, { type = "refusal", text = "c" },
          { type = "tool_use", id = "c1", name = "f", arguments = '{"z":1}' },
          { type = "tool_use", id = "c2", name = "g", kind = "custom", input = "x" },
          { type = "image", data = "AA==" },
        },
        finish_reason = "tool_calls", logprobs = { { token = "a", logprob = -1 } },
      } },
    }, ollama.call)
    local text = ollama.core.decode(ollama.core.encode(body))
    assert.same({
      role = "assistant", content = "abc", thinking = "hm", images = { "AA==" },
      tool_calls = {
        { id = "c1", ["function"] = { index = 0, name = "f", arguments = { z = 1 } } },
        { id = "c2", ["function"] = { index = 1, name = "g", arguments = { input = "x" } } },
      },
    }, text.message)
    assert.same({ "real", "1970-01-01T00:00:01.000000Z", true, "stop", 5 },
      { text.model, text.created_at, text.done, text.done_reason, text.prompt_eval_count })
    assert.is_nil(text.eval_count)
    assert.same({ { token = "a", logprob = -1 } }, text.logprobs)
    assert.same({ "citations" }, ollama.warned)
  end)

  it("gets errors in a text", function()
    local dialect = ollama.dialect
    assert.equal('{"error":"no"}', dialect.error_body({ message = "no", status = 400 }))
    assert.equal('{"error":"tools[0]: no name"}',
      dialect.error_body({ message = "no name", param = "tools[0]" }))
    assert.equal('{"error":"tools must be a list"}',
      dialect.error_body({ message = "tools must be a list", param = "tools" }))
    assert.equal('{"error":"no"}', dialect.error_event({ message = "no" }))
    assert.equal("{\"error\":\"model 'x' not found: it does not exist\"}", dialect.error_body({
      message = "it does not exist", code = "model_not_found", model = "x",
    }))
  end)

  it("is shown models as tools expect them", function()
    local list = ollama.dialect.list_models({ { id = "smart", owned_by = "tidegate" },
      { id = "p/x", owned_by = "p", context = 8192 } })
    local entry = list.models[2]
    assert.same({ "p/x", "p/x", 0, 64 }, { entry.name, entry.model, entry.size, #entry.digest })
    assert.same({
      parent_model = "", format = "api", family = "p", families = { "p" }, parameter_size = "",
      quantization_level = "", context_length = 8192,
    }, entry.details)
    assert.not_equal(list.models[1].digest, entry.digest)
    local shown = ollama.dialect.show_model({ id = "p/x", owned_by = "p", context = 8192 })
    assert.equal(8192, shown.model_info["p.context_length"])
    assert.equal("p", shown.model_info["general.architecture"])
    assert.same({ "completion", "tools", "vision", "thinking" }, shown.capabilities)
    local function can(model) return ollama.dialect.show_model(model).capabilities end
    assert.same({ "embedding" }, can({ id = "text-embed" }))
    assert.same({ "embedding" }, can({ id = "x", kind = "embed" }))
    assert.same({ "completion", "tools", "thinking" }, can({ id = "x", caps = { "reasoning",
      "tools", "cache" } }))
    assert.same({}, can({ id = "x", kind = "rerank" }))
  end)
end)

describe("times of the dialect ollama", function()
  local time

  before_each(function()
    translation.new("ollama")
    time = require("dialects.ollama.time")
  end)

  it("are those of the calendar", function()
    for seconds, text in pairs({
      [0] = "1970-01-01T00:00:00.000000Z", [951782400] = "2000-02-29T00:00:00.000000Z",
      [1786954973] = "2026-08-17T08:22:53.000000Z", [4102444799] = "2099-12-31T23:59:59.000000Z",
    }) do
      assert.equal(text, time.text(seconds))
      assert.equal(seconds, time.seconds(text))
    end
  end)

  it("may have an offset", function()
    assert.equal(1781914540, time.seconds("2026-06-19T17:15:40.188240254-07:00"))
    assert.equal(1786947773, time.seconds("2026-08-17T08:22:53+02:00"))
    assert.is_nil(time.seconds("yesterday"))
    assert.is_nil(time.seconds(7))
  end)
end)
