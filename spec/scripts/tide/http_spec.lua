local fake_core = require("spec.support.fake_core")

describe("tide.http", function()
  local core

  local function tide_with(grants)
    core = fake_core.install({ config = { scripts = { http = grants } } })
    local tide = {}
    require("tide.api_http")(tide)
    return tide
  end

  local function ask(options, answer, grants)
    local tide = tide_with(grants or { "*" })
    core.answers = { answer or { status = 200, body = "ok" } }
    options.url = options.url or "https://api.test/x"
    return tide.http.request(options)
  end

  local function header(name)
    local list = core.fetched[1].headers
    for i = 1, #list, 2 do
      if list[i] == name then return list[i + 1] end
    end
  end

  it("gives status, headers and body", function()
    local res = assert(ask({}, { status = 201, headers = { a = "b" }, body = '{"x":1}' }))
    assert.are.equal(201, res.status)
    assert.are.same({ a = "b" }, res.headers)
    assert.are.equal('{"x":1}', res.body)
    assert.are.equal('{"x":1}', res:text())
    assert.are.same({ x = 1 }, res:json())
  end)

  it("asks with GET, or with POST when there is a body", function()
    ask({})
    assert.are.equal("GET", core.fetched[1].method)
    ask({ body = "x" })
    assert.are.equal("POST", core.fetched[1].method)
    ask({ method = "DELETE", body = "x" })
    assert.are.equal("DELETE", core.fetched[1].method)
  end)

  it("asks only origins that are granted, and names the setting", function()
    local res, err = ask({ url = "https://other.test/x" }, nil, { "https://api.test" })
    assert.is_nil(res)
    assert.are.equal("tide.http: https://other.test is not granted (scripts.http)", err.message)
    assert.are.equal(0, #core.fetched)
    assert.is_truthy(ask({ url = "HTTPS://API.test:443/x" }, nil, { "https://api.test" }))
    for _, url in ipairs({ "http://api.test", "https://api.test:444", "https://api.test.evil.test",
      "https://evil.test/https://api.test" }) do
      assert.is_nil((ask({ url = url }, nil, { "https://api.test" })))
    end
  end)

  it("grants nothing without a setting", function()
    assert.is_nil((ask({}, nil, {})))
  end)

  it("takes a number as the time for all, and the configuration's times else", function()
    ask({ timeout = 2 })
    assert.are.same({ 3, 300, 60, 2 }, core.fetched[1].timeout)
    ask({ timeout = { connect = 1, idle = 4 } })
    assert.are.same({ 1, 300, 4, 600 }, core.fetched[1].timeout)
  end)

  it("limits the body to 16 MB unless told otherwise", function()
    ask({})
    assert.are.equal(16 * 1024 * 1024, core.fetched[1].max_body)
    ask({ max_body = 5 })
    assert.are.equal(5, core.fetched[1].max_body)
  end)

  it("sends headers in a fixed order, secrets as they are", function()
    local secret = newproxy()
    ask({ headers = { ["X-B"] = "2", ["A-Key"] = secret, n = 7 } })
    assert.are.same({
      "accept-encoding", "identity", "A-Key", secret, "X-B", "2", "n", 7,
      "user-agent", "tidegate/0.1.0",
    }, core.fetched[1].headers)
    ask({ headers = { ["User-Agent"] = "mine" } })
    assert.is_nil(header("user-agent"))
  end)

  it("blames the script for what can never work", function()
    local function problem(options)
      local tide = tide_with({ "*" })
      local ok, text = pcall(function() tide.http.request(options) end)
      assert.is_false(ok)
      assert.matches("^spec/.*tide%.http%.request: ", text)
      return text
    end
    assert.matches("table of options", problem())
    assert.matches("needs a `url`", problem({}))
    assert.matches("unknown field 'metod'.*'method'", problem({ metod = "GET" }))
    assert.matches("no such method: get %(did you mean 'GET'",
      problem({ url = "x", method = "get" }))
    assert.matches("is set by the gateway", problem({ url = "x", headers = { Host = "y" } }))
    assert.matches("is set by the gateway",
      problem({ url = "x", headers = { ["Content-Length"] = "1" } }))
    assert.matches("cannot be the name", problem({ url = "x", headers = { ["a b"] = "y" } }))
    assert.matches("cannot be the name", problem({ url = "x", headers = { "y" } }))
    assert.matches("control character", problem({ url = "x", headers = { a = "b\r\nc: d" } }))
    assert.matches("control character", problem({ url = "x", headers = { a = "b\0" } }))
    assert.matches("not a table", problem({ url = "x", headers = { a = {} } }))
    assert.matches("positive", problem({ url = "x", max_body = 0 }))
  end)

  it("returns what went wrong on the way", function()
    local res, err = ask({}, { err = { kind = "timeout", message = "too late" } })
    assert.is_nil(res)
    assert.are.equal("timeout", err.kind)
    assert.is_true(core.handle.is_closed)
    res, err = ask({}, { refused = { kind = "budget", limit = "calls" } })
    assert.is_nil(res)
    assert.are.equal("calls", err.limit)
  end)

  it("says of a body that is not JSON where it stops being it", function()
    local value, err = ask({}, { status = 200, body = "<html>" }):json()
    assert.is_nil(value)
    assert.are.equal("protocol", err.kind)
    assert.matches("not JSON", err.message)
  end)

  it("hands a stream over in pieces", function()
    local res = ask({ stream = true }, { status = 200, pieces = { "a", "b" } })
    local seen = {}
    for piece in res:chunks() do seen[#seen + 1] = piece end
    assert.are.same({ "a", "b" }, seen)
    assert.is_nil(res.err)
    assert.is_nil(res.body)
  end)

  it("says after the loop that a stream broke off", function()
    local broken = { status = 200, pieces = { "a" }, err = { kind = "protocol" } }
    local res = ask({ stream = true }, broken)
    local seen = 0
    for _ in res:chunks() do seen = seen + 1 end
    assert.are.equal(1, seen)
    assert.are.equal("protocol", res.err.kind)
  end)

  it("reads what is left of a stream as text", function()
    local res = ask({ stream = true }, { status = 200, pieces = { "a", "b", "c" } })
    local first = res:chunks()()
    assert.are.equal("a", first)
    assert.are.equal("bc", res:text())
  end)

  it("reads server-sent events and lines of JSON", function()
    local events = { { event = "message", data = "1" }, { event = "end", data = "2" } }
    local res = ask({ stream = true }, { status = 200, events = { events[1], events[2] } })
    local seen = {}
    for event in res:sse() do seen[#seen + 1] = event end
    assert.are.same(events, seen)
    res = ask({ stream = true }, { status = 200, lines = { '{"a":1}', "[2]" } })
    seen = {}
    for value in res:ndjson() do seen[#seen + 1] = value end
    assert.are.same({ { a = 1 }, { 2 } }, seen)
  end)

  it("ends at a line that is not JSON", function()
    local res = ask({ stream = true }, { status = 200, lines = { "1", "{", "2" } })
    local seen = 0
    for _ in res:ndjson() do seen = seen + 1 end
    assert.are.equal(1, seen)
    assert.are.equal("protocol", res.err.kind)
    assert.is_true(core.handle.is_closed)
  end)

  it("refuses to stream what was not asked for as a stream", function()
    local res = ask({})
    assert.has_error(function() res:sse() end)
    assert.has_error(function() res.chunks({}) end)
  end)
end)
