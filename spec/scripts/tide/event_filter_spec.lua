local fake = require("spec.support.fake_core")

describe("event_filter", function()
  local core, call

  local function filter(on_event, on_event_failed)
    core = fake.install()
    call = {}
    return require("tide.event_filter").new(call, {
      on_event = on_event, on_event_failed = on_event_failed,
    })
  end

  local HELLO = '{"choices":[{"index":0,"delta":{"content":"hello"},"finish_reason":null}]}'
  local FINISH = '{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}'

  it("lets an event that was not changed go as it is", function()
    local seen = {}
    local take = filter(function(event)
      seen[#seen + 1] = event.type
      return event
    end)
    assert.is_nil(take(HELLO))
    assert.is_nil(take(FINISH))
    assert.same({ "text", "finish" }, seen)
  end)

  it("encodes a changed event anew", function()
    local take = filter(function(event)
      return event.delta and { type = "text", delta = "moo" } or event
    end)
    assert.equal("moo", core.decode(take(HELLO)).choices[1].delta.content)
  end)

  it("leaves a dropped event out", function()
    local take = filter(function(event) return not event.delta and event or nil end)
    assert.is_false(take(HELLO))
  end)

  it("shows nothing of what is no event", function()
    local take = filter(function() error("not shown") end)
    assert.is_nil(take('{"choices":[{"delta":{"role":"assistant","content":""}}]}'))
    assert.is_nil(take("no JSON"))
    assert.is_nil(take("7"))
  end)

  it("fails the stream with what the client is told", function()
    local failure = { kind = "script", message = "a script failed" }
    local take = filter(function() return false, failure end)
    assert.same({ true, "a script failed" }, { take(HELLO) })
    assert.equal(failure, call.script_error)
  end)

  it("lets go as it is what a script must not drop, and says so", function()
    local take = filter(function() return nil end)
    assert.is_nil(take(FINISH))
    assert.same({ "error on_event cannot drop a finish event" }, core.logged)
  end)

  it("leaves it to the plan what such a mistake means", function()
    local told
    local take = filter(function() return nil end, function(problem)
      told = problem
      return nil, { message = "strict" }
    end)
    assert.same({ true, "strict" }, { take(FINISH) })
    assert.equal("on_event cannot drop a finish event", told)
  end)
end)

describe("event_filter of canonical events", function()
  local core, call

  local function filter(on_event)
    core = fake.install()
    call = {}
    return require("tide.event_filter").canonical(call, { on_event = on_event })
  end

  it("shows what scripts know, and nothing else of it", function()
    local seen = {}
    local take = filter(function(event)
      seen[#seen + 1] = event
      return event
    end)
    local text = { type = "text", delta = "hi", signature = "s", choice = 2 }
    assert.equal(text, take(text))
    assert.equal("s", text.signature)
    take({ type = "tool_start", i = 1, id = "c", name = "now", format = "gemini" })
    take({ type = "finish", reason = "stop", raw = "end_turn" })
    take({ type = "usage", input = 1, output = 2 })
    assert.same({
      { type = "text", delta = "hi", choice = 2 },
      { type = "tool_start", i = 1, id = "c", name = "now" },
      { type = "finish", reason = "stop" },
      { type = "usage", input = 1, output = 2 },
    }, seen)
  end)

  it("lets pass what scripts do not know", function()
    local take = filter(function() error("not shown") end)
    for _, event in ipairs({
      { type = "start", id = "x" }, { type = "ping" }, { type = "image", url = "u" },
      { type = "usage", early = true, input = 3 }, { type = "reasoning", signature = "s" },
    }) do
      assert.equal(event, take(event))
    end
  end)

  it("changes an event in place", function()
    local take = filter(function(event)
      if event.type == "finish" then return { type = "finish", reason = "length" } end
      return { type = "text", delta = "moo" }
    end)
    local event = { type = "text", delta = "hi", signature = "s", logprobs = {} }
    assert.same({ type = "text", delta = "moo", signature = "s" }, take(event))
    assert.same({ type = "finish", reason = "length" },
      take({ type = "finish", reason = "stop", raw = "end_turn" }))
  end)

  it("leaves out what is dropped, and with a call's start the whole call", function()
    local take = filter(function(event)
      if event.type ~= "tool_start" or event.name ~= "bad" then return event end
    end)
    assert.is_nil(take({ type = "tool_start", i = 1, id = "a", name = "bad" }))
    assert.is_nil(take({ type = "tool_args", i = 1, delta = "{}" }))
    assert.is_nil(take({ type = "tool_end", i = 1 }))
    assert.is_truthy(take({ type = "tool_start", i = 2, id = "b", name = "good" }))
    assert.is_truthy(take({ type = "tool_args", i = 2, delta = "{}" }))
    assert.is_nil(core.logged[1])
  end)

  it("leaves out a piece that was emptied, unless it is signed", function()
    local take = filter(function(event)
      event.delta = ""
      return event
    end)
    assert.is_nil(take({ type = "text", delta = "hi" }))
    assert.is_truthy(take({ type = "reasoning", delta = "hi", signature = "s" }))
  end)

  it("fails the stream with what the client is told", function()
    local failure = { kind = "script", message = "a script failed" }
    local take = filter(function() return false, failure end)
    local event, err = take({ type = "text", delta = "hi" })
    assert.is_nil(event)
    assert.same({ kind = "script", message = "a script failed" }, err)
    assert.equal(failure, call.script_error)
  end)

  it("lets go as it is what a script must not drop", function()
    local take = filter(function() return nil end)
    assert.is_truthy(take({ type = "finish", reason = "stop" }))
    assert.same({ "error on_event cannot drop a finish event" }, core.logged)
  end)
end)
