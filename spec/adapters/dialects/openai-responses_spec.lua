-- The dialect openai-responses in both directions.
local fake = require("spec.support.fake_core")

local core, dialect, help

local function decode(body)
  local value = core.decode(body, { parameters = true, schema = true })
  return dialect.decode_request(value, help.call())
end

local function encoded(rq, fields)
  local call = help.call(fields or {})
  rq.messages = rq.messages or { { role = "user", content = { { type = "text", text = "Hi" } } } }
  return core.decode(core.encode(dialect.encode_request(rq, call))), call.warned
end

local function names(events)
  local list = {}
  for i, event in ipairs(events) do list[i] = event.data.type end
  return list
end

local function event(type_, fields)
  fields.type = type_
  return { name = type_, data = fields }
end

local function kinds(events)
  local list = {}
  for i, told in ipairs(events) do list[i] = told.type end
  return table.concat(list, " ")
end

local function completed(output, usage)
  return event("response.completed", {
    response = { status = "completed", output = output or {}, usage = usage },
  })
end

local function text_item(text)
  return { type = "message", id = "msg_1", role = "assistant", status = "completed",
    content = { { type = "output_text", text = text, annotations = {} } } }
end

describe("the dialect openai-responses", function()
  before_each(function()
    fake.install()
    core = require("core")
    help = require("spec.support.responses")
    dialect = require("tide.adapters").load().dialects["openai-responses"]
  end)

  describe("reads a client's request:", function()
    it("a string is what the user said", function()
      local rq = decode('{"model":"m","input":"Hi","instructions":"Be brief","stream":true}')
      assert.same({ { role = "user", content = { { type = "text", text = "Hi" } } } }, rq.messages)
      assert.same({ { type = "text", text = "Be brief" } }, rq.system)
      assert.is_true(rq.stream)
      assert.is_true(rq.include_usage)
    end)

    it("leading developer messages are the system, later ones stay where they are", function()
      local rq = decode([[{"model":"m","input":[
        {"role":"developer","content":"a"},{"type":"message","role":"system","content":[
        {"type":"input_text","text":"b"}]},{"role":"user","content":"c"},
        {"role":"system","content":"d"}]}]])
      assert.same({ { type = "text", text = "a" }, { type = "text", text = "b" } }, rq.system)
      assert.equal("system", rq.messages[2].role)
    end)

    it("pictures and files, as data, by address and by id", function()
      local rq = decode([[{"model":"m","input":[{"role":"user","content":[
        {"type":"input_image","image_url":"data:image/jpeg;base64,AAAA","detail":"low"},
        {"type":"input_image","image_url":"https://x/y.png"},
        {"type":"input_image","file_id":"file-1"},
        {"type":"input_file","filename":"a.pdf","file_data":"data:application/pdf;base64,BBBB"},
        {"type":"input_file","filename":"a.pdf","file_data":"CCCC"},
        {"type":"input_file","file_url":"https://x/a.pdf"},
        {"type":"input_file","file_id":"file-2"}]}]}]])
      assert.same({
        { type = "image", data = "AAAA", mime = "image/jpeg", detail = "low" },
        { type = "image", url = "https://x/y.png" },
        { type = "image", id = "file-1" },
        { type = "file", data = "BBBB", mime = "application/pdf", name = "a.pdf" },
        { type = "file", data = "CCCC", mime = "application/pdf", name = "a.pdf" },
        { type = "file", url = "https://x/a.pdf" },
        { type = "file", id = "file-2" },
      }, rq.messages[1].content)
    end)

    it("one turn of the assistant is one message, its results another", function()
      local rq = decode([[{"model":"m","input":[{"role":"user","content":"q"},
        {"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"hm"}],
         "encrypted_content":"gAAA"},
        {"type":"message","role":"assistant","content":[{"type":"output_text","text":"Let me"}]},
        {"type":"function_call","call_id":"c1","name":"f","arguments":"{\"b\":1,\"a\":2}"},
        {"type":"function_call","call_id":"c2","name":"g","arguments":""},
        {"type":"function_call_output","call_id":"c1","output":"1"},
        {"type":"function_call_output","call_id":"c2","output":[
          {"type":"input_text","text":"2"},{"type":"input_image","image_url":"https://x/y"}]}]}]])
      assert.equal(3, #rq.messages)
      assert.same({
        { type = "reasoning", id = "rs_1", text = "hm", summary = true, signature = "gAAA",
          format = "openai" },
        { type = "text", text = "Let me" },
        { type = "tool_use", id = "c1", name = "f", arguments = '{"b":1,"a":2}' },
        { type = "tool_use", id = "c2", name = "g", arguments = "{}" },
      }, rq.messages[2].content)
      assert.same({
        { type = "tool_result", id = "c1", content = { { type = "text", text = "1" } } },
        { type = "tool_result", id = "c2", content = {
          { type = "text", text = "2" }, { type = "image", url = "https://x/y" },
        } },
      }, rq.messages[3].content)
    end)

    it("tools keep the bytes of their schemas; those that OpenAI runs are the server's", function()
      local rq = decode([[{"model":"m","input":"q","tools":[
        {"type":"function","name":"f","parameters":{"type":"object","b":1,"a":2},"strict":true},
        {"type":"custom","name":"p","format":{"type":"grammar","syntax":"lark","definition":"x"}},
        {"type":"web_search"}],"tool_choice":{"type":"function","name":"f"},
        "parallel_tool_calls":false}]])
      assert.equal('{"type":"object","b":1,"a":2}', rq.tools[1].parameters.raw)
      assert.is_true(rq.tools[1].strict)
      assert.equal("custom", rq.tools[2].type)
      assert.equal("web_search", rq.tools[3].what)
      assert.equal("server", rq.tools[3].type)
      assert.same({ type = "tool", name = "f" }, rq.tool_choice)
      assert.is_false(rq.parallel_tools)
    end)

    it("how to answer", function()
      local rq = decode([[{"model":"m","input":"q","text":{"format":{"type":"json_schema",
        "name":"n","schema":{"z":1,"a":2},"strict":true},"verbosity":"low"},
        "reasoning":{"effort":"high","summary":"auto"},"max_output_tokens":99,"top_p":0.5,
        "temperature":0.2,"top_logprobs":2,"include":["message.output_text.logprobs"],
        "service_tier":"flex","metadata":{"k":"v"},"safety_identifier":"u","store":false,
        "prompt_cache_key":"k","truncation":"auto","max_tool_calls":3}]])
      assert.equal('{"z":1,"a":2}', rq.response_format.schema.raw)
      assert.equal("n", rq.response_format.name)
      assert.equal("low", rq.verbosity)
      assert.same({ effort = "high", summary = "auto", show = true }, rq.reasoning)
      assert.equal(99, rq.max_tokens)
      assert.is_true(rq.logprobs)
      assert.equal("u", rq.user)
      assert.same({ k = "v" }, rq.metadata)
      assert.same({ truncation = "auto", max_tool_calls = 3 }, rq.ext)
    end)

    for name, value in pairs({
      previous_response_id = '"resp_1"', conversation = '"conv_1"', prompt = '{"id":"p"}',
      background = "true",
    }) do
      it("refuses " .. name .. " and says why", function()
        local rq, wrong = decode('{"model":"m","input":"q","' .. name .. '":' .. value .. "}")
        assert.is_nil(rq)
        assert.equal(name, wrong.param)
        assert.truthy(wrong.message:find(name, 1, true))
      end)
    end

    for body, param in pairs({
      ['{"model":"m"}'] = "input",
      ['{"model":"m","input":5}'] = "input",
      ['{"model":"m","input":[5]}'] = "input[0]",
      ['{"model":"m","input":[{}]}'] = "input[0]",
      ['{"model":"m","input":[{"id":"msg_1"}]}'] = "input[0]",
      ['{"model":"m","input":[{"type":"item_reference","id":"x"}]}'] = "input[0]",
      ['{"model":"m","input":[{"role":"robot","content":"x"}]}'] = "input[0].role",
      ['{"model":"m","input":[{"role":"user","content":7}]}'] = "input[0].content",
      ['{"model":"m","input":[{"role":"user","content":[{"type":"smell"}]}]}']
        = "input[0].content[0]",
      ['{"model":"m","input":[{"type":"function_call","name":"f"}]}'] = "input[0].call_id",
      ['{"model":"m","input":"q","temperature":"hot"}'] = "temperature",
      ['{"model":"m","input":"q","tools":[{"type":"function"}]}'] = "tools[0].name",
      ['{"model":"m","input":"q","tools":7}'] = "tools",
    }) do
      it("refuses " .. body, function()
        local rq, wrong = decode(body)
        assert.is_nil(rq)
        assert.equal(param, wrong.param)
        assert.is_string(wrong.message)
      end)
    end

    it("calls of OpenAI's own tools stay what they are", function()
      local rq = decode([[{"model":"m","input":[{"type":"web_search_call","id":"ws_1",
        "status":"completed"},{"type":"computer_call_output","call_id":"c","output":{}}]}]])
      assert.equal("opaque", rq.messages[1].content[1].type)
      assert.equal("web_search_call", rq.messages[1].content[1].what)
      assert.equal("user", rq.messages[2].role)
    end)

    it("null is the same as nothing", function()
      local rq = decode([[{"model":"m","input":"q","tools":null,"tool_choice":null,"text":null,
        "reasoning":null,"temperature":null,"previous_response_id":null,"metadata":null,
        "include":null,"instructions":null,"user":null,"truncation":null}]])
      assert.same({}, rq.ext)
      assert.is_nil(rq.tools)
      assert.is_nil(rq.temperature)
      assert.is_nil(rq.reasoning)
    end)
  end)

  describe("writes a provider's request:", function()
    it("stateless, with what the system says as instructions", function()
      local body = encoded({ system = { { type = "text", text = "Be brief" } }, stream = true })
      assert.same({
        model = "gpt-5.6", store = false, stream = true, instructions = "Be brief",
        input = { { type = "message", role = "user",
          content = { { type = "input_text", text = "Hi" } } } },
      }, body)
    end)

    it("T-36 the same request always has the same bytes, schemas their own order", function()
      local rq = {
        messages = { { role = "user", content = { { type = "text", text = "q" } } } },
        tools = { { type = "function", name = "f", parameters = core.raw('{"z":1,"a":2}') } },
      }
      local text = core.encode(dialect.encode_request(rq, help.call()))
      assert.truthy(text:find('"parameters":{"z":1,"a":2}', 1, true))
      assert.equal(text, core.encode(dialect.encode_request(rq, help.call())))
    end)

    it("functions are flat, and strict only when asked for", function()
      local body = encoded({ tools = {
        { type = "function", name = "f", description = "d", parameters = core.raw("{}") },
        { type = "function", name = "g", strict = true },
        { type = "custom", name = "p" },
      }, tool_choice = { type = "tool", name = "p" }, parallel_tools = false })
      assert.same({ type = "function", name = "f", description = "d", parameters = {},
        strict = false }, body.tools[1])
      assert.is_true(body.tools[2].strict)
      assert.same({ type = "object", properties = {} }, body.tools[2].parameters)
      assert.same({ type = "custom", name = "p" }, body.tool_choice)
      assert.is_false(body.parallel_tool_calls)
    end)

    it("every kind of tool_choice", function()
      local tools = { { type = "function", name = "f" } }
      assert.equal("required", encoded({ tools = tools, tool_choice = { type = "required" } })
        .tool_choice)
      assert.same({ type = "allowed_tools", mode = "required",
        tools = { { type = "function", name = "f" } } }, encoded({ tools = tools,
        tool_choice = { type = "allowed", names = { "f" }, mode = "required" } }).tool_choice)
      assert.is_nil(encoded({ tool_choice = { type = "auto" } }).tool_choice)
    end)

    it("a conversation with tools, reasoning that OpenAI sealed in its place", function()
      local body = encoded({ messages = {
        { role = "user", content = { { type = "text", text = "q" } } },
        { role = "assistant", content = {
          { type = "reasoning", id = "rs_1", text = "hm", summary = true, signature = "gAAA",
            format = "openai" },
          { type = "reasoning", text = "foreign", signature = "s", format = "anthropic" },
          { type = "text", text = "Let me" },
          { type = "tool_use", id = "c1", name = "f", arguments = '{"a":1}' },
          { type = "tool_use", id = "c2", name = "p", kind = "custom", input = "x" },
        } },
        { role = "user", content = {
          { type = "tool_result", id = "c1", content = { { type = "text", text = "1" } } },
          { type = "tool_result", id = "c2", content = {
            { type = "image", data = "AA", mime = "image/png" },
          } },
          { type = "text", text = "and?" },
        } },
        { role = "system", content = { { type = "text", text = "hurry" } } },
      } })
      assert.same({
        { type = "message", role = "user", content = { { type = "input_text", text = "q" } } },
        { type = "reasoning", id = "rs_1", encrypted_content = "gAAA",
          summary = { { type = "summary_text", text = "hm" } } },
        { type = "message", role = "assistant", content = "Let me" },
        { type = "function_call", call_id = "c1", name = "f", arguments = '{"a":1}' },
        { type = "custom_tool_call", call_id = "c2", name = "p", input = "x" },
        { type = "function_call_output", call_id = "c1", output = "1" },
        { type = "custom_tool_call_output", call_id = "c2", output = {
          { type = "input_image", image_url = "data:image/png;base64,AA", detail = "auto" },
        } },
        { type = "message", role = "user", content = { { type = "input_text", text = "and?" } } },
        { type = "message", role = "developer", content = {
          { type = "input_text", text = "hurry" },
        } },
      }, body.input)
      assert.same({ "reasoning.encrypted_content" }, body.include)
    end)

    it("reasoning as text where the service wants it back so", function()
      local messages = { { role = "assistant", content = {
        { type = "reasoning", text = "hm", id = "r" }, { type = "text", text = "A" },
      } } }
      assert.same({ type = "reasoning", id = "r", summary = {},
        content = { { type = "reasoning_text", text = "hm" } } },
        encoded({ messages = messages }, { traits = { reasoning_text = true } }).input[1])
      assert.equal("message", encoded({ messages = messages }).input[1].type)
    end)

    it("pictures, files and documents", function()
      local body, warned = encoded({ messages = { { role = "user", content = {
        { type = "image", url = "https://x/y", detail = "high" },
        { type = "image", id = "file-1" },
        { type = "file", data = "AA", mime = "application/pdf", name = "a.pdf" },
        { type = "file", url = "https://x/a.pdf" },
        { type = "file", text = "words", title = "T" },
        { type = "audio", data = "AA", mime = "audio/wav" },
      } } } })
      assert.same({
        { type = "input_image", image_url = "https://x/y", detail = "high" },
        { type = "input_image", file_id = "file-1", detail = "auto" },
        { type = "input_file", file_data = "data:application/pdf;base64,AA", filename = "a.pdf" },
        { type = "input_file", file_url = "https://x/a.pdf" },
        { type = "input_text", text = "T\n\nwords" },
      }, body.input[1].content)
      assert.same({ "audio" }, warned)
    end)

    it("names what the protocol has no place for", function()
      local _, warned = encoded({
        stop = { "x" }, n = 2, seed = 1, presence_penalty = 1, frequency_penalty = 1,
        logit_bias = core.raw("{}"), top_k = 4,
        tools = { { type = "server", dialect = "gemini", what = "google_search" } },
      })
      table.sort(warned)
      assert.same({ "frequency_penalty", "logit_bias", "n", "presence_penalty", "seed", "stop",
        "tool google_search", "top_k" }, warned)
    end)

    it("the form of the answer, how hard to think and how much to say", function()
      local body = encoded({
        response_format = { type = "json_schema", name = "n", schema = core.raw("{}"),
          strict = true },
        verbosity = "low", reasoning = { effort = "minimal", show = true }, max_tokens = 3,
        logprobs = true, top_logprobs = 2, user = "u", service_tier = "flex",
      }, { traits = { effort = { "none", "low", "high" } } })
      assert.same({ format = { type = "json_schema", name = "n", schema = {}, strict = true },
        verbosity = "low" }, body.text)
      assert.same({ effort = "low", summary = "auto" }, body.reasoning)
      assert.equal(16, body.max_output_tokens)
      assert.same({ "reasoning.encrypted_content", "message.output_text.logprobs" }, body.include)
      assert.equal(2, body.top_logprobs)
    end)

    it("ids that are too long are shortened, in the call and in its result", function()
      local id = ("x"):rep(100)
      local body = encoded({ messages = {
        { role = "assistant", content = { { type = "tool_use", id = id, name = "f" } } },
        { role = "user", content = { { type = "tool_result", id = id, content = {} } } },
      } })
      assert.is_true(#body.input[1].call_id <= 64)
      assert.equal(body.input[1].call_id, body.input[2].call_id)
    end)
  end)

  describe("reads a provider's stream:", function()
    it("T-33 the arguments of calls, apart from each other", function()
      local told = help.decode(dialect, {
        event("response.output_item.added", { output_index = 0,
          item = { type = "function_call", id = "fc_1", call_id = "c1", name = "f" } }),
        event("response.output_item.added", { output_index = 1,
          item = { type = "function_call", id = "fc_2", call_id = "c2", name = "g" } }),
        event("response.function_call_arguments.delta", { output_index = 1, delta = '{"b"' }),
        event("response.function_call_arguments.delta", { output_index = 0, delta = '{"a":1}' }),
        event("response.function_call_arguments.delta", { output_index = 1, delta = ":2}" }),
        event("response.output_item.done", { output_index = 0, item = { type = "function_call",
          id = "fc_1", call_id = "c1", name = "f", arguments = '{"a":1}' } }),
        completed(),
      })
      local content = help.fold(told).choices[1].content
      assert.same({ id = "c1", name = "f", type = "tool_use", arguments = '{"a":1}' }, content[1])
      assert.same({ id = "c2", name = "g", type = "tool_use", arguments = '{"b":2}' }, content[2])
      assert.equal("tool_calls", help.fold(told).choices[1].finish_reason)
    end)

    it("what only a done or the final response tells is not lost", function()
      local call = { type = "function_call", id = "fc", call_id = "c", name = "f",
        arguments = '{"a":1}' }
      local streams = {
        { completed({ text_item("Hello"), call }) },
        { event("response.output_item.done", { output_index = 0, item = text_item("Hello") }),
          event("response.output_item.done", { output_index = 1, item = call }),
          completed({ text_item("Hello"), call }) },
        { event("response.output_text.delta", { output_index = 0, delta = "Hel" }),
          event("response.output_text.done", { output_index = 0, text = "Hello" }),
          event("response.function_call_arguments.delta", { output_index = 1, delta = '{"a"' }),
          event("response.function_call_arguments.done", { output_index = 1,
            arguments = '{"a":1}' }),
          completed({ text_item("Hello"), call }) },
        { event("response.output_text.delta", { item_id = "msg_1", delta = "Hello" }),
          event("response.output_item.added", { item_id = "fc", item = { type = "function_call",
            id = "fc", call_id = "c", name = "f" } }),
          event("response.function_call_arguments.done", { item_id = "fc",
            arguments = '{"a":1}' }),
          completed({ text_item("Hello"), call }) },
      }
      for i, stream in ipairs(streams) do
        local told, err = help.decode(dialect, stream)
        assert.is_nil(err, "stream " .. i)
        assert.same({ { type = "text", text = "Hello" },
          { type = "tool_use", id = "c", name = "f", arguments = '{"a":1}' } },
          help.fold(told).choices[1].content, "stream " .. i)
      end
    end)

    it("summaries in paragraphs, reasoning text, and the seal of the finished item", function()
      local told = help.decode(dialect, {
        event("response.output_item.added", { output_index = 0, item = { type = "reasoning",
          id = "rs_1", encrypted_content = "unfinished" } }),
        event("response.reasoning_summary_text.delta", { output_index = 0, item_id = "rs_1",
          summary_index = 0, delta = "One" }),
        event("response.reasoning_summary_text.delta", { output_index = 0, item_id = "rs_1",
          summary_index = 1, delta = "Two" }),
        event("response.output_item.done", { output_index = 0, item = { type = "reasoning",
          id = "rs_1", encrypted_content = "sealed", summary = {
            { type = "summary_text", text = "One" }, { type = "summary_text", text = "Two" } } } }),
        event("response.reasoning_text.delta", { output_index = 1, item_id = "rs_2",
          delta = "raw" }),
        event("response.output_text.delta", { output_index = 2, delta = "x" }),
        completed(),
      })
      local content = help.fold(told).choices[1].content
      assert.same({ type = "reasoning", id = "rs_1", text = "One\n\nTwo", summary = true,
        signature = "sealed", format = "openai" }, content[1])
      assert.same({ type = "reasoning", id = "rs_2", text = "raw" }, content[2])
    end)

    it("refusals, custom calls, pictures, sources, and names what it leaves out", function()
      local told = help.decode(dialect, {
        event("response.refusal.delta", { output_index = 0, delta = "No" }),
        event("response.refusal.done", { output_index = 0, refusal = "No." }),
        event("response.output_item.done", { output_index = 1, item = { type = "custom_tool_call",
          call_id = "c", name = "p", input = "in put" } }),
        event("response.output_item.done", { output_index = 2, item = {
          type = "image_generation_call", result = "AAAA", output_format = "webp" } }),
        event("response.output_item.done", { output_index = 3,
          item = { type = "web_search_call", id = "ws" } }),
        event("response.output_text.delta", { output_index = 4, delta = "see" }),
        event("response.output_text.annotation.added", { output_index = 4, annotation = {
          type = "url_citation", url = "https://x", title = "X", start_index = 0,
          end_index = 3 } }),
        event("response.output_item.done", { output_index = 4, item = { type = "message",
          content = { { type = "output_text", text = "see", annotations = { {
            type = "url_citation", url = "https://x", title = "X", start_index = 0,
            end_index = 3 } } } } } }),
        completed(),
      })
      assert.equal("start refusal refusal tool_start tool_args tool_end image dropped text "
        .. "citation finish", kinds(told))
      assert.equal("custom", told[4].kind)
      assert.equal("image/webp", told[7].mime)
      assert.equal("web_search_call", told[8].what)
      assert.equal("https://x", told[10].url)
    end)

    it("why it ended, and what was counted", function()
      local told = help.decode(dialect, {
        event("response.output_text.delta", { output_index = 0, delta = "x" }),
        event("response.incomplete", { response = { status = "incomplete",
          incomplete_details = { reason = "content_filter" }, usage = { input_tokens = 9,
          output_tokens = 7, input_tokens_details = { cached_tokens = 4, cache_write_tokens = 2 },
          output_tokens_details = { reasoning_tokens = 5 } } } }),
      })
      local answer = help.fold(told)
      assert.equal("content_filter", answer.choices[1].finish_reason)
      assert.same({ input = 9, output = 7, cached = 4, cache_write = 2, reasoning = 5 },
        answer.usage)
    end)

    it("T-29 what was not counted is unknown", function()
      local told = help.decode(dialect, { completed({ text_item("x") },
        { input_tokens = 3, output_tokens = core.null }) })
      assert.same({ input = 3 }, help.fold(told).usage)
    end)

    for name, data in pairs({
      flat = { type = "error", code = "rate_limit_exceeded", message = "slow", param = "x" },
      nested = { type = "error", error = { code = "rate_limit_exceeded", message = "slow" } },
      failed = { type = "response.failed", response = { status = "failed",
        error = { code = "rate_limit_exceeded", message = "slow" } } },
    }) do
      it("an error, " .. name, function()
        local _, err = help.decode(dialect, {
          event("response.output_text.delta", { delta = "x" }), { name = data.type, data = data },
        })
        assert.equal("rate_limited", err.kind)
        assert.equal("slow", err.message)
        assert.equal("rate_limit_exceeded", err.code)
      end)
    end

    it("an answer that is not complete is an error, never a success", function()
      for _, status in ipairs({ "failed", "cancelled", "in_progress", "queued" }) do
        local _, err = help.decode_answer(dialect, { status = status, output = {} })
        assert.is_table(err, status)
      end
      local _, err = help.decode_answer(dialect, {})
      assert.is_table(err)
    end)

    it("odd input raises nothing", function()
      local odd = { core.null, 7, "x", true, {}, { {} }, { core.null }, { type = core.null } }
      local types = { "response.created", "response.completed", "response.failed", "error",
        "response.output_item.added", "response.output_item.done", "response.output_text.delta",
        "response.output_text.done", "response.output_text.annotation.added",
        "response.content_part.done", "response.refusal.done", "response.reasoning_text.delta",
        "response.reasoning_summary_text.delta", "response.reasoning_summary_part.done",
        "response.function_call_arguments.delta", "response.function_call_arguments.done",
        "response.new_thing" }
      local members = { "response", "item", "delta", "text", "part", "output_index", "item_id",
        "content_index", "summary_index", "annotation", "arguments", "error", "message" }
      for _, type_ in ipairs(types) do
        for _, member in ipairs(members) do
          for _, value in ipairs(odd) do
            help.decode(dialect, { event(type_, { [member] = value }) })
          end
        end
      end
      for _, item in ipairs({ "message", "reasoning", "function_call", "custom_tool_call",
        "image_generation_call" }) do
        for _, member in ipairs({ "id", "name", "content", "summary", "arguments", "input",
          "call_id", "encrypted_content", "result" }) do
          for _, value in ipairs(odd) do
            help.decode_answer(dialect, { output = { { type = item, [member] = value } } })
          end
        end
      end
      for _, value in ipairs(odd) do
        help.decode(dialect, { { data = value } })
        help.decode_answer(dialect, { output = value, usage = value, error = value })
      end
    end)
  end)

  describe("writes a client's stream:", function()
    local function told(...)
      local events = { { type = "start", model = "m", created = 5 } }
      for _, one in ipairs({ ... }) do events[#events + 1] = one end
      events[#events + 1] = { type = "finish", reason = "stop" }
      return events
    end

    it("text, in the order of OpenAI", function()
      local sent = help.encode(dialect, told({ type = "text", delta = "Hel" },
        { type = "text", delta = "lo" }))
      assert.same({
        "response.created", "response.in_progress", "response.output_item.added",
        "response.content_part.added", "response.output_text.delta", "response.output_text.delta",
        "response.output_text.done", "response.content_part.done", "response.output_item.done",
        "response.completed",
      }, names(sent))
      for i, one in ipairs(sent) do
        assert.equal(i - 1, one.data.sequence_number)
        assert.equal(one.data.type, one.name)
      end
      local response = sent[#sent].data.response
      assert.equal("completed", response.status)
      assert.equal("Hello", response.output[1].content[1].text)
      assert.equal(sent[5].data.item_id, response.output[1].id)
      assert.is_false(response.store)
      assert.equal(core.null, response.usage)
    end)

    it("T-33 calls, each with its own item", function()
      local sent = help.encode(dialect, told(
        { type = "tool_start", i = 1, id = "c1", name = "f" },
        { type = "tool_args", i = 1, delta = '{"a":' }, { type = "tool_args", i = 1, delta = "1}" },
        { type = "tool_end", i = 1 }, { type = "tool_start", i = 2, id = "c2", name = "g" },
        { type = "tool_end", i = 2 }))
      assert.same({
        "response.created", "response.in_progress", "response.output_item.added",
        "response.function_call_arguments.delta", "response.function_call_arguments.delta",
        "response.function_call_arguments.done", "response.output_item.done",
        "response.output_item.added", "response.function_call_arguments.done",
        "response.output_item.done", "response.completed",
      }, names(sent))
      assert.equal('{"a":1}', sent[6].data.arguments)
      local output = sent[#sent].data.response.output
      assert.equal("c1", output[1].call_id)
      assert.equal("{}", output[2].arguments)
      assert.not_equal(output[1].id, output[2].id)
    end)

    it("T-34 reasoning before text, and signatures of others wrapped for the way back", function()
      local sent = help.encode(dialect, told(
        { type = "reasoning", delta = "hm" },
        { type = "reasoning", signature = "SIG", format = "anthropic" },
        { type = "reasoning", redacted = "DARK", format = "anthropic" },
        { type = "text", delta = "x" },
        { type = "tool_start", i = 1, id = "c1", name = "f", signature = "G", format = "gemini" },
        { type = "tool_end", i = 1 }))
      local output = sent[#sent].data.response.output
      assert.equal("reasoning_text", output[1].content[1].type)
      output[#output + 1] = { type = "function_call_output", call_id = "c1", output = "ok" }
      local rq = dialect.decode_request({ model = "m", input = output }, help.call())
      local content = rq.messages[1].content
      assert.same({ type = "reasoning", id = output[1].id, text = "hm", signature = "SIG",
        format = "anthropic" }, content[1])
      assert.same({ type = "reasoning", id = output[2].id, text = "", summary = true,
        redacted = "DARK", format = "anthropic" }, content[2])
      assert.equal("text", content[3].type)
      assert.same({ type = "tool_use", id = "c1", name = "f", arguments = "{}", signature = "G",
        format = "gemini" }, content[4])
    end)

    it("the signature of a text comes back to it", function()
      local sent = help.encode(dialect, told({ type = "text", delta = "x" },
        { type = "text", delta = "", signature = "T", format = "gemini" }))
      local output = sent[#sent].data.response.output
      local rq = dialect.decode_request({ model = "m", input = output }, help.call())
      assert.same({ { type = "text", text = "x", signature = "T", format = "gemini" } },
        rq.messages[1].content)
    end)

    it("an id that is sealed with its content stays", function()
      local sent = help.encode(dialect, told({ type = "reasoning", delta = "s", summary = true,
        id = "rs_9" }, { type = "reasoning", signature = "E", format = "openai", id = "rs_9",
        summary = true }))
      local item = sent[#sent].data.response.output[1]
      assert.equal("rs_9", item.id)
      assert.equal("E", item.encrypted_content)
      assert.same({ { type = "summary_text", text = "s" } }, item.summary)
      assert.equal("response.reasoning_summary_part.added", sent[4].data.type)
    end)

    it("sources, refusals and pictures", function()
      local sent = help.encode(dialect, told(
        { type = "citation", url = "https://early", title = "E" },
        { type = "text", delta = "see" }, { type = "citation", url = "https://x" },
        { type = "refusal", delta = "No" }, { type = "image", data = "AA", mime = "image/png" }))
      local output = sent[#sent].data.response.output
      assert.equal("https://early", output[1].content[1].annotations[1].url)
      assert.equal(3, output[1].content[1].annotations[2].end_index)
      assert.equal("No", output[1].content[2].refusal)
      assert.equal("AA", output[2].result)
    end)

    it("why it ended", function()
      for reason, status in pairs({ stop = "completed", tool_calls = "completed",
        length = "incomplete", content_filter = "incomplete" }) do
        local sent = help.encode(dialect, { { type = "text", delta = "x" },
          { type = "finish", reason = reason } })
        assert.equal("response." .. status, sent[#sent].data.type)
        assert.equal(status, sent[#sent].data.response.output[1].status)
      end
      local sent = help.encode(dialect, { { type = "text", delta = "x" },
        { type = "finish", reason = "length" } })
      assert.same({ reason = "max_output_tokens" },
        sent[#sent].data.response.incomplete_details)
    end)

    it("usage, whenever it was told", function()
      local sent = help.encode(dialect, {
        { type = "usage", early = true, input = 9, cached = 4 }, { type = "text", delta = "x" },
        { type = "finish", reason = "stop" }, { type = "usage", input = 9, cached = 4, output = 2 },
      })
      local usage = sent[#sent].data.response.usage
      assert.equal(9, usage.input_tokens)
      assert.equal(11, usage.total_tokens)
      assert.equal(4, usage.input_tokens_details.cached_tokens)
    end)

    it("tells what the client asked for", function()
      local call = help.call({ rq = decode([[{"model":"m","input":"q","temperature":0.5,
        "instructions":"i","metadata":{"a":"b"},"tools":[{"type":"function","name":"f",
        "parameters":{"z":1,"a":1}}],"tool_choice":"required"}]]) })
      local sent = help.encode(dialect, told({ type = "text", delta = "x" }), call)
      local response = sent[1].data.response
      assert.equal("i", response.instructions)
      assert.equal(0.5, response.temperature)
      assert.equal("required", response.tool_choice)
      assert.equal("f", response.tools[1].name)
      assert.same({ a = "b" }, response.metadata)
    end)

    it("only the first of several answers", function()
      local sent = help.encode(dialect, told({ type = "text", delta = "a" },
        { type = "text", delta = "b", choice = 2 }))
      assert.equal("a", sent[#sent].data.response.output[1].content[1].text)
    end)
  end)

  describe("writes errors:", function()
    it("as OpenAI does", function()
      assert.equal('{"error":{"code":null,"message":"no","param":"model","type":"t"}}',
        dialect.error_body({ message = "no", type = "t", param = "model" }))
    end)

    it("as an event that says it flat and nested", function()
      local text = dialect.error_event({ message = "cut", type = "t", code = "c" }, nil,
        { sequence = 7 })
      local sent = help.events(text)[1]
      assert.equal("error", sent.name)
      assert.equal("error", sent.data.type)
      assert.equal("cut", sent.data.message)
      assert.equal("c", sent.data.code)
      assert.equal(7, sent.data.sequence_number)
      assert.equal("cut", sent.data.error.message)
    end)
  end)

  describe("with recorded traffic", function()
    local schemas

    -- Null as OpenAI itself sends it before the end, though its document does not say so.
    local function problem_of(value, name)
      local response = value.response or value
      if response.usage == core.null then response.usage = nil end
      return schemas:problem(value, name, core.null)
    end

    -- Several answers in one file.
    local function first_answer(events)
      local list = {}
      for _, one in ipairs(events) do
        list[#list + 1] = one
        if one.data.type == "response.completed" then break end
      end
      return list
    end

    before_each(function()
      schemas = require("spec.support.openapi").open(help.FOLDER
        .. "/specs/openai-openapi.2026-08-21.yaml")
    end)

    local function is_absent()
      if not schemas then pending("no recordings in " .. help.FOLDER) end
      return not schemas
    end

    it("every stream is understood, and what clients get of it is as the document says", function()
      if is_absent() then return end
      local count = 0
      for _, recorded in ipairs(help.recorded("sse")) do
        local told, err = help.decode(dialect, first_answer(help.events(recorded.text)))
        assert.equal(recorded.name:find("streamerror", 1, true) ~= nil, err ~= nil, recorded.name)
        if not err then
          local sent = help.encode(dialect, told)
          local again = help.fold(help.decode(dialect, sent))
          local choice, other = help.fold(told).choices[1], again.choices[1]
          assert.same(choice.content, other.content, recorded.name)
          assert.equal(choice.finish_raw, other.finish_raw)
          assert.equal(#(choice.logprobs or {}), #(other.logprobs or {}))
          assert.same(help.fold(told).usage.input, again.usage.input)
          for i, one in ipairs(sent) do
            assert.equal(i - 1, one.data.sequence_number)
            local problem = problem_of(one.data, "ResponseStreamEvent")
            assert.is_nil(problem, recorded.name .. " " .. one.data.type)
          end
          count = count + 1
        end
      end
      assert.is_true(count > 10)
    end)

    it("every whole answer is understood, and what clients get of it likewise", function()
      if is_absent() then return end
      local count = 0
      for _, recorded in ipairs(help.recorded("json")) do
        local body = core.decode(recorded.text)
        if body.object == "response" then
          local told, err = help.decode_answer(dialect, body)
          assert.is_nil(err, recorded.name)
          local answer = help.fold(told)
          local made = core.decode(core.encode(dialect.encode_answer(answer, help.call())))
          local again = help.fold(help.decode_answer(dialect, made))
          assert.same(answer.choices[1].content, again.choices[1].content, recorded.name)
          assert.is_nil(problem_of(made, "Response"), recorded.name)
          count = count + 1
        end
      end
      assert.is_true(count > 5)
    end)

    it("every request is understood, and what a provider gets of it likewise", function()
      if is_absent() then return end
      local count = 0
      local recorded = help.recorded("json")
      for _, one in ipairs(help.recorded("sse")) do recorded[#recorded + 1] = one end
      for _, one in ipairs(recorded) do
        local rq = one.request and decode(one.request)
        if rq then
          local made = core.encode(dialect.encode_request(rq, help.call()))
          assert.is_table(core.decode(made), one.name)
          count = count + 1
        end
      end
      assert.is_true(count > 10)
    end)
  end)
end)
