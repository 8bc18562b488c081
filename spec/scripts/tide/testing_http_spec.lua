local core, http

local function fetch(url, more)
  more = more or {}
  return core.fetch(url, more.method or "GET", more.headers or {}, more.body, 3, 10, 60, 20,
    more.max_body or 1e6, more.stream)
end

describe("tide.testing_http", function()
  before_each(function()
    core = require("spec.support.fake_core").install()
    http = require("tide.testing_http").new()
  end)

  it("answers in order, then the last one again", function()
    local server = http("https://a.example/x")
    server.reply({ text = "one" }).reply({ status = 404, json = { no = true } })
    local first = fetch("https://a.example/x?1")
    assert.is_true(first:await("end"))
    assert.equal("one", first:take())
    assert.is_nil(first:take())
    for _ = 1, 2 do
      local second = fetch("https://a.example/x")
      assert.equal(404, second:status())
      assert.equal("application/json", second:headers()["content-type"])
      assert.equal('{"no":true}', second:take())
    end
  end)

  it("remembers what was asked, without secrets", function()
    http("https://a.example")
    fetch("https://a.example/y", {
      method = "POST", body = '{"a":1}', headers = { "X-One", "1", "X-Key", newproxy() },
    })
    local lines = { ["x-one"] = "1", ["x-key"] = "***" }
    assert.same({
      { url = "https://a.example/y", method = "POST", headers = lines, body = { a = 1 } },
    }, http("https://a.example").requests)
  end)

  it("reaches nobody else", function()
    http("https://a.example/x").reply({})
    local handle, err = fetch("https://b.example/")
    assert.is_nil(handle)
    assert.equal("connect", err.kind)
  end)

  it("prefers the longer beginning", function()
    http("https://a.example/").reply({ text = "short" })
    http("https://a.example/long").reply({ text = "long" })
    assert.equal("long", fetch("https://a.example/long/er"):take())
  end)

  it("fails as a server does", function()
    for fault, kind in pairs({ reset = "connect", timeout = "timeout" }) do
      http("https://" .. fault).reply({ fault = fault })
      local handle = fetch("https://" .. fault)
      assert.is_true(handle:await("end"))
      assert.equal(kind, handle:failure().kind)
    end
    http("https://cut").reply({ fault = "cut", text = "abcd" })
    assert.equal("protocol", fetch("https://cut"):failure().kind)
    local handle = fetch("https://cut", { stream = true })
    assert.is_true(handle:await("bytes"))
    assert.is_nil(handle:failure())
    assert.equal("ab", handle:take())
    assert.equal("protocol", handle:failure().kind)
  end)

  it("takes its time, up to the limits of the request", function()
    http("https://slow").reply({ delay = 4 }).reply({ delay = 15 })
    local from = core.now()
    assert.is_true(fetch("https://slow"):await("end"))
    assert.equal(4, core.now() - from)
    local handle = fetch("https://slow")
    handle:await("end")
    assert.equal("timeout", handle:failure().kind)
    assert.equal(14, core.now() - from)
  end)

  it("splits events and lines", function()
    http("https://sse").reply({ text = "event: a\ndata: 1\ndata: 2\n\n: x\n\ndata: 3\n\n" })
    assert.same({ { event = "a", data = "1\n2" }, { event = "message", data = "3" } },
      fetch("https://sse", { stream = true }):items("events"))
    http("https://lines").reply({ text = "1\n2\n" })
    assert.same({ "1", "2" }, fetch("https://lines", { stream = true }):items("lines"))
  end)
end)
