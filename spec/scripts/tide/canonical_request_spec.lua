local fake = require("spec.support.fake_core")

local canonical_request, core

local function call_of(decode, body)
  return {
    req = fake.request({ body = body or '{"a":[1]}' }), op = { name = "chat" }, model = "m",
    stream = true, asks_usage = true,
    dialect = { name = "toy", raw = { a = true }, decode_request = decode },
  }
end

describe("tide.canonical_request", function()
  before_each(function()
    core = fake.install()
    canonical_request = require("tide.canonical_request")
  end)

  it("is decoded once, with what the gateway knows itself", function()
    local count, seen, info = 0, nil, nil
    local call = call_of(function(body, given)
      count, seen, info = count + 1, body, given
      given.warn("odd")
      return { messages = {} }
    end)
    local rq, lost = canonical_request.of(call)
    assert.same({ op = "chat", model = "m", stream = true, include_usage = true, messages = {} },
      rq)
    assert.same({ "odd" }, lost)
    assert.equal(rq, (canonical_request.of(call)))
    assert.equal(1, count)
    assert.is_true(core.is_raw(seen.a))
    assert.same({ "toy", "m", true }, { info.client_dialect, info.asked, info.stream })
  end)

  it("is decoded again after the body has changed", function()
    local call = call_of(function(body) return { said = body.a } end, '{"a":1}')
    assert.equal(1, canonical_request.of(call).said)
    call.req.options.body, call.canonical = '{"a":2}', nil
    assert.equal(2, canonical_request.of(call).said)
  end)

  it("has no instructions where there are none, whatever the dialect makes of that", function()
    local function system_of(parts)
      return canonical_request.of(call_of(function()
        return { system = parts, messages = {} }
      end)).system
    end
    assert.is_nil(system_of({}))
    assert.is_nil(system_of(nil))
    assert.equal("hi", system_of({ { type = "text", text = "hi" } })[1].text)
  end)

  it("has one result of each call", function()
    local function result(id, text)
      return { type = "tool_result", id = id, content = { { type = "text", text = text } } }
    end
    local rq = canonical_request.of(call_of(function()
      return { messages = { { role = "user", content = {
        result("a", "1"), result("b", "2"), result("a", "3"), { type = "text", text = "t" },
      } } } }
    end))
    local both = result("a", "1")
    both.content[2] = { type = "text", text = "3" }
    assert.same({ both, result("b", "2"), { type = "text", text = "t" } }, rq.messages[1].content)
  end)

  it("is a 400 when the dialect cannot read it", function()
    local rq, err = canonical_request.of(call_of(function()
      return nil, { message = "a is odd", param = "a" }
    end))
    assert.is_nil(rq)
    assert.same({ 400, "a is odd", "a" }, { err.status, err.message, err.param })
  end)

  it("is a 500 without internals when its function has a bug", function()
    local rq, err = canonical_request.of(call_of(function() error("secret place") end))
    assert.is_nil(rq)
    assert.same({ 500, "script" }, { err.status, err.kind })
    assert.is_nil(err.message:find("secret", 1, true))
    assert.matches("toy.lua: .*secret place", core.logged[1])
  end)
end)
