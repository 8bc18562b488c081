local fake = require("spec.support.fake_core")
local support = require("spec.support.scripted")

local core, gen
local ask, tried = support.ask, support.tried

local function load(settings, files)
  gen, core = support.load(settings, files)
end

describe("tide.middleware", function()
  local function middleware(scripts, settings)
    local files, names = {}, {}
    for i, text in ipairs(scripts) do
      names[i] = "m" .. i
      files["scripts/middleware/m" .. i .. ".lua"] = "return tide.middleware {" .. text .. "}"
    end
    settings = settings or {}
    settings.middleware = names
    load(settings, files)
  end

  it("runs before in order and after in reverse", function()
    local note = [[before = function(req) req.ctx.way = (req.ctx.way or "") .. "%s" end,
      after = function(req, res) error("way " .. req.ctx.way .. " %s " .. res.outcome, 0) end]]
    middleware({ note:format("a", "a"), note:format("b", "b") })
    ask("smart", fake.ok())
    assert.matches("way ab b ok", core.logged[1])
    assert.matches("way ab a ok", core.logged[2])
  end)

  it("answers with a reply and asks nobody else", function()
    middleware({ "before = function(req) return req:reply(403, { ['x-a'] = 'b' }, 'no') end",
      "before = function() error('called') end" })
    local req = ask("smart")
    assert.same({ 403, "no", "b", "text/plain; charset=utf-8" }, { req.replied.status,
      req.replied.body, req.replied.headers["x-a"], req.replied.headers["content-type"] })
    assert.equal("client_error", req.recorded.outcome)
    assert.same({}, core.logged)
  end)

  it("takes a reply that was asked for without return, and shows it to those in front", function()
    middleware({ "after = function(req, res) error('saw ' .. res.outcome, 0) end",
      "before = function(req) req:reply(404) end, after = function() error('called') end" })
    assert.equal(404, ask("smart").replied.status)
    assert.equal(1, #core.logged)
    assert.matches("saw client_error", core.logged[1])
  end)

  it("answers 500 when before fails, whatever scripts.on_error says", function()
    for _, hook in ipairs({ "error('x')", "return 1", "return { status = 700 }",
      "return { status = 200, headers = 1 }", "return { status = 200, body = 1 }",
      "return { status = 200, headers = { host = 'x' } }", "return nil, 'x'" }) do
      middleware({ "before = function(req) " .. hook .. " end" })
      local req = ask("smart")
      assert.equal(500, req.replied.status)
      assert.equal("script_error", req.recorded.outcome)
      assert.matches("middleware 'm1' failed", core.logged[1])
    end
  end)

  it("adds headers to what the provider gets, in each attempt", function()
    middleware({ "before = function(req) req:set_upstream_header('X-A', 'b') end" })
    local req = ask("smart", fake.status(500), fake.ok())
    assert.equal("a/m b/m", tried(req))
    assert.same({ "x-a: b\r\n", "x-a: b\r\n" }, { req.extras[1].headers, req.extras[2].headers })
  end)

  it("sends its headers to the provider, and the plan's over them", function()
    local text = "req:set_upstream_header('X-A', 'm') req:set_upstream_header('x-b', 'm')"
    load({ policy = "p", middleware = { "m" } }, {
      ["scripts/middleware/m.lua"] = "return tide.middleware { before = function(req) " .. text
        .. " end }",
      ["scripts/policies/p.lua"] = [[return tide.policy { route = function()
        return { model = "a/x", headers = { ["X-B"] = "p", ["x-c"] = "p" } } end }]],
    })
    local req = ask("smart", fake.ok())
    assert.equal("x-a: m\r\nx-b: p\r\nx-c: p\r\n", req.extras[1].headers)
  end)

  it("does not run for requests that scripts ask", function()
    middleware({ "before = function() error('called') end" })
    local context = { gen = gen }
    assert.equal("a/m", tried(ask({ model = "smart", outer = context }, fake.ok())))
  end)

  it("passes by what is no request", function()
    middleware({ "before = function() error('called') end" })
    assert.equal(400, ask({ body = "{" }).replied.status)
    assert.same({}, core.logged)
  end)
end)
