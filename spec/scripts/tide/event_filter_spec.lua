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
