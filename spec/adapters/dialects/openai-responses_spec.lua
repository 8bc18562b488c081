-- The dialect openai-responses: a provider's answers, and those to a client.
local fake = require("spec.support.fake_core")

local core, dialect, help

local function decode(body)
  local value = core.decode(body, { parameters = true, schema = true })
  return dialect.decode_request(value, help.call())
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
      assert.same({ { type = "summary_text", text = "hm" } }, output[1].summary) -- which SDKs read
      output[#output + 1] = { type = "function_call_output", call_id = "c1", output = "ok" }
      local rq = dialect.decode_request({ model = "m", input = output }, help.call())
      local content = rq.messages[1].content
      assert.same({ type = "reasoning", id = output[1].id, text = "hm", signature = "SIG",
        format = "anthropic" }, content[1])
      assert.same({ type = "reasoning", id = output[2].id, text = "", redacted = "DARK",
        format = "anthropic" }, content[2])
      assert.equal("text", content[3].type)
      assert.same({ type = "tool_use", id = "c1", name = "f", arguments = "{}", signature = "G",
        format = "gemini" }, content[4])
    end)

    it("what nobody signed has a seal as well, without which SDKs drop it", function()
      local sent = help.encode(dialect, told({ type = "reasoning", delta = "hm" }))
      local item = sent[#sent].data.response.output[1]
      assert.is_string(item.encrypted_content)
      assert.equal("response.reasoning_summary_text.delta", sent[5].data.type)
      local rq = dialect.decode_request({ model = "m", input = { item } }, help.call())
      assert.same({ type = "reasoning", id = item.id, text = "hm" }, rq.messages[1].content[1])
      local again = help.fold(help.decode(dialect, sent)).choices[1].content
      assert.equal("hm", again[1].text)
      assert.is_nil(again[1].signature)
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
        { type = "citation", title = "report" },
        { type = "refusal", delta = "No" }, { type = "image", data = "AA", mime = "image/png" }))
      local output = sent[#sent].data.response.output
      assert.equal("https://early", output[1].content[1].annotations[1].url)
      assert.equal(3, output[1].content[1].annotations[2].end_index)
      assert.same({ type = "file_citation", file_id = "report", filename = "report", index = 0 },
        output[1].content[1].annotations[3])
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

    it("only the first of several answers, and says so", function()
      local warned = {}
      local call = help.call({ warn = function(what) warned[#warned + 1] = what end })
      local sent = help.encode(dialect, told({ type = "text", delta = "a" },
        { type = "text", delta = "b", choice = 2 },
        { type = "finish", reason = "stop", choice = 2 }), call)
      assert.equal("a", sent[#sent].data.response.output[1].content[1].text)
      assert.same({ "n" }, warned)
    end)

    it("what is said in sound as text, and that the sound is not there", function()
      local warned = {}
      local call = help.call({ warn = function(what) warned[#warned + 1] = what end })
      local body = dialect.encode_answer({ choices = { { finish_reason = "stop", content = {
        { type = "audio", data = "AA", transcript = "hi" } } } } }, call)
      assert.equal("hi", body.output[1].content[1].text)
      assert.same({ "audio" }, warned)
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
    local call = help.call({ provider_dialect = "openai-responses" })

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
          local sent = help.encode(dialect, told, call)
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
          local made = core.decode(core.encode(dialect.encode_answer(answer, call)))
          local again = help.fold(help.decode_answer(dialect, made))
          assert.same(answer.choices[1].content, again.choices[1].content, recorded.name)
          assert.is_nil(problem_of(made, "Response"), recorded.name)
          count = count + 1
        end
      end
      assert.is_true(count > 5)
    end)
  end)
end)
