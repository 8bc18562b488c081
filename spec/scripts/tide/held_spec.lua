local fake = require("spec.support.fake_core")

describe("a held answer", function()
  local held, req

  local LANE = { target = "a/b" }
  local BODY = '{"choices":[{"message":{"role":"assistant","content":"hello"},'
    .. '"finish_reason":"stop"}]}'

  local function settle(accept, call, summary)
    fake.install()
    held = require("tide.held")
    req = fake.request({})
    call = call or {}
    call.dialect = call.dialect or { name = "openai-chat" }
    call.op = call.op or { name = "chat" }
    call.req, call.plan = req, { accept = accept }
    return held.settle(call, summary or fake.held(BODY, { input = 3 }), LANE)
  end

  it("is released without a policy that judges", function()
    assert.is_nil(settle(nil))
    assert.is_true(req.released)
  end)

  it("is shown as a result, with status, headers and body", function()
    local seen
    assert.is_nil(settle(function(result)
      seen = result
      return true
    end))
    assert.equal("hello", seen.text)
    assert.equal("stop", seen.finish_reason)
    assert.equal("a/b", seen.target)
    assert.same({ input = 3 }, seen.usage)
    assert.equal(200, seen.status)
    assert.equal(BODY, seen.body)
    assert.same({}, seen.headers)
    assert.is_true(req.released)
  end)

  it("is shown likewise when it was a stream", function()
    local seen
    settle(function(result)
      seen = result
      return true
    end, { stream = true }, fake.held(
      'data: {"choices":[{"delta":{"content":"hel"}}]}\n\n'
      .. 'data: {"choices":[{"delta":{"content":"lo"},"finish_reason":"length"}]}\n\n'
      .. "data: [DONE]\n\n"))
    assert.equal("hello", seen.text)
    assert.equal("length", seen.finish_reason)
    assert.is_nil(seen.usage)
  end)

  -- A client's dialect that says one piece of text in each event.
  local OTHER = {
    name = "other",
    decode_event = function(event, emit)
      if event.data.text then emit("text", { delta = event.data.text }) end
      if event.data.tool then emit("tool_start", { name = event.data.tool }) end
    end,
    end_events = function(emit) emit("finish", { reason = "stop" }) end,
    decode_answer = function(body, emit)
      if body.bug then error("a bug") end
      emit("text", { delta = body.text })
      emit("finish", { reason = "length" })
    end,
  }

  local function seen_of(call, body)
    local seen
    call.op = { name = "chat" }
    settle(function(result)
      seen = result
      return true
    end, call, fake.held(body))
    return seen
  end

  it("is read in the client's dialect", function()
    local seen = seen_of({ dialect = OTHER }, '{"text":"hi"}')
    assert.same({ "hi", "length" }, { seen.text, seen.finish_reason })
    seen = seen_of({ dialect = OTHER, stream = true },
      'data: {"text":"he"}\n\ndata: {"text":"y"}\n\ndata: {"tool":"now"}\n\n')
    assert.same({ "hey", "tool_calls", "now" },
      { seen.text, seen.finish_reason, seen.tool_calls[1].name })
  end)

  it("is read likewise when the stream is one array", function()
    local call = { dialect = OTHER, stream = true, as_array = true }
    assert.equal("hey", seen_of(call, '[{"text":"he"},{"text":"y"}]').text)
    assert.equal("", seen_of(call, "[]").text)
  end)

  it("is shown without text when its dialect cannot read it", function()
    local seen = seen_of({ dialect = OTHER }, '{"bug":true}')
    assert.same({ "", '{"bug":true}' }, { seen.text, seen.body })
    assert.equal("", seen_of({ dialect = OTHER }, "7").text)
  end)

  it("is dropped when it is not accepted", function()
    local verdict = settle(function() return false end)
    assert.equal("next", verdict.action)
    assert.equal("rejected", verdict.kind)
    assert.same({ "rejected" }, req.discarded)
    assert.is_nil(req.released)
  end)

  it("is dropped when a script fails and that is to end the request", function()
    local failure = { status = 500 }
    local verdict = settle(function() return nil, failure end)
    assert.equal("script", verdict.action)
    assert.equal(failure, verdict.err)
    assert.same({ "script" }, req.discarded)
  end)

  it("is nobody's when the client leaves meanwhile", function()
    assert.equal("gone", settle(function()
      req.gone = true
      return false
    end).action)
    assert.equal("gone", settle(function()
      req.gone = true
      return true
    end).action)
  end)
end)
