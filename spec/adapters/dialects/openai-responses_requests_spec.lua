-- The dialect openai-responses: a client's requests, and those to a provider.
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
      assert.equal("u", rq.safety_identifier)
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
      }, { traits = { efforts = { minimal = "low" } } })
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

  it("every request is understood, and what a provider gets of it likewise", function()
    if #help.recorded("json") == 0 then return pending("no recordings in " .. help.FOLDER) end
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
