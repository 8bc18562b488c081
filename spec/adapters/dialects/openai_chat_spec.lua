local bench = require("spec.support.dialect_bench")
local fake = require("spec.support.fake_core")

describe("the dialect openai-chat", function()
  local core, dialect

  before_each(function()
    core = fake.install()
    dialect = require("tide.adapters").load().dialects["openai-chat"]
  end)

  describe("at its edges", function()
    it("writes an error as OpenAI does, every field present", function()
      assert.equal('{"error":{"code":null,"message":"no","param":"model","type":"t"}}',
        dialect.error_body({ message = "no", type = "t", param = "model" }))
    end)

    it("writes an error event", function()
      assert.equal('data: {"error":{"code":"timeout","message":"line\\nbreak","type":"t"}}\n\n',
        dialect.error_event({ message = "line\nbreak", type = "t", code = "timeout" }))
    end)

    it("ends a stream with [DONE]", function()
      assert.equal("data: [DONE]\n\n", dialect.terminal_bytes)
      assert.same({ { data = "[DONE]" } }, dialect.watch.rules.terminal)
    end)

    it("T-03 does not take a role for content", function()
      for _, path in ipairs(dialect.watch.rules.content) do
        assert.is_nil(path:find("role", 1, true))
      end
    end)

    it("lists models, with what is known of their sizes", function()
      assert.equal('{"data":[{"context_window":9,"created":0,"id":"a/b","max_completion_tokens":5,'
        .. '"object":"model","owned_by":"a"}],"object":"list"}', core.encode(dialect.list_models({
          { id = "a/b", owned_by = "a", context = 9, max_output = 5 } })))
      assert.same({ id = "x", object = "model", created = 0, owned_by = "tidegate" },
        dialect.show_model({ id = "x" }))
    end)

    it("reads the errors of many providers", function()
      local function read(text) return dialect.read_error(core.decode(text)) end
      assert.same({ message = "m", code = "c", type = "t", param = "p" },
        read('{"error":{"message":"m","code":"c","type":"t","param":"p"}}'))
      assert.same({ message = "no", code = "x" }, read('{"code":"x","error":"no"}'))
      assert.same({ message = "m", code = "429", status = 429 },
        read('{"error":{"message":"m","code":429}}'))
      assert.equal("Invalid API Key", read('{"detail":"Invalid API Key"}').message)
      assert.equal("a; b", read('{"detail":[{"loc":["x"],"msg":"a"},{"msg":"b"}]}').message)
      assert.equal("c", read('{"object":"error","message":{"detail":[{"msg":"c"}]}}').message)
      assert.equal('Provider returned error: {"e":1}', read(
        '{"error":{"message":"Provider returned error","metadata":{"raw":"{\\"e\\":1}"}}}').message)
      assert.same({ message = "quota", code = "1008" },
        read('{"base_resp":{"status_code":1008,"status_msg":"quota"}}'))
      assert.same({}, read('{"error":null}'))
    end)
  end)

  -- ---- requests ---------------------------------------------------------------------------------

  local function rq_of(text)
    return dialect.decode_request(core.decode(text, dialect.raw), bench.call())
  end

  local function body_of(rq, traits)
    local call = bench.call({ traits = traits or {} })
    local body = dialect.encode_request(rq, call)
    return core.decode(core.encode(body)), call.warned
  end

  local function ask(fields)
    return '{"model":"m","messages":[{"role":"user","content":"hi"}]' .. fields .. "}"
  end

  -- Bodies that come back as they were, whatever stands between.
  local ALL = {
    cache_control = true, top_k = true, custom_tools = true, allowed_tools = true,
    extra_content = true, images_back = true, reasoning_back = "reasoning_details",
  }
  local SAME = {
    ["plain fields"] = ask([==[,"temperature":0.5,"top_p":0.9,"top_k":5,"seed":7,"n":2,
      "presence_penalty":0.1,"frequency_penalty":-0.1,"logit_bias":{"50256":-100},
      "logprobs":true,"top_logprobs":3,"max_completion_tokens":100,"stop":["a","b"],
      "user":"u","safety_identifier":"s","prompt_cache_key":"k","metadata":{"a":"b"},
      "service_tier":"flex","store":false,"verbosity":"low","modalities":["text","audio"],
      "audio":{"voice":"alloy","format":"wav"},"prediction":{"type":"content","content":"x"},
      "reasoning_effort":"xhigh","parallel_tool_calls":false,"tools":[{"type":"function",
      "function":{"name":"f","parameters":{}}}]]==]),
    ["a stream"] = ask(',"stream":true'),
    ["instructions in the middle"] = [==[{"model":"m","messages":[
      {"role":"system","content":"one"},{"role":"user","content":"a","name":"ann"},
      {"role":"system","content":"two"},{"role":"assistant","content":"b"}]}]==],
    ["parts of content"] = [==[{"model":"m","messages":[{"role":"user","content":[
      {"type":"text","text":"look","cache_control":{"type":"ephemeral","ttl":"1h"}},
      {"type":"image_url","image_url":{"url":"https://x/y.png","detail":"low"}},
      {"type":"image_url","image_url":{"url":"data:image/png;base64,iVBO"}},
      {"type":"input_audio","input_audio":{"data":"UklG","format":"wav"}},
      {"type":"file","file":{"file_data":"data:application/pdf;base64,JVBE","filename":"a.pdf"}},
      {"type":"file","file":{"file_id":"file-1"}},
      {"type":"video_url","video_url":{"url":"https://x/y.mp4"}},
      {"type":"hologram","hologram":{"depth":3}}]}]}]==],
    ["tool calls and results"] = [==[{"model":"m","messages":[{"role":"user","content":"q"},
      {"role":"assistant","content":null,"tool_calls":[
        {"id":"a","type":"function","function":{"name":"f","arguments":"{ \"b\" : 1, \"a\":2}"},
         "extra_content":{"google":{"thought_signature":"sig"}}},
        {"id":"b","type":"custom","custom":{"name":"sh","input":"ls {"}}]},
      {"role":"tool","tool_call_id":"a","content":"1"},
      {"role":"tool","tool_call_id":"b","content":[{"type":"text","text":"x"},
        {"type":"text","text":"y"}]},
      {"role":"user","content":"and?"}]}]==],
    ["a refusal and spoken words"] = [==[{"model":"m","messages":[
      {"role":"assistant","content":null,"refusal":"no"},
      {"role":"assistant","content":null,"audio":{"id":"au"}}]}]==],
    ["signed reasoning"] = [==[{"model":"m","messages":[{"role":"assistant","content":"x",
      "reasoning":"hmso","reasoning_details":[
        {"type":"reasoning.text","text":"hm","signature":"s","format":"anthropic-claude-v1",
         "index":0},
        {"type":"reasoning.encrypted","data":"e","format":"anthropic-claude-v1","index":1},
        {"type":"reasoning.summary","summary":"so","id":"rs","index":2,
         "format":"openai-responses-v1"},
        {"type":"reasoning.encrypted","data":"f","id":"rs","index":3,
         "format":"openai-responses-v1"}]}]}]==],
    ["tools"] = ask([==[,"tools":[{"type":"function","function":{"name":"f","description":"d",
      "strict":true,"parameters":{"type":"object","properties":{}}},
      "cache_control":{"type":"ephemeral"}},
      {"type":"custom","custom":{"name":"sh","description":"d",
       "format":{"type":"grammar","grammar":{"syntax":"lark","definition":"x"}}}},
      {"type":"web_search_preview","size":1}],
      "tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"required","tools":[
      {"type":"function","function":{"name":"f"}},{"type":"custom","custom":{"name":"sh"}}]}}]==]),
    ["a search"] = ask(',"web_search_options":{"search_context_size":"low"}'),
    ["a schema"] = ask([==[,"response_format":{"type":"json_schema","json_schema":{"name":"n",
      "strict":true,"description":"d","schema":{"type":"object","z":1,"a":2}}}]==]),
    ["JSON"] = ask(',"response_format":{"type":"json_object"}'),
  }

  for name, text in pairs(SAME) do
    it("gives back " .. name, function()
      local rq = assert(rq_of(text))
      local body, warned = body_of(rq, ALL)
      local wanted = core.decode(text)
      wanted.model = "served"
      assert.same(wanted, body)
      assert.same({}, warned)
    end)
  end

  it("keeps the bytes of schemas and arguments", function()
    local rq = rq_of(ask([==[,"tools":[{"type":"function","function":{"name":"f",
      "parameters":{ "type" :"object","b":1.0,"a":{} }}}]]==]))
    assert.equal('{ "type" :"object","b":1.0,"a":{} }', rq.tools[1].parameters.raw)
    assert.truthy(core.encode(dialect.encode_request(rq, bench.call())):find(
      '{ "type" :"object","b":1.0,"a":{} }', 1, true))
  end)

  it("keeps what it does not know", function()
    assert.same({ provider = { only = { "x" } }, min_p = 0.1 },
      rq_of(ask(',"provider":{"only":["x"]},"min_p":0.1,"unset":null')).ext)
  end)

  it("does not change the request that it encodes", function()
    for _, text in pairs(SAME) do
      local rq = rq_of(text)
      local before = core.encode(rq)
      dialect.encode_request(rq, bench.call({ traits = { structured = false, prefix = true } }))
      assert.equal(before, core.encode(rq))
    end
  end)

  local function messages(text, traits)
    local rq = assert(rq_of('{"model":"m","messages":' .. text .. "}"))
    local body, warned = body_of(rq, traits)
    return body.messages, warned, rq
  end

  it("takes every older way to ask", function()
    local rq = rq_of(ask([==[,"functions":[{"name":"f","parameters":{}}],
      "function_call":{"name":"f"},
      "max_tokens":5,"stop":"x"]==]))
    assert.equal("f", rq.tools[1].name)
    assert.same({ type = "tool", name = "f" }, rq.tool_choice)
    assert.equal(5, rq.max_tokens)
    assert.same({ "x" }, rq.stop)
    local list = messages([==[[{"role":"assistant","content":null,
      "function_call":{"name":"f","arguments":""}},
      {"role":"function","name":"f","content":"1"}]]==] )
    assert.equal("{}", list[1].tool_calls[1]["function"].arguments)
    assert.equal(list[1].tool_calls[1].id, list[2].tool_call_id)
    assert.equal("tool", list[2].role)
  end)

  it("takes instructions by both names, before the conversation and within", function()
    local _, _, rq = messages([==[[{"role":"developer","content":"a"},
      {"role":"system","content":[{"type":"text","text":"b"}]},{"role":"user","content":"c"},
      {"role":"developer","content":"d"}]]==])
    assert.same({ { type = "text", text = "a" }, { type = "text", text = "b" } }, rq.system)
    assert.same({ role = "system", content = { { type = "text", text = "d" } } }, rq.messages[2])
  end)

  it("puts results of one turn into one message, and knows what was called", function()
    local _, _, rq = messages([==[[{"role":"assistant","tool_calls":[
      {"id":"a","type":"function","function":{"name":"f","arguments":"{}"}},
      {"type":"function","function":{"name":"g"}}]},
      {"role":"tool","tool_call_id":"a","content":"1"},{"role":"tool","content":"2"}]]==])
    assert.equal(2, #rq.messages)
    local results = rq.messages[2].content
    assert.equal("f", results[1].name)
    assert.equal("g", results[2].name)
    assert.equal(rq.messages[1].content[2].id, results[2].id)
  end)

  it("takes every way to say how a model is to think", function()
    local function said(fields) return rq_of(ask("," .. fields)).reasoning end
    assert.same({ effort = "low" }, said('"reasoning_effort":"low"'))
    assert.same({ budget = 2000, show = false },
      said('"reasoning":{"max_tokens":2000,"exclude":true}'))
    assert.same({ enabled = true, budget = 1024 },
      said('"thinking":{"type":"enabled","budget_tokens":1024}'))
    assert.same({ enabled = false }, said('"thinking":{"type":"disabled"}'))
    assert.same({ adaptive = true }, said('"thinking":{"type":"adaptive"}'))
    assert.is_nil(said('"reasoning_effort":null'))
  end)

  it("takes reasoning wherever clients put it", function()
    local function parts(fields)
      local _, _, rq = messages('[{"role":"assistant","content":"x",' .. fields .. "}]")
      table.remove(rq.messages[1].content)
      return rq.messages[1].content
    end
    local plain = { { type = "reasoning", text = "hm" } }
    assert.same(plain, parts('"reasoning_content":"hm"'))
    assert.same(plain, parts('"reasoning":"hm"'))
    assert.same({
      { type = "reasoning", text = "hm", signature = "s", format = "anthropic" },
      { type = "reasoning", text = "", redacted = "r", format = "anthropic" },
    }, parts([==["reasoning_content":"hm","thinking_blocks":[
      {"type":"thinking","thinking":"hm","signature":"s"},
      {"type":"redacted_thinking","data":"r"}]]==]))
    assert.same({
      { type = "reasoning", text = "hm" },
      { type = "reasoning", text = "", redacted = "e", format = "gemini" },
    }, parts([==["reasoning":"hm","reasoning_details":[{"type":"reasoning.encrypted","data":"e",
      "format":"google-gemini-v1"}]]==]))
    -- as a client has it that did not join the pieces of a stream
    assert.same({
      { type = "reasoning", text = "hmso", signature = "s", format = "anthropic" },
      { type = "reasoning", text = "then", signature = "t", format = "anthropic" },
    }, parts([==["reasoning_details":[{"type":"reasoning.text","text":"hm","index":0},
      {"type":"reasoning.text","text":"so","index":0},
      {"type":"reasoning.text","text":"","index":0,"signature":"s",
       "format":"anthropic-claude-v1"},
      {"type":"reasoning.text","text":"then","index":1,"signature":"t",
       "format":"anthropic-claude-v1"}]]==]))
  end)

  it("reads parts as other providers' clients write them", function()
    local _, _, rq = messages([==[[{"role":"user","content":[
      {"type":"image_url","image_url":"https://x/y.png"},
      {"type":"input_audio","input_audio":"SUQz"},
      {"type":"document_url","document_url":"https://x/y.pdf","document_name":"y"},
      {"type":"file","file":{"file_data":"JVBE","filename":"a.csv"}}]},
      {"role":"assistant","content":[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]},
       {"type":"text","text":"x"}]}]]==])
    assert.same({
      { type = "image", url = "https://x/y.png" }, { type = "audio", data = "SUQz" },
      { type = "file", url = "https://x/y.pdf", name = "y" },
      { type = "file", data = "JVBE", mime = "text/csv", name = "a.csv" },
    }, rq.messages[1].content)
    assert.same({ { type = "reasoning", text = "hm" }, { type = "text", text = "x" } },
      rq.messages[2].content)
  end)

  it("keeps arguments that are no JSON object inside of one", function()
    local list = messages([==[[{"role":"assistant","tool_calls":[{"id":"a","type":"function",
      "function":{"name":"f","arguments":"{\"cut"}}]}]]==])
    assert.equal('{"arguments":"{\\"cut"}', list[1].tool_calls[1]["function"].arguments)
  end)

  it("says what is wrong with a request, and where", function()
    for text, param in pairs({
      ['{"messages":7}'] = "messages", ['{"messages":{"a":1}}'] = "messages",
      ['{"messages":[7]}'] = "messages[0]", ['{"messages":[{}]}'] = "messages[0].role",
      ['{"messages":[{"role":"bot","content":"x"}]}'] = "messages[0].role",
      ['{"messages":[{"role":"user","content":7}]}'] = "messages[0].content",
      ['{"messages":[{"role":"user","content":[7]}]}'] = "messages[0].content[0]",
      ['{"messages":[{"role":"user","content":[{}]}]}'] = "messages[0].content[0].type",
      ['{"messages":[{"role":"user","content":[{"type":"text"}]}]}'] = "messages[0].content[0]",
      ['{"messages":[{"role":"tool","content":"x"}]}'] = "messages[0].tool_call_id",
      ['{"messages":[{"role":"assistant","tool_calls":[{"id":"a"}]}]}'] =
        "messages[0].tool_calls[0]",
      [ask(',"tools":[{"type":"function","function":{}}]')] = "tools[0].name",
      [ask(',"tools":[{}]')] = "tools[0].type",
      [ask(',"tool_choice":"always"')] = "tool_choice",
      [ask(',"response_format":{"type":"yaml"}')] = "response_format.type",
    }) do
      local rq, problem = rq_of(text)
      assert.is_nil(rq, text)
      assert.equal(param, problem.param)
      assert.is_string(problem.message)
    end
  end)

  describe("for a provider", function()
    local USER = { role = "user", content = { { type = "text", text = "hi" } } }

    local function written(rq, traits)
      rq.messages = rq.messages or { USER }
      return body_of(rq, traits)
    end

    it("leaves out what only others have, and says so", function()
      local _, warned = written({
        top_k = 5, safety = {}, cache = { type = "ephemeral" },
        tools = { { type = "server", dialect = "gemini", what = "google_search", value = {} } },
        messages = { {
          role = "user", content = { { type = "text", text = "x", cache = { type = "ephemeral" } },
            { type = "opaque", dialect = "anthropic-messages", what = "server_tool_use" } },
        } },
      })
      table.sort(warned)
      assert.same({ "cache_control", "cache_control", "safety", "server_tool_use",
        "the tool google_search", "top_k" }, warned)
    end)

    it("shows the user what a tool gave that is no text", function()
      local body = written({ messages = {
        { role = "assistant", content = { { type = "tool_use", id = "a", name = "f",
          arguments = "{}" } } },
        { role = "user", content = {
          { type = "tool_result", id = "a", content = { { type = "text", text = "see" },
            { type = "image", data = "iVBO", mime = "image/png" } } },
          { type = "text", text = "well?" } } },
      } })
      assert.same({ role = "tool", tool_call_id = "a", content = "see" }, body.messages[2])
      assert.same({ role = "user", content = {
        { type = "text", text = "From the tool call a:" },
        { type = "image_url", image_url = { url = "data:image/png;base64,iVBO" } },
        { type = "text", text = "well?" } } }, body.messages[3])
    end)

    it("writes documents of text as text", function()
      local body = written({ messages = { { role = "user", content = {
        { type = "file", text = "body", title = "T" },
        { type = "file", data = core.base64.encode("plain"), mime = "text/plain" } } } } })
      assert.same({ { type = "text", text = "T\n\nbody" }, { type = "text", text = "plain" } },
        body.messages[1].content)
    end)

    it("sends back what this provider wants to see of its thoughts", function()
      local function back(traits, ...)
        return written({ messages = { { role = "assistant", content = {
          { type = "reasoning", text = "hm" }, { type = "text", text = "x" }, ... } } } },
          traits).messages[1]
      end
      local call = { type = "tool_use", id = "a", name = "f", arguments = "{}" }
      assert.is_nil(back({}).reasoning_content)
      assert.equal("hm", back({ reasoning_back = "reasoning_content" }).reasoning_content)
      local deepseek = { reasoning_back = "reasoning_content", reasoning_when = "tools" }
      assert.is_nil(back(deepseek).reasoning_content)
      assert.equal("hm", back(deepseek, call).reasoning_content)
      assert.equal("hm", back({ reasoning_back = "reasoning" }).reasoning)
      assert.equal("hm",
        back({ reasoning_back = "reasoning_details" }).reasoning_details[1].text)
      assert.same({ { type = "thinking", thinking = { { type = "text", text = "hm" } } },
        { type = "text", text = "x" } }, back({ reasoning_back = "content" }).content)
    end)

    it("rewrites tool ids where a provider demands it, calls and results alike", function()
      local function ids(traits, id)
        local body = written({ messages = {
          { role = "assistant", content = { { type = "tool_use", id = id, name = "f",
            arguments = "{}" } } },
          { role = "user", content = { { type = "tool_result", id = id, content = {} } } },
        } }, traits)
        assert.equal(body.messages[1].tool_calls[1].id, body.messages[2].tool_call_id)
        return body.messages[2].tool_call_id
      end
      assert.equal("functions.f:0", ids({}, "functions.f:0"))
      assert.equal(40, #ids({}, ("x"):rep(64)))
      assert.matches("^%w%w%w%w%w%w%w%w%w$", ids({ tool_ids = { exact = 9 } }, "toolu_01A"))
    end)

    it("gives a tool that takes free text the form of a function", function()
      local body = written({ tools = { { type = "custom", name = "sh" } },
        tool_choice = { type = "tool", name = "sh" } })
      assert.same({ "input" }, body.tools[1]["function"].parameters.required)
      assert.same({ type = "function", ["function"] = { name = "sh" } }, body.tool_choice)
    end)

    it("offers the allowed tools alone where a provider cannot choose among them", function()
      local body = written({
        tools = { { type = "function", name = "f" }, { type = "function", name = "g" } },
        tool_choice = { type = "allowed", names = { "g" }, mode = "required" },
      })
      assert.equal(1, #body.tools)
      assert.equal("g", body.tools[1]["function"].name)
      assert.equal("required", body.tool_choice)
    end)

    it("leaves a choice of tools out where there is none, or it would be refused", function()
      assert.is_nil(written({ tool_choice = { type = "auto" }, parallel_tools = true })
        .parallel_tool_calls)
      local body, warned = written({ tools = { { type = "function", name = "f" } },
        tool_choice = { type = "tool", name = "f" } }, { forced_tools = false })
      assert.is_nil(body.tool_choice)
      assert.same({ "tool_choice" }, warned)
    end)

    it("tells a model the schema that its provider does not take", function()
      local body, warned = written({ response_format = { type = "json_schema",
        schema = core.raw('{"type":"object"}') } }, { structured = false })
      assert.same({ type = "json_object" }, body.response_format)
      assert.truthy(body.messages[1].content:find('{"type":"object"}', 1, true))
      assert.same({ "response_format.json_schema" }, warned)
    end)

    it("asks for thinking in each provider's words", function()
      local function asked(said, traits)
        local body, warned = written({ reasoning = said }, traits)
        return {
          body.reasoning_effort or body.reasoning or body.thinking or body.enable_thinking,
          body.thinking_budget or body.thinking and body.reasoning_effort,
        }, warned[1]
      end
      assert.same({ "low" }, asked({ effort = "low" }))
      assert.same({ "medium" }, asked({ budget = 4096, enabled = true }))
      assert.same({}, asked({ enabled = false }))
      assert.same({ "none" }, asked({ effort = "none" }))
      local high, warning = asked({ effort = "max" }, { efforts = { max = "high" } })
      assert.same({ "high" }, high)
      assert.equal("reasoning effort max", warning)
      assert.same({}, asked({ effort = "minimal" }, { efforts = { minimal = false } }))
      assert.same({ { max_tokens = 4096 } }, asked({ budget = 4096 }, { reasoning = "object" }))
      assert.same({ { type = "enabled" } }, asked({ effort = "low" }, { reasoning = "thinking" }))
      assert.same({ { type = "disabled" } },
        asked({ enabled = false }, { reasoning = "thinking" }))
      assert.same({ true, 1024 }, asked({ effort = "low" }, { reasoning = "enable_thinking" }))
      assert.same({ {}, "reasoning" }, { asked({ effort = "low" }, { reasoning = false }) })
    end)

    it("has other small ways", function()
      local rq = { system = { { type = "text", text = "a" }, { type = "text", text = "b" } },
        messages = { { role = "user", name = "ann", content = { { type = "audio", data = "x",
          mime = "audio/mpeg" } } }, { role = "assistant", content = {
          { type = "text", text = "{" } } } } }
      local body, warned = written(rq, { system_role = "developer", text_parts = false,
        names = false, input_audio = "text", prefix = true })
      assert.same({ role = "developer", content = "a\n\nb" }, body.messages[1])
      assert.same({ role = "user", content = { { type = "input_audio", input_audio = "x" } } },
        body.messages[2])
      assert.same({ role = "assistant", content = "{", prefix = true }, body.messages[3])
      assert.same({ "name" }, warned)
    end)
  end)

  -- ---- answers ----------------------------------------------------------------------------------

  local function chunk(delta, finish, index)
    return '{"id":"x","model":"m","choices":[{"index":' .. (index or 0) .. ',"delta":{' .. delta
      .. '},"finish_reason":' .. (finish and '"' .. finish .. '"' or "null") .. "}]}"
  end

  local function answer(...)
    local events, failed = bench.events(dialect, { ... })
    assert.is_nil(failed)
    return bench.folded(events)
  end

  local function content(...)
    return answer(...).choices[1].content
  end

  local function calls(...)
    local list = {}
    for i, part in ipairs(content(...)) do
      list[i] = { part.id, part.name, part.arguments or part.input }
    end
    return list
  end

  local STOP = chunk("", "stop")

  it("reads a stream", function()
    local events = bench.events(dialect, {
      '{"choices":[],"prompt_filter_results":[],"id":"","model":"","created":0}',
      '{"id":"x","model":"m","created":7,"service_tier":"default","system_fingerprint":"fp",'
        .. '"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}',
      chunk('"content":"he","obfuscation":"xx"'), chunk('"content":"y"'), STOP,
      '{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11,'
        .. '"prompt_tokens_details":{"cached_tokens":4}}}', "[DONE]",
    })
    assert.same({
      { type = "start", id = "x", model = "m", created = 7, service_tier = "default",
        fingerprint = "fp" },
      { type = "text", delta = "he" }, { type = "text", delta = "y" },
      { type = "finish", reason = "stop", raw = "stop" },
      { type = "usage", input = 9, output = 2, cached = 4 },
    }, events)
  end)

  it("reads reasoning as each provider writes it", function()
    local function thought(...) return content(..., STOP) end
    assert.same({ { type = "reasoning", text = "hm" } }, thought(chunk('"reasoning_content":"hm"')))
    assert.same({ { type = "reasoning", text = "hm" } }, thought(chunk('"reasoning":"hm"')))
    assert.same({ { type = "reasoning", text = "hm" }, { type = "text", text = "x" } }, content(
      chunk('"content":[{"type":"thinking","thinking":[{"type":"text","text":"h"}]}]'),
      chunk('"content":[{"type":"thinking","thinking":[{"type":"text","text":"m"}]}]'),
      chunk('"content":[{"type":"text","text":"x"}]'), STOP))
    assert.same({
      { type = "reasoning", text = "hmso", signature = "s", format = "anthropic" },
      { type = "reasoning", text = "", redacted = "e", format = "anthropic" },
    }, content(
      chunk('"reasoning":"hm","reasoning_details":[{"type":"reasoning.text","text":"hm"}]'),
      chunk('"reasoning":"so","reasoning_details":[{"type":"reasoning.text","text":"so"}]'),
      chunk('"reasoning_details":[{"type":"reasoning.text","signature":"s",'
        .. '"format":"anthropic-claude-v1"}]'),
      chunk('"reasoning_details":[{"type":"reasoning.encrypted","data":"e",'
        .. '"format":"anthropic-claude-v1"}]'), STOP))
  end)

  it("reads tool calls as each provider writes them", function()
    local TWO = { { "a", "f", '{"x":1}' }, { "b", "g", "{}" } }
    local function call(fields) return chunk('"tool_calls":[' .. fields .. "]") end
    assert.same(TWO, calls( -- as OpenAI
      call('{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":""}}'),
      call('{"index":0,"function":{"arguments":"{\\"x\\""}}'),
      call('{"index":0,"function":{"arguments":":1}"}}'),
      call('{"index":1,"id":"b","type":"function","function":{"name":"g","arguments":"{}"}}'),
      STOP))
    assert.same(TWO, calls( -- whole, in one chunk, without index
      call('{"id":"a","function":{"name":"f","arguments":"{\\"x\\":1}"}},'
        .. '{"id":"b","function":{"name":"g","arguments":"{}"}}'), STOP))
    assert.same(TWO, calls( -- all with the same index
      call('{"index":0,"id":"a","function":{"name":"f","arguments":"{\\"x\\":1}"}}'),
      call('{"index":0,"id":"b","function":{"name":"g","arguments":"{}"}}'), STOP))
    assert.same(TWO, calls( -- id, name and empty fields again in every piece
      call('{"index":0,"id":"a","function":{"name":"f","arguments":"{\\"x\\""}}'),
      call('{"index":0,"id":"a","function":{"name":"f","arguments":":1}"}}'),
      call('{"index":0,"id":"","function":{"name":"","arguments":""}}'),
      call('{"index":1,"id":"b","function":{"name":null,"arguments":null}}'),
      call('{"index":1,"id":"b","function":{"name":"g","arguments":"{}"}}'), STOP))
    assert.same(TWO, calls( -- mixed
      call('{"index":0,"id":"a","function":{"name":"f","arguments":"{\\"x"}}'),
      call('{"index":1,"id":"b","function":{"name":"g","arguments":"{"}}'),
      call('{"index":0,"function":{"arguments":"\\":1}"}},'
        .. '{"index":1,"function":{"arguments":"}"}}'), STOP))
    assert.same({ { "a", "f", '{"x":1}' } }, calls( -- arguments that are decoded
      call('{"index":0,"id":"a","function":{"name":"f","arguments":{"x":1}}}'), STOP))
    assert.same({ { "a", "sh", "ls" } }, calls(
      call('{"index":0,"id":"a","type":"custom","custom":{"name":"sh","input":"l"}}'),
      call('{"index":0,"custom":{"input":"s"}}'), STOP))
  end)

  it("makes ids for calls that have none, and parts those that have nothing else", function()
    local list = calls(chunk('"tool_calls":[{"index":0,"function":{"name":"f","arguments":"{}"}}]'),
      chunk('"tool_calls":[{"index":0,"function":{"name":"f","arguments":"{}"}}]'), STOP)
    assert.equal(2, #list)
    assert.are_not.equal(list[1][1], list[2][1])
    assert.matches("^call_", list[1][1])
    list = calls(chunk('"function_call":{"name":"f","arguments":""}'),
      chunk('"function_call":{"arguments":"{\\"a\\""}'),
      chunk('"function_call":{"arguments":":1}"}'), chunk("", "function_call"))
    assert.equal('{"a":1}', list[1][3])
  end)

  it("reads arguments that are cut anywhere", function()
    math.randomseed(7)
    local json = '{"text":"a \\"quoted\\" {brace} \\\\ and é","list":[1,[2,{"x":"]"}]],"n":null}'
    for _ = 1, 100 do
      local list, at = {
        chunk('"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":""}}]'),
      }, 1
      while at <= #json do
        local stop = at + math.random(0, 5)
        list[#list + 1] = chunk('"tool_calls":[{"index":0,"function":{"arguments":'
          .. core.encode(json:sub(at, stop)) .. "}}]")
        at = stop + 1
      end
      list[#list + 1] = STOP
      assert.equal(json, calls(unpack(list))[1][3])
    end
  end)

  it("reads what else there is in a delta", function()
    assert.same({ { type = "refusal", text = "no" } }, content(chunk('"refusal":"n"'),
      chunk('"refusal":"o"'), STOP))
    assert.same({ { type = "image", data = "iVBO", mime = "image/png" } }, content(
      chunk('"images":[{"type":"image_url","image_url":{"url":"data:image/png;base64,iVBO"}}]'),
      STOP))
    assert.same({ { type = "audio", id = "au", data = "YWJj", transcript = "hi", expires = 9 } },
      content(chunk('"audio":{"id":"au","transcript":"hi"}'),
        chunk('"audio":{"data":"YWJj","expires_at":9}'), STOP))
    assert.same({ { type = "text", text = "x", citations = { { url = "u", title = "t",
      quote = "q", start = 0, stop = 1 } } } }, content(chunk('"content":"x"'),
      chunk('"annotations":[{"type":"url_citation","url_citation":{"url":"u","title":"t",'
        .. '"content":"q","start_index":0,"end_index":1}}]', "stop")))
    assert.same({ { type = "text", text = "x", signature = "s", format = "gemini" } }, content(
      chunk('"content":"x","extra_content":{"google":{"thought_signature":"s"}}'), STOP))
    local told = answer('{"choices":[{"delta":{"content":"x"},"logprobs":{"content":['
      .. '{"token":"x","logprob":-1}]}}]}', STOP)
    assert.same({ { token = "x", logprob = -1 } }, told.choices[1].logprobs)
  end)

  it("names the tools that a provider has run itself", function()
    local events = bench.events(dialect, {
      chunk('"executed_tools":[{"type":"search"}]'), chunk('"executed_tools":[]'),
      chunk('"content":"x"'), STOP,
    })
    local dropped = {}
    for _, event in ipairs(events) do dropped[#dropped + 1] = event.what end
    assert.same({ "executed_tools" }, dropped)
  end)

  it("reads sources that stand beside the choices, once", function()
    local told = '"citations":["u1"],"search_results":[{"url":"u1","title":"t1"}]'
    assert.same({ { type = "text", text = "ab", citations = { { url = "u1", title = "t1" } } } },
      content("{" .. told .. ',"choices":[{"delta":{"content":"a"}}]}',
        "{" .. told .. ',"choices":[{"delta":{"content":"b"},"finish_reason":"stop"}]}'))
    assert.same({ { type = "text", text = "a", citations = { { url = "u1" } } } },
      content(chunk('"content":"a"', "stop"), '{"citations":["u1"],"choices":[]}'))
  end)

  it("does not read twice what Together and Perplexity say twice", function()
    assert.same({ { type = "text", text = "1" } }, content(
      '{"choices":[{"text":"1","delta":{"content":"1"}}]}', STOP))
    assert.same({ { type = "text", text = "1" } }, content(
      '{"choices":[{"message":{"content":"1"},"delta":{"content":"1"}}]}', STOP))
  end)

  it("reads several answers that come mixed", function()
    local told = answer(chunk('"content":"b"', nil, 1), chunk('"content":"a"'),
      chunk('"content":"c"', nil, 1), STOP, chunk("", "length", 1))
    assert.equal("a", told.choices[1].content[1].text)
    assert.equal("bc", told.choices[2].content[1].text)
    assert.equal("length", told.choices[2].finish_reason)
  end)

  it("goes on behind a finish that was told too early", function()
    local told = answer(chunk('"tool_calls":[{"id":"a","function":{"name":"f"}}]', "tool_calls"),
      chunk('"content":"\\n"', "stop"), chunk('"content":""', "stop"))
    assert.equal("tool_calls", told.choices[1].finish_reason)
    assert.equal("\n", told.choices[1].content[2].text)
  end)

  it("knows why an answer ended", function()
    for raw, reason in pairs({
      stop = "stop", eos = "stop", length = "length", model_length = "length",
      model_context_window_exceeded = "length", content_filter = "content_filter",
      sensitive = "content_filter", new_word = "stop",
    }) do
      local choice = answer(chunk('"content":"x"', raw)).choices[1]
      assert.equal(reason, choice.finish_reason)
      assert.equal(raw, choice.finish_raw)
    end
    for raw, kind in pairs({
      error = "upstream_5xx", network_error = "upstream_5xx",
      insufficient_system_resource = "overloaded",
    }) do
      local _, failed = bench.events(dialect, { chunk('"content":"x"', raw) })
      assert.equal(kind, failed.kind)
    end
    assert.equal("###", answer('{"choices":[{"delta":{"content":"x"},"finish_reason":"stop",'
      .. '"stop_reason":"###"}]}').choices[1].sequence)
  end)

  it("finds usage wherever it stands", function()
    local function usage(...) return answer(chunk('"content":"x"', "stop"), ...).usage end
    local counts = '{"prompt_tokens":3,"completion_tokens":4}'
    for _, text in ipairs({
      '{"usage":' .. counts .. ',"choices":[]}', '{"x_groq":{"usage":' .. counts .. "}}",
      '{"usage":null,"choices":[{"usage":' .. counts .. '}]}',
    }) do
      assert.same({ input = 3, output = 4 }, usage(text))
    end
    assert.same({ input = 3, output = 9, cached = 1, reasoning = 5 }, usage( -- as xAI
      '{"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":12,"cached_tokens":1,'
        .. '"completion_tokens_details":{"reasoning_tokens":5}}}'))
    assert.same({ input = 3, output = 9, reasoning = 5 }, usage(
      '{"usage":{"prompt_tokens":3,"completion_tokens":9,"total_tokens":12,'
        .. '"completion_tokens_details":{"reasoning_tokens":5}}}'))
    assert.is_nil(usage())
  end)

  it("fails with what stands in a stream as an error", function()
    local function failure(...)
      local _, failed = bench.events(dialect, { chunk('"content":"x"'), ... })
      return failed
    end
    assert.same({ kind = "upstream_5xx", message = "busy", code = "502", status = 502 },
      failure('{"error":{"message":"busy","code":502},"choices":[]}'))
    assert.equal("bad", failure({ name = "error", data = '{"message":"bad"}' }).message)
    assert.equal("no", failure('{"error":"no"}').message)
  end)

  it("reads a whole answer", function()
    local events, failed = bench.whole(dialect, [==[{"id":"x","model":"m","created":7,"choices":[
      {"index":0,"message":{"role":"assistant","content":"hi","refusal":null,
       "reasoning_content":"hm","annotations":[],"tool_calls":[
        {"id":"a","type":"function","index":0,"function":{"name":"f","arguments":"{}"}},
        {"id":"b","type":"function","index":0,"function":{"name":"g","arguments":""}}]},
       "finish_reason":"tool_calls","logprobs":null},
      {"index":1,"message":{"content":"two"},"finish_reason":"length"}],
      "usage":{"prompt_tokens":1,"completion_tokens":2}}]==])
    assert.is_nil(failed)
    local told = bench.folded(events)
    assert.same({
      { type = "reasoning", text = "hm" }, { type = "text", text = "hi" },
      { type = "tool_use", id = "a", name = "f", arguments = "{}" },
      { type = "tool_use", id = "b", name = "g", arguments = "{}" },
    }, told.choices[1].content)
    assert.equal("two", told.choices[2].content[1].text)
    assert.same({ input = 1, output = 2 }, told.usage)
  end)

  it("does not take a failure for an answer", function()
    for _, text in ipairs({
      '{"error":{"message":"no"}}', '{"base_resp":{"status_code":1002,"status_msg":"slow"}}',
      '{"detail":"no"}', '{"choices":[]}', '{"choices":null}', "{}", '{"error":"no","choices":[]}',
      '{"choices":[{"message":{"content":"x"},"finish_reason":"error"}]}',
    }) do
      local _, failed = bench.whole(dialect, text)
      assert.is_string(failed and failed.message, text)
    end
  end)

  -- ---- for clients ------------------------------------------------------------------------------

  local function join_call(message, call)
    local known = message.calls[call.index + 1] or { arguments = "" }
    message.calls[call.index + 1] = known
    local said = call["function"] or call.custom
    known.id, known.name = call.id or known.id, said.name or known.name
    known.arguments = known.arguments .. (said.arguments or said.input)
  end

  local function join_delta(message, delta)
    if type(delta.content) == "string" then message.text = message.text .. delta.content end
    message.thought = message.thought .. (delta.reasoning_content or "")
    for _, call in ipairs(delta.tool_calls or {}) do join_call(message, call) end
    for _, detail in ipairs(delta.reasoning_details or {}) do
      message.details[#message.details + 1] = detail
    end
  end

  -- What a client joins from the deltas of a stream: text by field, calls by index.
  local function join(chunks)
    local message = { text = "", thought = "", calls = {}, details = {} }
    for _, item in ipairs(chunks) do
      local choice = type(item.data) == "table" and item.data.choices[1]
      if choice then
        join_delta(message, choice.delta)
        if choice.finish_reason ~= core.null then message.finish = choice.finish_reason end
      end
    end
    return message
  end

  local EVENTS = {
    { type = "start", id = "x", model = "m", created = 7 },
    { type = "reasoning", delta = "h" }, { type = "reasoning", delta = "m" },
    { type = "reasoning", delta = "", signature = "s", format = "anthropic" },
    { type = "text", delta = "a" }, { type = "text", delta = "é" },
    { type = "tool_start", i = 1, id = "t1", name = "f" },
    { type = "tool_args", i = 1, delta = '{"x"' }, { type = "tool_args", i = 1, delta = ":1}" },
    { type = "tool_end", i = 1 },
    { type = "tool_start", i = 2, id = "t2", name = "g", signature = "g2", format = "gemini" },
    { type = "tool_end", i = 2 },
    { type = "finish", reason = "tool_calls" },
    { type = "usage", input = 9, output = 4, cached = 2, reasoning = 1 },
  }

  it("writes a stream as OpenAI does", function()
    local list = bench.written(dialect, EVENTS)
    assert.equal("[DONE]", list[#list].data)
    local first = list[1].data
    assert.equal("chat.completion.chunk", first.object)
    assert.same({ "x", "m", 7 }, { first.id, first.model, first.created })
    assert.same({ role = "assistant", content = "", refusal = core.null },
      first.choices[1].delta)
    local message = join(list)
    assert.same({ "aé", "hm", "tool_calls" }, { message.text, message.thought, message.finish })
    assert.same({ { id = "t1", name = "f", arguments = '{"x":1}' },
      { id = "t2", name = "g", arguments = "{}" } }, message.calls)
    local usage = list[#list - 1].data
    assert.same({}, usage.choices)
    assert.same({
      prompt_tokens = 9, completion_tokens = 4, total_tokens = 13,
      prompt_tokens_details = { cached_tokens = 2 },
      completion_tokens_details = { reasoning_tokens = 1 },
    }, usage.usage)
    assert.equal(core.null, first.usage)
  end)

  it("tells usage only to those who asked", function()
    local list = bench.written(dialect, EVENTS, bench.call({ include_usage = false }))
    for _, item in ipairs(list) do
      assert.is_true(type(item.data) ~= "table" or item.data.usage == nil)
    end
  end)

  it("makes what nobody told: an id, a model, a time", function()
    local first = bench.written(dialect, { { type = "start" } })[1].data
    assert.equal("chatcmpl-" .. bench.call().id, first.id)
    assert.equal("served", first.model)
    assert.equal(1700000000, first.created)
  end)

  it("gives signatures in a form that comes back", function()
    local list = bench.written(dialect, EVENTS)
    local message = { role = "assistant", content = "x", reasoning_details = join(list).details }
    local body = { model = "m", messages = { message } }
    local parts = dialect.decode_request(core.decode(core.encode(body), dialect.raw),
      bench.call()).messages[1].content
    assert.same({ type = "reasoning", text = "hm", signature = "s", format = "anthropic" },
      parts[1])
    local signed
    for _, item in ipairs(list) do
      local delta = type(item.data) == "table" and item.data.choices[1]
        and item.data.choices[1].delta or {}
      signed = delta.tool_calls and delta.tool_calls[1].extra_content or signed
    end
    assert.same({ google = { thought_signature = "g2" } }, signed)
  end)

  it("writes what else there is", function()
    local list = bench.written(dialect, {
      { type = "start" },
      { type = "text", delta = "ab", logprobs = { { token = "ab", logprob = -1 } } },
      { type = "citation", url = "u", title = "t" },
      { type = "refusal", delta = "no" },
      { type = "image", data = "iVBO", mime = "image/png" },
      { type = "audio", id = "au", data = "YWJj" },
      { type = "reasoning", delta = "", redacted = "e", format = "openai", id = "rs" },
      { type = "tool_start", i = 1, id = "a", name = "sh", kind = "custom" },
      { type = "tool_args", i = 1, delta = "ls" }, { type = "tool_end", i = 1 },
      { type = "text", delta = "second", choice = 2 },
      { type = "ping" }, { type = "usage", early = true, input = 3 },
    })
    local deltas = {}
    for i, item in ipairs(list) do
      deltas[i] = type(item.data) == "table" and item.data.choices[1].delta or false
    end
    assert.same({ content = { { token = "ab", logprob = -1 } }, refusal = core.null },
      list[2].data.choices[1].logprobs)
    assert.same({ url = "u", title = "t", start_index = 0, end_index = 2 },
      deltas[3].annotations[1].url_citation)
    assert.equal("no", deltas[4].refusal)
    assert.equal("data:image/png;base64,iVBO", deltas[5].images[1].image_url.url)
    assert.same({ id = "au", data = "YWJj" }, deltas[6].audio)
    assert.same({ type = "reasoning.encrypted", data = "e", id = "rs", index = 0,
      format = "openai-responses-v1" }, deltas[7].reasoning_details[1])
    assert.same({ name = "sh", input = "" }, deltas[8].tool_calls[1].custom)
    assert.equal("ls", deltas[9].tool_calls[1].custom.input)
    assert.equal(1, list[10].data.choices[1].index)
    assert.equal("assistant", deltas[10].role)
    assert.equal("second", deltas[11].content)
    assert.equal(12, #list)
  end)

  it("writes a whole answer, the same as its stream", function()
    local body = dialect.encode_answer(bench.folded(EVENTS), bench.call())
    body = core.decode(core.encode(body))
    local choice = body.choices[1]
    local joined = join(bench.written(dialect, EVENTS))
    assert.equal("chat.completion", body.object)
    assert.equal(joined.text, choice.message.content)
    assert.equal(joined.thought, choice.message.reasoning_content)
    assert.equal(joined.finish, choice.finish_reason)
    for i, call in ipairs(choice.message.tool_calls) do
      assert.equal(joined.calls[i].id, call.id)
      assert.equal(joined.calls[i].arguments, call["function"].arguments)
    end
    assert.same({ google = { thought_signature = "g2" } },
      choice.message.tool_calls[2].extra_content)
    assert.same({ { type = "reasoning.text", text = "hm", signature = "s", index = 0,
      format = "anthropic-claude-v1" } }, choice.message.reasoning_details)
    assert.equal(13, body.usage.total_tokens)
    assert.equal(core.null, choice.logprobs)
  end)

  it("writes null for no text beside a refusal, and for unknown counts", function()
    local function message(parts)
      return dialect.encode_answer({ choices = { { content = parts, finish_reason = "stop" } },
        usage = { output = 3 } }, bench.call())
    end
    local body = message({ { type = "refusal", text = "no" } })
    assert.equal(core.null, body.choices[1].message.content)
    assert.equal("no", body.choices[1].message.refusal)
    assert.equal(core.null, body.usage.prompt_tokens)
    assert.equal(core.null, body.usage.total_tokens)
    assert.equal("", message({}).choices[1].message.content)
  end)

  -- ---- anything at all --------------------------------------------------------------------------

  local SEEDS = {
    chunk('"role":"assistant","content":"a","reasoning":"b","refusal":"c"', "stop"),
    chunk('"tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"f",'
      .. '"arguments":"{}"}},{"index":1,"type":"custom","custom":{"name":"g","input":"x"}}]'),
    chunk('"content":[{"type":"thinking","thinking":[{"type":"text","text":"x"}]}],'
      .. '"images":[{"image_url":{"url":"u"}}],"audio":{"id":"a","data":"YQ=="},'
      .. '"annotations":[{"url_citation":{"url":"u","start_index":1}}],'
      .. '"reasoning_details":[{"type":"reasoning.summary","summary":"s","id":"i"}],'
      .. '"function_call":{"name":"f","arguments":"{}"}'),
    '{"choices":[{"delta":{},"logprobs":{"content":[{"token":"a","logprob":1}]},'
      .. '"message":{"content":"x","extra_content":{"google":{"thought_signature":"s"}}}}],'
      .. '"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3,'
      .. '"prompt_tokens_details":{"cached_tokens":1}},"citations":["u"],'
      .. '"search_results":[{"url":"u"}],"error":{"message":"m","code":1}}',
    SAME["parts of content"], SAME["tool calls and results"], SAME["signed reasoning"],
    SAME["tools"], SAME["plain fields"],
  }

  -- Another value in place of one of those within.
  local function mutate(value)
    local odd = {
      core.null, 7, -1, 0.5, true, false, "", "x", {}, core.array({}), { { a = 1 } }, { "x" },
      { type = "text" }, ("x"):rep(100),
    }
    local places = {}
    local function walk(of)
      for name, inner in pairs(of) do
        places[#places + 1] = { of, name }
        if type(inner) == "table" and not core.is_raw(inner) then walk(inner) end
      end
    end
    walk(value)
    for _ = 1, math.random(3) do
      local place = places[math.random(#places)]
      place[1][place[2]] = odd[math.random(#odd)]
    end
    return value
  end

  it("fails for nothing that a provider or a client could send", function()
    math.randomseed(11)
    local call = bench.call()
    for round = 1, 4000 do
      local text = SEEDS[round % #SEEDS + 1]
      local value = mutate(core.decode(text, dialect.raw))
      local state, seen = {}, {}
      local told = require("tide.canonical_grammar").new(function(event)
        seen[#seen + 1] = event
      end, call.id)
      dialect.decode_event({ data = value }, told.emit, state, call)
      dialect.end_events(told.emit, state, call)
      told.finish()
      bench.written(dialect, seen, call)
      core.encode(dialect.encode_answer(bench.folded(seen), call))
      dialect.decode_answer(value, function() end, call)
      dialect.read_error(value)
      local rq, problem = dialect.decode_request(value, call)
      assert.is_true(rq ~= nil or type(problem.message) == "string")
      if rq then core.encode(dialect.encode_request(rq, call)) end
    end
  end)
end)
