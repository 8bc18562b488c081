-- What the dialect anthropic-messages makes of answers, and what its clients get and ask.
local fake = require("spec.support.fake_core")

local core, dialect, raw, grammar, fold

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

local function seen(value)
  return core.decode(core.encode(value))
end

local function sse(...)
  local list = {}
  for _, item in ipairs({ ... }) do
    local data = core.decode(item, raw)
    list[#list + 1] = { name = data.type, data = data }
  end
  return list
end

-- What a provider's events become: the list that the encoder gets, and the folded answer.
local function events_of(list, call)
  local events, folded, state = {}, fold.new(), {}
  call = call or new_call()
  local run = grammar.new(function(event)
    events[#events + 1] = event
    folded:add(event)
  end, "seed")
  for _, event in ipairs(list) do dialect.decode_event(event, run.emit, state, call) end
  local ok, err = run.finish()
  return events, ok and folded:answer(), err
end

local function answer_of(body, call)
  local folded, err = fold.new(), nil
  local run = grammar.new(function(event)
    if event.type == "error" then err = event.error else folded:add(event) end
  end, "seed")
  dialect.decode_answer(core.decode(body, raw), run.emit, call or new_call())
  run.finish()
  return not err and folded:answer() or nil, err
end

-- What canonical events become for a client: a list of { name, data }.
local function written(events, call)
  local list, state = {}, {}
  local function write(data, name)
    if type(data) == "table" then data = core.encode(data) end
    list[#list + 1] = { name = name, data = core.decode(data) }
  end
  call = call or new_call({ provider_dialect = "openai-chat" })
  local run = grammar.new(function(event)
    dialect.encode_event(event, write, state, call)
  end, "seed")
  for _, event in ipairs(events) do
    local type_ = event[1]
    local fields = {}
    for name, value in pairs(event) do
      if name ~= 1 then fields[name] = value end
    end
    run.emit(type_, fields)
  end
  run.finish()
  dialect.end_stream(write, state, call)
  return list, call.warned
end

local function names(list)
  local result = {}
  for i, event in ipairs(list) do result[i] = event.name end
  return table.concat(result, " ")
end

local function deltas(list, kind, field)
  local pieces = {}
  for _, event in ipairs(list) do
    local delta = event.data.delta
    if delta and delta.type == kind then pieces[#pieces + 1] = delta[field] end
  end
  return table.concat(pieces, "|")
end

local START = '{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant",'
  .. '"model":"claude-x","content":[],"stop_reason":null,"stop_sequence":null,"usage":'
  .. '{"input_tokens":5,"cache_read_input_tokens":7,"cache_creation_input_tokens":3,'
  .. '"output_tokens":1,"service_tier":"standard"}}}'
local STOP = '{"type":"message_stop"}'

local function ending(reason, usage)
  return '{"type":"message_delta","delta":{"stop_reason":"' .. reason
    .. '","stop_sequence":null},"usage":' .. (usage or '{"output_tokens":9}') .. "}"
end

describe("answers in the dialect anthropic-messages", function()
  before_each(function()
    core = fake.install()
    grammar, fold = require("tide.canonical_grammar"), require("tide.canonical_fold")
    dialect = require("tide.adapters").load().dialects["anthropic-messages"]
    raw = { input = true, input_schema = true, schema = true }
  end)

  -- ---- of a provider ----------------------------------------------------------------------------

  it("are read with their counts, caches included in the input", function()
    local answer = answer_of([[{"id":"msg_1","type":"message","role":"assistant","model":"claude-x",
      "content":[{"type":"text","text":"a"},{"type":"text","text":"b"}],"stop_reason":"end_turn",
      "stop_sequence":null,"usage":{"input_tokens":5,"cache_read_input_tokens":7,
      "cache_creation_input_tokens":3,"output_tokens":9,"output_tokens_details":
      {"thinking_tokens":4},"service_tier":"standard"}}]])
    assert.same({ input = 15, cached = 7, cache_write = 3, output = 9, reasoning = 4 },
      answer.usage)
    assert.same({ "msg_1", "claude-x", "default" },
      { answer.id, answer.model, answer.service_tier })
    assert.same({ { type = "text", text = "ab" } }, answer.choices[1].content)
    assert.equal("stop", answer.choices[1].finish_reason)
    assert.equal("end_turn", answer.choices[1].finish_raw)
  end)

  it("keep thinking, its signature and the bytes of a tool's input", function()
    local answer = answer_of([[{"content":[{"type":"thinking","thinking":"hm","signature":"c2ln"},
      {"type":"redacted_thinking","data":"b3Bh"},
      {"type":"tool_use","id":"toolu_1","name":"f","input":{"z": 1.0,"a":[]},"caller":{}}],
      "stop_reason":"tool_use"}]])
    assert.same({
      { type = "reasoning", text = "hm", signature = "c2ln", format = "anthropic" },
      { type = "reasoning", text = "", redacted = "b3Bh", format = "anthropic" },
      { type = "tool_use", id = "toolu_1", name = "f", arguments = '{"z": 1.0,"a":[]}' },
    }, answer.choices[1].content)
    assert.equal("tool_calls", answer.choices[1].finish_reason)
  end)

  it("have citations about the characters of their block", function()
    local answer = answer_of([[{"content":[{"type":"text","text":"Größe: "},
      {"type":"text","text":"2 m","citations":[{"type":"web_search_result_location",
      "cited_text":"2 m tall","url":"https://e/","title":"T","encrypted_index":"x"}]}]}]])
    local citation = answer.choices[1].content[1].citations[1]
    assert.same({ "https://e/", "T", "2 m tall", 7, 10 },
      { citation.url, citation.title, citation.quote, citation.start, citation.stop })
  end)

  it("say why they ended", function()
    local reasons = {
      end_turn = "stop", stop_sequence = "stop", max_tokens = "length", refusal = "content_filter",
      model_context_window_exceeded = "length", pause_turn = "stop", never_heard_of = "stop",
      tool_use = "stop",
    }
    for word, reason in pairs(reasons) do
      local answer = answer_of('{"content":[],"stop_reason":"' .. word .. '"}')
      assert.equal(reason, answer.choices[1].finish_reason)
      assert.equal(word, answer.choices[1].finish_raw)
    end
    local answer = answer_of('{"content":[],"stop_reason":"stop_sequence","stop_sequence":"END"}')
    assert.equal("END", answer.choices[1].sequence)
  end)

  it("name what they hold and nobody else can take", function()
    local events = events_of(sse(START,
      '{"type":"content_block_start","index":0,"content_block":{"type":"server_tool_use","id":"s",'
        .. '"name":"web_search","input":{}}}',
      '{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta",'
        .. '"partial_json":"{}"}}',
      '{"type":"content_block_stop","index":0}', ending("pause_turn"), STOP))
    local dropped = {}
    for _, event in ipairs(events) do
      if event.type == "dropped" then dropped[#dropped + 1] = event.what end
    end
    assert.same({ "server_tool_use", "pause_turn" }, dropped)
  end)

  it("may be an error inside a success", function()
    local answer, err = answer_of('{"type":"error","error":{"type":"overloaded_error",'
      .. '"message":"Overloaded"}}')
    assert.is_nil(answer)
    assert.same({ "overloaded", "Overloaded" }, { err.kind, err.message })
  end)

  it("is none without content and stop_reason", function()
    for _, body in ipairs({ "{}", "[]", '{"type":"message","content":null}' }) do
      local answer, err = answer_of(body)
      assert.is_nil(answer)
      assert.equal("protocol", err.kind)
    end
  end)

  it("T-33 are streamed with arguments that add up to the same JSON", function()
    local _, answer = events_of(sse(START,
      '{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}',
      '{"type":"ping"}',
      '{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"I will"}}',
      '{"type":"content_block_stop","index":0}',
      '{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"t1",'
        .. '"name":"f","input":{}}}',
      '{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta",'
        .. '"partial_json":""}}',
      '{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta",'
        .. '"partial_json":"{\\"a\\""}}',
      '{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta",'
        .. '"partial_json":": 2}"}}',
      '{"type":"content_block_stop","index":1}',
      '{"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"t2",'
        .. '"name":"g","input":{}}}',
      '{"type":"content_block_stop","index":2}', ending("tool_use"), STOP))
    assert.same({
      { type = "text", text = "I will" },
      { type = "tool_use", id = "t1", name = "f", arguments = '{"a": 2}' },
      { type = "tool_use", id = "t2", name = "g", arguments = "{}" },
    }, answer.choices[1].content)
    assert.same({ input = 15, cached = 7, cache_write = 3, output = 9 }, answer.usage)
  end)

  it("T-34 are streamed with their signature behind their thinking", function()
    local _, answer = events_of(sse(START,
      '{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"",'
        .. '"signature":""}}',
      '{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"h"}}',
      '{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"m"}}',
      '{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta",'
        .. '"signature":"c2ln"}}',
      '{"type":"content_block_stop","index":0}',
      '{"type":"content_block_start","index":1,"content_block":{"type":"thinking","thinking":"",'
        .. '"signature":""}}',
      '{"type":"content_block_delta","index":1,"delta":{"type":"signature_delta",'
        .. '"signature":"b25seQ=="}}',
      '{"type":"content_block_stop","index":1}',
      '{"type":"content_block_start","index":2,"content_block":{"type":"redacted_thinking",'
        .. '"data":"b3Bh"}}',
      '{"type":"content_block_stop","index":2}', ending("end_turn"), STOP))
    assert.same({
      { type = "reasoning", text = "hm", signature = "c2ln", format = "anthropic" },
      { type = "reasoning", text = "", signature = "b25seQ==", format = "anthropic" },
      { type = "reasoning", text = "", redacted = "b3Bh", format = "anthropic" },
    }, answer.choices[1].content)
  end)

  it("T-35 tell the input before the content, and what comes later overwrites it", function()
    local events, answer = events_of(sse(START,
      '{"type":"content_block_start","index":0,"content_block":{"type":"text","text":"x"}}',
      ending("end_turn", '{"input_tokens":50,"output_tokens":2}'), STOP))
    assert.same({ "start", "usage", "text" }, { events[1].type, events[2].type, events[3].type })
    assert.equal(15, events[2].input)
    assert.equal(60, answer.usage.input)
  end)

  it("give the input of the tool that stood for structured output as text", function()
    local tool = require("dialects.anthropic-messages.request").ANSWER_TOOL
    local _, answer = events_of(sse(START,
      '{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"t",'
        .. '"name":"' .. tool .. '","input":{}}}',
      '{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta",'
        .. '"partial_json":"{\\"a\\":1}"}}',
      '{"type":"content_block_stop","index":0}', ending("tool_use"), STOP))
    assert.same({ { type = "text", text = '{"a":1}' } }, answer.choices[1].content)
    assert.equal("stop", answer.choices[1].finish_reason)
    answer = answer_of('{"content":[{"type":"tool_use","id":"t","name":"' .. tool
      .. '","input":{"b": 2}}],"stop_reason":"tool_use"}')
    assert.same({ { type = "text", text = '{"b": 2}' } }, answer.choices[1].content)
  end)

  it("fail when the provider reports an error amid the stream", function()
    local events, answer = events_of(sse(START,
      '{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a"}}',
      '{"type":"error","error":{"details":null,"type":"overloaded_error","message":"Overloaded"}}'))
    assert.is_falsy(answer)
    assert.equal("overloaded", events[#events].error.kind)
  end)

  it("never raise on what no provider should send", function()
    local odd = {
      "{}", "[]", "3", '"text"', "null", '{"type":null}', '{"type":{}}', '{"type":"message_start"}',
      '{"type":"message_start","message":null}', '{"type":"message_start","message":{"usage":3}}',
      '{"type":"content_block_start"}', '{"type":"content_block_start","index":"x"}',
      '{"type":"content_block_start","index":0,"content_block":null}',
      '{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","input":null}}',
      '{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","input":[1]}}',
      '{"type":"content_block_start","index":0,"content_block":{"type":"text","citations":null}}',
      '{"type":"content_block_delta"}', '{"type":"content_block_delta","index":9,"delta":null}',
      '{"type":"content_block_delta","index":9,"delta":{"type":"signature_delta"}}',
      '{"type":"content_block_delta","index":9,"delta":{"type":"text_delta","text":null}}',
      '{"type":"content_block_delta","index":9,"delta":{"type":"input_json_delta"}}',
      '{"type":"content_block_delta","index":9,"delta":{"type":"citations_delta"}}',
      '{"type":"content_block_stop","index":77}', '{"type":"message_delta"}',
      '{"type":"message_delta","delta":{"stop_reason":3},"usage":{"output_tokens":"3"}}',
      '{"type":"error"}', '{"type":"error","error":"text"}', '{"type":"later_word"}',
    }
    for _, item in ipairs(odd) do
      local data = core.decode(item, raw)
      assert.has_no.errors(function()
        local state = {}
        dialect.decode_event({ data = data }, function() end, state, new_call())
        dialect.decode_event({ data = data }, function() end, state, new_call())
        dialect.decode_answer(data, function() end, new_call())
      end)
    end
    assert.has_no.errors(function()
      dialect.decode_event({ data = "not JSON" }, function() end, {}, new_call())
    end)
  end)

  -- ---- for a client -----------------------------------------------------------------------------

  it("are streamed to a client in the protocol's order", function()
    local list = written({
      { "start", id = "chatcmpl-1", model = "gpt" },
      { "reasoning", delta = "hm" }, { "reasoning", signature = "c2ln", format = "anthropic" },
      { "text", delta = "he" }, { "text", delta = "llo" },
      { "tool_start", i = 1, id = "t1", name = "f" }, { "tool_args", i = 1, delta = '{"a":' },
      { "tool_args", i = 1, delta = "1}" }, { "tool_end", i = 1 },
      { "finish", reason = "tool_calls" },
      { "usage", input = 15, output = 9, cached = 7, cache_write = 3, reasoning = 4 },
    })
    assert.equal("message_start ping content_block_start content_block_delta content_block_delta "
      .. "content_block_stop content_block_start content_block_delta content_block_delta "
      .. "content_block_stop content_block_start content_block_delta content_block_delta "
      .. "content_block_stop message_delta message_stop", names(list))
    assert.equal("hm", deltas(list, "thinking_delta", "thinking"))
    assert.equal("c2ln", deltas(list, "signature_delta", "signature"))
    assert.equal("he|llo", deltas(list, "text_delta", "text"))
    assert.equal('{"a":|1}', deltas(list, "input_json_delta", "partial_json"))
    local indices = {}
    for _, event in ipairs(list) do
      if event.name == "content_block_start" then indices[#indices + 1] = event.data.index end
    end
    assert.same({ 0, 1, 2 }, indices)
    local ending_ = list[#list - 1].data
    assert.equal("tool_use", ending_.delta.stop_reason)
    assert.same({
      input_tokens = 5, cache_read_input_tokens = 7, cache_creation_input_tokens = 3,
      output_tokens = 9, output_tokens_details = { thinking_tokens = 4 },
    }, ending_.usage)
  end)

  it("T-35 begin with the input where it is known by then", function()
    local list = written({
      { "start", id = "1", model = "m" }, { "usage", input = 15, cached = 5, output = 1 },
      { "text", delta = "x" }, { "finish", reason = "stop" },
    })
    local message = list[1].data.message
    assert.equal(10, message.usage.input_tokens)
    assert.equal(5, message.usage.cache_read_input_tokens)
    list = written({ { "text", delta = "x" }, { "finish", reason = "stop" } })
    assert.equal(0, list[1].data.message.usage.input_tokens)
    local found = 0
    for _, event in ipairs(list) do
      if event.name == "message_start" then found = found + 1 end
    end
    assert.equal(1, found)
  end)

  it("count each token of the input once", function()
    local list = written({ { "text", delta = "x" }, { "finish", reason = "stop" },
      { "usage", input = 20, cached = 15, cache_write = 15, output = 1 } })
    local usage = list[#list - 1].data.usage
    assert.same({ 0, 15, 5 }, { usage.input_tokens, usage.cache_read_input_tokens,
      usage.cache_creation_input_tokens })
  end)

  it("carry what others signed in signatures of ours", function()
    local canonical = require("tide.canonical")
    local list = written({
      { "reasoning", delta = "plan" }, { "reasoning", signature = "enc", format = "openai" },
      { "tool_start", i = 1, id = "t", name = "f", signature = "sig", format = "gemini" },
      { "tool_end", i = 1 }, { "finish", reason = "stop" },
    })
    assert.equal(canonical.wrap("openai", "enc") .. "|" .. canonical.wrap("gemini", "sig"),
      deltas(list, "signature_delta", "signature"))
    assert.equal("tool_use", list[#list - 1].data.delta.stop_reason)
    local rq = dialect.decode_request(core.decode(core.encode({ messages = { {
      role = "assistant", content = {
        { type = "thinking", thinking = "plan", signature = canonical.wrap("openai", "enc") },
        { type = "thinking", thinking = "", signature = canonical.wrap("gemini", "sig") },
        { type = "tool_use", id = "t", name = "f", input = { a = 1 } },
        { type = "thinking", thinking = "", signature = canonical.wrap("gemini", "end") },
      } } } }), raw), new_call())
    assert.same({
      { type = "reasoning", text = "plan", signature = "enc", format = "openai" },
      { type = "tool_use", id = "t", name = "f", arguments = '{"a":1}', signature = "sig",
        format = "gemini" },
      { type = "text", text = "", signature = "end", format = "gemini" },
    }, rq.messages[1].content)
  end)

  it("sign what nobody signed, so that clients send it back", function()
    local list = written({
      { "reasoning", delta = "pl" }, { "reasoning", delta = "an", format = "gemini" },
      { "text", delta = "x" }, { "reasoning", delta = "more" }, { "finish", reason = "stop" },
    })
    local content = {}
    for i, signature in ipairs({ "gemini", "none" }) do
      content[i] = { type = "thinking", thinking = "t" .. i,
        signature = require("tide.canonical").wrap(signature, "") }
    end
    assert.equal(content[1].signature .. "|" .. content[2].signature,
      deltas(list, "signature_delta", "signature"))
    local rq = dialect.decode_request({ messages = { { role = "assistant", content = content } } },
      new_call())
    assert.same({
      { type = "reasoning", text = "t1", format = "gemini" }, { type = "reasoning", text = "t2" },
    }, rq.messages[1].content)
  end)

  it("say in Anthropic's words why they ended", function()
    local words = {
      stop = "end_turn", length = "max_tokens", content_filter = "refusal", error = "end_turn",
    }
    for reason, word in pairs(words) do
      local list = written({ { "text", delta = "x" }, { "finish", reason = reason } })
      assert.equal(word, list[#list - 1].data.delta.stop_reason)
    end
    local list = written({ { "text", delta = "x" },
      { "finish", reason = "stop", sequence = "END" } })
    assert.equal("stop_sequence", list[#list - 1].data.delta.stop_reason)
    assert.equal("END", list[#list - 1].data.delta.stop_sequence)
    list = written({ { "refusal", delta = "no" }, { "finish", reason = "stop" } })
    assert.equal("refusal", list[#list - 1].data.delta.stop_reason)
    assert.equal("no", deltas(list, "text_delta", "text"))
  end)

  it("give a tool with free text as input an object of it", function()
    local list = written({
      { "tool_start", i = 1, id = "t", name = "f", kind = "custom" },
      { "tool_args", i = 1, delta = 'say "hi"' }, { "tool_args", i = 1, delta = "\n" },
      { "tool_end", i = 1 }, { "finish", reason = "stop" },
    })
    local input = deltas(list, "input_json_delta", "partial_json"):gsub("|", "")
    assert.same({ input = 'say "hi"\n' }, core.decode(input))
  end)

  it("name what a client cannot be told", function()
    local _, warned = written({
      { "text", delta = "x" }, { "image", data = "QUJD", mime = "image/png" },
      { "text", delta = "y", choice = 2 }, { "finish", reason = "stop" },
      { "finish", reason = "stop", choice = 2 },
    })
    table.sort(warned)
    assert.same({ "choices after the first", "image" }, warned)
  end)

  it("are whole messages where no stream was asked for", function()
    local call = new_call({ provider_dialect = "openai-chat" })
    local body = seen(dialect.encode_answer({
      id = "chatcmpl-1", model = "gpt", usage = { input = 15, cached = 5, output = 9 },
      choices = { {
        content = {
          { type = "reasoning", text = "hm" },
          { type = "text", text = "see", citations = {
            { url = "https://e/", title = "T", quote = "q" },
          } },
          { type = "tool_use", id = "t", name = "f", arguments = '{"a":1}' },
          { type = "tool_use", id = "u", name = "g", arguments = '{"a":' },
        },
        finish_reason = "tool_calls",
      } },
    }, call))
    assert.same({
      { type = "thinking", thinking = "hm",
        signature = require("tide.canonical").wrap("none", "") },
      { type = "text", text = "see", citations = { { type = "web_search_result_location",
        url = "https://e/", title = "T", cited_text = "q",
        encrypted_index = require("tide.canonical").wrap("none", "") } } },
      { type = "tool_use", id = "t", name = "f", input = { a = 1 } },
      { type = "tool_use", id = "u", name = "g", input = { arguments = '{"a":' } },
    }, body.content)
    assert.same({ "message", "assistant", "gpt", "tool_use" },
      { body.type, body.role, body.model, body.stop_reason })
    assert.equal(core.null, body.stop_sequence)
    assert.equal(10, body.usage.input_tokens)
    assert.equal(5, body.usage.cache_read_input_tokens)
    assert.equal(core.null, body.usage.cache_creation_input_tokens)
  end)

  -- ---- errors, models, counts -------------------------------------------------------------------

  it("are errors as Anthropic types them", function()
    local types = {
      [400] = "invalid_request_error", [401] = "authentication_error", [402] = "billing_error",
      [403] = "permission_error", [404] = "not_found_error", [413] = "request_too_large",
      [422] = "invalid_request_error", [429] = "rate_limit_error", [500] = "api_error",
      [502] = "api_error", [503] = "overloaded_error", [504] = "timeout_error",
    }
    for status, type_ in pairs(types) do
      local body = core.decode(dialect.error_body({
        status = status, kind = "x", message = "no", request_id = "req_1",
      }))
      assert.same({ type = "error", request_id = "req_1",
        error = { type = type_, message = "no" } }, body)
    end
  end)

  it("end with an error event where a stream breaks", function()
    local text = dialect.error_event({ message = "line\nbreak", code = "timeout", type = "t" })
    assert.equal('event: error\ndata: {"error":{"message":"line\\nbreak","type":"timeout_error"},'
      .. '"request_id":null,"type":"error"}\n\n', text)
  end)

  it("say more of an error than its type", function()
    local err = dialect.read_error(core.decode('{"type":"error","error":{"type":"rate_limit_error",'
      .. '"message":"m","details":{"error_code":"enforced_spend_limit_reached"}}}'))
    assert.same({ message = "m", type = "rate_limit_error", code = "enforced_spend_limit_reached" },
      err)
    for _, odd in ipairs({ "{}", "[]", '{"error":null}', '{"error":"x"}', "3" }) do
      assert.has_no.errors(function() dialect.read_error(core.decode(odd)) end)
    end
  end)

  it("list models with a cursor", function()
    local list = seen(dialect.list_models({ { id = "a/b" }, { id = "c" } }))
    assert.same({ "a/b", "c", false }, { list.first_id, list.last_id, list.has_more })
    assert.same({ type = "model", id = "a/b", display_name = "a/b",
      created_at = "1970-01-01T00:00:00Z" }, list.data[1])
    assert.equal(core.null, seen(dialect.list_models({})).first_id)
    assert.equal("a/b", dialect.show_model({ id = "a/b" }).id)
  end)

  it("count tokens", function()
    assert.same({ input_tokens = 7 }, dialect.encode_count(7))
    assert.equal(641, dialect.decode_count({ input_tokens = 641 }))
    assert.is_nil(dialect.decode_count(core.null))
  end)

  it("T-03 do not begin with a ping, a role or an empty block", function()
    for _, rule in ipairs(dialect.watch.rules.content) do
      assert.not_equal("message_start", rule.equals)
      assert.not_equal("text", rule.equals)
    end
    assert.same({ { path = "type", equals = "message_stop" } }, dialect.watch.rules.terminal)
  end)
end)
