local fake = require("spec.support.fake_core")

local core, dialect

local function new_call(fields)
  local warned = {}
  local call = {
    op = "chat", id = ("ab"):rep(16), model = "claude-test", client_dialect = "openai-chat",
    provider_dialect = "anthropic-messages", traits = {}, warned = warned,
    warn = function(what) warned[#warned + 1] = what end,
  }
  for name, value in pairs(fields or {}) do call[name] = value end
  return call
end

-- The JSON of what a value becomes, read again: order and nulls as a receiver sees them.
local function seen(value)
  return core.decode(core.encode(value))
end

local function user(...)
  return { role = "user", content = { ... } }
end

local function assistant(...)
  return { role = "assistant", content = { ... } }
end

local function text(value, more)
  local part = { type = "text", text = value }
  for name, item in pairs(more or {}) do part[name] = item end
  return part
end

local function ask(rq, traits, more)
  local call = new_call(more)
  call.traits = traits or {}
  rq.messages = rq.messages or { user(text("hi")) }
  return seen(dialect.encode_request(rq, call)), call.warned
end

describe("the dialect anthropic-messages", function()
  before_each(function()
    core = fake.install()
    dialect = require("tide.adapters").load().dialects["anthropic-messages"]
  end)

  -- ---- to a provider ----------------------------------------------------------------------------

  describe("asks a provider", function()
    it("with the system in front, the model's own name and a limit", function()
      local body = ask({ system = { text("one") }, stream = true }, { max_tokens = 32000 })
      assert.same({
        model = "claude-test", max_tokens = 32000, system = "one", stream = true,
        messages = { { role = "user", content = { { type = "text", text = "hi" } } } },
      }, body)
    end)

    it("with several instructions, or a cache marker, as blocks", function()
      local marker = { type = "ephemeral", ttl = "1h" }
      local body = ask({ system = { text("one", { cache = marker }), text("two") } })
      assert.same({
        { type = "text", text = "one", cache_control = marker }, { type = "text", text = "two" },
      }, body.system)
    end)

    it("with turns that alternate, and no text that is empty", function()
      local body = ask({ messages = {
        user(text("a"), text("")), user(text("b")), assistant(text(" \n")), assistant(text("c")),
        user(text("d")),
      } })
      assert.same({
        { role = "user",
          content = { { type = "text", text = "a" }, { type = "text", text = "b" } } },
        { role = "assistant", content = { { type = "text", text = "c" } } },
        { role = "user", content = { { type = "text", text = "d" } } },
      }, body.messages)
    end)

    it("with all results of a turn's calls in one message, before what the user says", function()
      local body = ask({ messages = {
        user(text("go")),
        assistant({ type = "tool_use", id = "a", name = "f", arguments = '{"z":1,"a":2}' },
          { type = "tool_use", id = "b", name = "g", arguments = "" }),
        user({ type = "tool_result", id = "a", content = { text("1") } }),
        user(text("and")),
        user({ type = "tool_result", id = "b", content = {}, is_error = true }),
      } })
      assert.same({
        { type = "tool_use", id = "a", name = "f", input = { z = 1, a = 2 } },
        { type = "tool_use", id = "b", name = "g", input = {} },
      }, body.messages[2].content)
      assert.same({
        { type = "tool_result", tool_use_id = "a", content = "1" },
        { type = "tool_result", tool_use_id = "b", is_error = true },
        { type = "text", text = "and" },
      }, body.messages[3].content)
    end)

    it("with the bytes of arguments and schemas as they came", function()
      local call = new_call()
      local body = core.encode(dialect.encode_request({
        messages = { user(text("x")), assistant({
          type = "tool_use", id = "a", name = "f", arguments = '{"z": 1.0, "a": [ 2]}',
        }), user({ type = "tool_result", id = "a", content = {} }) },
        tools = { {
          type = "function", name = "f", parameters = core.raw('{"type":"object", "b":{},"a":{}}'),
        } },
      }, call))
      assert.truthy(body:find('"input":{"z": 1.0, "a": [ 2]}', 1, true))
      assert.truthy(body:find('"input_schema":{"type":"object", "b":{},"a":{}}', 1, true))
    end)

    it("with ids of tools that it accepts, the same for call and result, none twice", function()
      local body = ask({ messages = {
        user(text("go")),
        assistant({ type = "tool_use", id = "call.1:x", name = "f", arguments = "{}" }),
        user({ type = "tool_result", id = "call.1:x", content = {} }),
        assistant({ type = "tool_use", id = "call.1:x", name = "f", arguments = "{}" }),
        user({ type = "tool_result", id = "call.1:x", content = {} }),
      } })
      local first, second = body.messages[2].content[1].id, body.messages[4].content[1].id
      assert.truthy(first:find("^[%w_-]+$"))
      assert.not_equal(first, second)
      assert.equal(first, body.messages[3].content[1].tool_use_id)
      assert.equal(second, body.messages[5].content[1].tool_use_id)
    end)

    it("with a system message amid the conversation in the user's turn", function()
      local messages = {
        user(text("a")), assistant(text("b")), { role = "system", content = { text("be terse") } },
        user(text("c")),
      }
      local body, warned = ask({ messages = messages })
      assert.same({ { type = "text", text = "be terse" }, { type = "text", text = "c" } },
        body.messages[3].content)
      assert.equal(1, #warned)
      body, warned = ask({ messages = messages }, { mid_system = true })
      assert.equal("system", body.messages[4].role)
      assert.same({ { type = "text", text = "c" } }, body.messages[3].content)
      assert.same({}, warned)
    end)

    it("with a turn of the user first and, where the model insists, last", function()
      local messages = { assistant(text("Hello  ")) }
      local body = ask({ messages = messages })
      assert.equal("user", body.messages[1].role)
      assert.equal("Hello", body.messages[2].content[1].text)
      local warned
      body, warned = ask({ messages = messages }, { prefill = false })
      assert.equal("user", body.messages[3].role)
      assert.same({ "assistant prefill" }, warned)
      assert.equal("user", ask({ messages = {} }).messages[1].role)
    end)

    it("with pictures and documents as it knows them", function()
      local body, warned = ask({ messages = { user(
        { type = "image", data = "QUJD", mime = "image/jpg", detail = "auto" },
        { type = "image", url = "https://e/x.png" },
        { type = "file", data = "JVBE", mime = "application/pdf", name = "a.pdf",
          citations = true },
        { type = "file", data = "aGk=", mime = "text/csv" },
        { type = "file", id = "file_1" },
        { type = "audio", data = "QUJD", mime = "audio/wav" }) } })
      local content = body.messages[1].content
      assert.same({
        { type = "image", source = { type = "base64", media_type = "image/jpeg", data = "QUJD" } },
        { type = "image", source = { type = "url", url = "https://e/x.png" } },
        { type = "document", title = "a.pdf", citations = { enabled = true },
          source = { type = "base64", media_type = "application/pdf", data = "JVBE" } },
        { type = "document", source = { type = "text", media_type = "text/plain", data = "hi" } },
        { type = "document", source = { type = "file", file_id = "file_1" } },
      }, { unpack(content, 1, 5) })
      assert.equal("text", content[6].type)
      assert.same({ "audio" }, warned)
    end)

    it("to fetch pictures and PDFs itself, and nothing else", function()
      local function needs(part, traits)
        return dialect.needs_bytes(part, new_call({ traits = traits or {} }))
      end
      assert.is_false(needs({ type = "image", url = "https://e/x" }))
      assert.is_true(needs({ type = "image", url = "http://e/x.png" }))
      assert.is_true(needs({ type = "image", url = "https://e/x" }, { urls = false }))
      assert.is_false(needs({ type = "file", url = "https://e/x.PDF?a=b" }))
      assert.is_false(needs({ type = "file", url = "https://e/x", mime = "application/pdf" }))
      assert.is_true(needs({ type = "file", url = "https://e/x.csv" }))
    end)

    it("with a picture in the result of a tool", function()
      local body = ask({ messages = {
        user(text("x")), assistant({ type = "tool_use", id = "a", name = "f", arguments = "{}" }),
        user({ type = "tool_result", id = "a", content = {
          text("see"), { type = "image", data = "QUJD", mime = "image/png" },
        } }),
      } })
      assert.same({
        { type = "text", text = "see" },
        { type = "image", source = { type = "base64", media_type = "image/png", data = "QUJD" } },
      }, body.messages[3].content[1].content)
    end)

    it("T-34 with its own thinking unchanged, and nobody else's", function()
      local body, warned = ask({ messages = {
        user(text("x")),
        assistant(
          { type = "reasoning", text = "hm", signature = "c2ln", format = "anthropic" },
          { type = "reasoning", redacted = "b3Bh", format = "anthropic" },
          { type = "reasoning", text = "foreign", signature = "x", format = "gemini" },
          { type = "reasoning", text = "unsigned" },
          { type = "tool_use", id = "a", name = "f", arguments = "{}" }),
        user({ type = "tool_result", id = "a", content = {} }),
      } })
      assert.same({
        { type = "thinking", thinking = "hm", signature = "c2ln" },
        { type = "redacted_thinking", data = "b3Bh" },
        { type = "tool_use", id = "a", name = "f", input = {} },
      }, body.messages[2].content)
      assert.equal("reasoning of another provider", warned[1])
    end)

    it("with tools and the choice among them", function()
      local tools = {
        { type = "function", name = "f", description = "d", strict = true,
          parameters = core.raw('{"properties":{}}'), cache = { type = "ephemeral" } },
        { type = "function", name = "g" },
        { type = "server", dialect = "gemini", what = "googleSearch", value = {} },
      }
      local body, warned = ask({ tools = tools, tool_choice = { type = "required" },
        parallel_tools = false })
      assert.same({
        { name = "f", description = "d", strict = true, cache_control = { type = "ephemeral" },
          input_schema = { type = "object", properties = {}, additionalProperties = false } },
        { name = "g", input_schema = { type = "object", properties = {} } },
      }, body.tools)
      assert.same({ type = "any", disable_parallel_tool_use = true }, body.tool_choice)
      assert.same({ "tool googleSearch" }, warned)
    end)

    it("with the choice among tools in its words", function()
      local tools = { { type = "function", name = "f" }, { type = "function", name = "g" } }
      assert.same({ type = "auto", disable_parallel_tool_use = true },
        ask({ tools = { tools[2] }, parallel_tools = false }).tool_choice)
      assert.same({ type = "tool", name = "g" },
        ask({ tools = tools, tool_choice = { type = "tool", name = "g" } }).tool_choice)
      assert.same({ type = "none" },
        ask({ tools = tools, tool_choice = { type = "none" } }).tool_choice)
      local body = ask({ tools = tools,
        tool_choice = { type = "allowed", names = { "g" }, mode = "required" } })
      assert.equal(1, #body.tools)
      assert.same({ type = "any" }, body.tool_choice)
      assert.is_nil(ask({ tool_choice = { type = "required" } }).tool_choice)
      local warned
      body, warned = ask({ tools = { tools[2] }, tool_choice = { type = "required" } },
        { forced_tools = false })
      assert.same({ type = "auto" }, body.tool_choice)
      assert.same({ "tool_choice" }, warned)
    end)

    it("for structured output by its own word, or by a tool where there is none", function()
      local format = { type = "json_schema", name = "n", schema = core.raw('{"type":"object"}') }
      local body = ask({ response_format = format })
      assert.same({ format = { type = "json_schema",
        schema = { type = "object", additionalProperties = false } } }, body.output_config)
      body = ask({ response_format = format }, { structured = false })
      assert.is_nil(body.output_config)
      assert.same({ type = "object" }, body.tools[1].input_schema)
      assert.same({ type = "tool", name = body.tools[1].name }, body.tool_choice)
      local warned
      body, warned = ask({ response_format = { type = "json" }, system = { text("s") } })
      assert.truthy(body.system:find("^s\n\n.*JSON"))
      assert.equal(1, #warned)
    end)

    it("without enforcing what the API would refuse to enforce", function()
      local open = core.raw('{"type":"object","additionalProperties":{"type":"string"}}')
      local body, warned = ask({ response_format = { type = "json_schema", schema = open } })
      assert.is_nil(body.output_config)
      assert.same({ type = "object", additionalProperties = { type = "string" } },
        body.tools[1].input_schema)
      assert.same({ "strict of response_format" }, warned)
      body = ask({ response_format = { type = "json_schema", schema = open } },
        { forced_tools = false })
      assert.truthy(body.system:find(open.raw, 1, true))
      assert.is_nil(body.tools)
      local tools = {}
      for i = 1, 22 do
        tools[i] = { type = "function", name = "f" .. i, strict = true,
          parameters = core.raw('{"type":"object","properties":{}}') }
      end
      tools[1].parameters = open
      body, warned = ask({ tools = tools })
      assert.is_nil(body.tools[1].strict)
      assert.is_true(body.tools[21].strict)
      assert.is_nil(body.tools[22].strict)
      assert.same({ "strict of the tool f1", "strict of the tool f22" }, warned)
    end)

    it("to think as its model does", function()
      local adaptive = {
        thinking = "adaptive", effort = { "low", "medium", "high", "max" }, display = true,
      }
      local body, warned = ask({ reasoning = { effort = "xhigh" } }, adaptive)
      assert.same({ type = "adaptive" }, body.thinking)
      assert.same({ effort = "high" }, body.output_config)
      assert.equal(1, #warned)
      body = ask({ reasoning = { budget = 4096, show = true } }, adaptive)
      assert.same({ type = "adaptive", display = "summarized" }, body.thinking)
      assert.same({ effort = "medium" }, body.output_config)
      assert.is_nil(ask({ reasoning = { effort = "none" } }, adaptive).thinking)
      adaptive.thinking_off = "disabled"
      assert.same({ type = "disabled" },
        ask({ reasoning = { effort = "none" } }, adaptive).thinking)
      adaptive.thinking_off = false
      body = ask({ reasoning = { effort = "none" } }, adaptive)
      assert.is_nil(body.thinking)
      assert.same({ effort = "low" }, body.output_config)
    end)

    it("to think within a budget, below what it may write", function()
      local body = ask({ reasoning = { effort = "high" }, temperature = 0.2, top_k = 4,
        max_tokens = 40000 })
      assert.same({ type = "enabled", budget_tokens = 24576 }, body.thinking)
      assert.is_nil(body.temperature)
      assert.is_nil(body.top_k)
      body = ask({ reasoning = { effort = "high" }, max_tokens = 4000 })
      assert.same({ type = "enabled", budget_tokens = 3200 }, body.thinking)
      local warned
      body, warned = ask({ reasoning = { effort = "high" }, max_tokens = 500 })
      assert.is_nil(body.thinking)
      assert.same({ "reasoning" }, warned)
      assert.is_nil(ask({ reasoning = { effort = "high" } }, { thinking = "none" }).thinking)
    end)

    it("not to think where the API would refuse it", function()
      local rq = {
        reasoning = { effort = "low" }, tools = { { type = "function", name = "f" } },
        tool_choice = { type = "required" },
      }
      assert.is_nil(ask(rq).thinking)
      local body, warned = ask({ reasoning = { effort = "low" }, messages = {
        user(text("x")), assistant({ type = "tool_use", id = "a", name = "f", arguments = "{}" }),
        user({ type = "tool_result", id = "a", content = {} }),
      } })
      assert.is_nil(body.thinking)
      assert.same({ "reasoning" }, warned)
    end)

    it("with sampling as far as its model takes it", function()
      local body, warned = ask({ temperature = 1.5, top_p = 0.5, top_k = 3 })
      assert.same({ 1, 0.5, 3 }, { body.temperature, body.top_p, body.top_k })
      assert.same({ "temperature above 1" }, warned)
      body, warned = ask({ temperature = 0.5, top_p = 0.5 }, { sampling = "one" })
      assert.equal(0.5, body.temperature)
      assert.is_nil(body.top_p)
      assert.same({ "top_p" }, warned)
      body, warned = ask({ temperature = 0.5, top_p = 0.5, top_k = 3 }, { sampling = "none" })
      assert.is_nil(body.temperature)
      assert.is_nil(body.top_p)
      assert.is_nil(body.top_k)
      assert.same({ "temperature", "top_p", "top_k" }, warned)
    end)

    it("and says what it has no word for", function()
      local body, warned = ask({
        seed = 0, n = 2, logprobs = true, top_logprobs = 3, presence_penalty = 0,
        frequency_penalty = 1, logit_bias = core.raw("{}"), user = "u", stop = { "END", "\n" },
        service_tier = "default", store = false, max_tokens = 90000, modalities = { "text" },
      }, { max_tokens = 64000 })
      assert.same({ user_id = "u" }, body.metadata)
      assert.same({ "END" }, body.stop_sequences)
      assert.equal("standard_only", body.service_tier)
      assert.equal(64000, body.max_tokens)
      table.sort(warned)
      assert.same({
        "frequency_penalty", "logit_bias", "logprobs", "max_tokens above 64000", "n",
        "stop of white space", "top_logprobs",
      }, warned)
    end)

    it("for a count with what is counted alone", function()
      local body = ask({ temperature = 1, stop = { "x" } }, {}, { op = "count" })
      assert.same({ "messages", "model" }, (function()
        local list = {}
        for name in pairs(body) do list[#list + 1] = name end
        table.sort(list)
        return list
      end)())
    end)
  end)
end)
