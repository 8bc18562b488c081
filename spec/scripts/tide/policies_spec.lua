local fake = require("spec.support.fake_core")
local support = require("spec.support.scripted")

local core, gen
local ask, tried = support.ask, support.tried

local function load(settings, files)
  gen, core = support.load(settings, files)
end

local function policy(hooks, settings)
  settings = settings or {}
  settings.policy = "p"
  load(settings, { ["scripts/policies/p.lua"] = "return tide.policy {" .. hooks .. "}" })
end

describe("tide.policies", function()
  it("costs nothing where nothing is configured", function()
    load({}, { ["scripts/policies/p.lua"] = "return tide.policy { route = function() end }" })
    assert.is_nil(gen.scripts)
  end)

  it("sends a request where the plan says", function()
    policy('route = function(req) return { targets = { "b/" .. req.model, "a/y" } } end')
    local req = ask("x", fake.status(500), fake.ok())
    assert.equal("b/x a/y", tried(req))
    assert.same({ "ok", "app", "x", "other", "a/y" }, { req.recorded.outcome,
      req.recorded.client, req.recorded.model, req.recorded.metric_model, req.recorded.target })
    assert.equal("p@7", req:added_header("x-tidegate-policy"))
  end)

  it("takes a plan that does not say where for one of the model that was asked for", function()
    policy("route = function() return { retry = { max = 0 }, params = { seed = 1 } } end")
    local req = ask("smart", fake.status(500), fake.ok())
    assert.equal("a/m", tried(req))
    assert.same({ "model", '"m"', "seed", "1" }, req.attempts[1].edits)
    assert.equal(404, ask("nope").replied.status)
    policy("route = function(req) return { model = req.model } end")
    assert.equal("a/m b/m", tried(ask("smart", fake.status(500), fake.ok())))
    assert.equal(404, ask("nope").replied.status)
    assert.same({}, core.logged)
  end)

  it("counts a request under the model that was asked for", function()
    policy('route = function() return { targets = { "b/x" } } end')
    assert.equal("smart", ask("smart", fake.ok()).recorded.metric_model)
  end)

  it("takes a model's own policy, of an alias too, before the top one", function()
    load({
      policy = "p", models = {
        mine = { targets = { "a/m" }, policy = "own" }, alias = "mine", plain = "a/m",
      },
    }, {
      ["scripts/policies/p.lua"] = 'return tide.policy { route = function() '
        .. 'return { model = "a/p" } end }',
      ["scripts/policies/own.lua"] = 'return tide.policy { route = function() '
        .. 'return { model = "a/own" } end }',
    })
    assert.equal("a/own", tried(ask("mine", fake.ok())))
    assert.equal("a/own", tried(ask("alias", fake.ok())))
    assert.equal("a/p", tried(ask("plain", fake.ok())))
  end)

  it("goes by the model's own plan when route says nothing, or is not there", function()
    policy("route = function() end")
    assert.equal("a/m b/m", tried(ask("smart", fake.status(500), fake.ok())))
    assert.equal(404, ask("nope").replied.status)
    policy("on_finish = function() end")
    assert.equal("a/m", tried(ask("smart", fake.ok())))
  end)

  it("passes on the kind of a refusal", function()
    policy([[route = function()
      return nil, { kind = "rate_limited", message = "sk-secret is out", retry_after = 1.5 }
    end]])
    local req = ask("smart")
    assert.same({ 429, "2", "*** is out" }, { req.replied.status,
      req.replied.headers["retry-after"], req:json().error.message })
    assert.same({ "limited", "rate_limited" }, { req.recorded.outcome, req.recorded.kind })
    assert.same({}, core.logged)
  end)

  it("T-42 falls back with a warning, and says in the log what happened", function()
    for hooks, warning in pairs({
      ['route = function() error("oops") end'] = "script",
      ['route = function() error({ limit = "cpu", message = "slow" }) end'] = "cpu",
      ["route = function() return { targts = {} } end"] = "script",
      ["route = function() return 17 end"] = "script",
      ['route = function() return nil, "why" end'] = "script",
      ['route = function() return nil, { kind = "tired" } end'] = "script",
    }) do
      policy(hooks)
      local req = ask("smart", fake.ok())
      assert.equal("a/m", tried(req))
      assert.equal("policy p failed: " .. warning, req:added_header("x-tidegate-warnings"))
      assert.matches("^error request 0123: policy 'p' failed", core.logged[1])
    end
  end)

  it("answers 500 when there is nothing to fall back to", function()
    policy('route = function() error("inside") end')
    local req = ask("nope")
    assert.same({ 500, "gateway_script_error" }, { req.replied.status, req:json().error.code })
    assert.equal("a script of the gateway failed; request id 0123", req:json().error.message)
    assert.same({ "script_error", "script" }, { req.recorded.outcome, req.recorded.kind })
  end)

  it("answers 500 where scripts.on_error says so", function()
    policy('route = function() error("inside") end', { scripts = { on_error = "fail" } })
    local req = ask("smart")
    assert.equal(500, req.replied.status)
    assert.is_nil(req:added_header("x-tidegate-warnings"))
    assert.same({}, req.attempts)
  end)

  it("puts the cheaper of two lanes first, and leaves the others in their order", function()
    load({
      policy = "p", models = { smart = { targets = { "a/1", "a/2", "b/3" } } },
    }, { ["scripts/policies/p.lua"] = [[return tide.policy {
      route = function() return { model = "smart", pick = "cost" } end,
      cost = function(lane, req)
        assert(lane.credential == "1" and lane.target == lane.provider .. "/" .. lane.model)
        return lane.provider == "b" and 1 or tonumber(lane.model) + 1
      end,
    }]] })
    local seen = {}
    for _ = 1, 200 do
      seen[tried(ask("x", fake.status(500), fake.status(500), fake.ok()))] = true
    end
    assert.same({ ["a/1 a/2 b/3"] = true, ["b/3 a/1 a/2"] = true }, seen)
  end)

  it("falls back when a cost is no number", function()
    for _, cost in ipairs({ '"cheap"', "nil", "0 / 0" }) do
      policy([[route = function() return { model = "smart", pick = "cost" } end,
        cost = function() return ]] .. cost .. " end")
      assert.equal("a/m", tried(ask("smart", fake.ok())))
      assert.matches("cost must return a number", core.logged[1])
    end
  end)

  it("goes by the model that route has put into the body", function()
    policy('route = function(req) req.body:set("model", "b/other") end')
    local req = ask("smart", fake.ok())
    assert.equal("b/other", tried(req))
    policy('route = function(req) req.body:set("model", 1) end')
    assert.equal(500, ask("smart").replied.status)
    assert.matches("the changed body: model must be a string", core.logged[1])
  end)

  it("is not asked where the models go that it asks itself", function()
    policy('route = function() return { model = "b/x" } end')
    local outer
    local req = fake.request({ body = '{"model":"smart","messages":[]}' }, function(_, asked)
      outer = asked.context
      return fake.ok()
    end)
    local dialect = gen.dialects["openai-chat"]
    require("tide.scripted").serve(gen, req, support.CHAT, dialect, "app")
    assert.equal("b/x", tried(req))
    assert.equal("a/m", tried(ask({ model = "smart", outer = outer }, fake.ok())))
    assert.equal("b/x", tried(ask({ model = "smart", outer = { gen = gen } }, fake.ok())))
  end)

  it("sets fields of the body", function()
    policy('route = function() return { model = "a/m", params = { seed = 1, stop = {"x"} } } end')
    local req = ask("x", fake.ok())
    assert.same({ "model", '"m"', "seed", "1", "stop", '["x"]' }, req.attempts[1].edits)
  end)

  it("tells on_finish how it ended, when the request is over", function()
    policy([[on_finish = function(req, sum)
      error(table.concat({ req.model, sum.outcome, sum.status, sum.target, sum.usage.input,
        #sum.attempts, sum.attempts[1].target, sum.attempts[1].outcome, sum.attempts[1].ms,
        sum.ttft, sum.duration }, " "), 0)
    end]])
    ask("smart", fake.ok())
    assert.same({}, core.logged)
    core.in_background[1]()
    assert.matches("on_finish of policy 'p' failed: "
      .. "smart ok 200 a/m 11 2 a/m#1 500 3 0.5 2", core.logged[1])
  end)

  it("leaves on_finish out when too much runs in the background", function()
    policy("on_finish = function() end")
    core.background = function() return nil, { kind = "overloaded", message = "too many" } end
    ask("smart", fake.ok())
    assert.matches("^warn on_finish of policy 'p' was left out: too many", core.logged[1])
  end)

  it("shows `cost` what a lane's model costs and can read, for it to keep", function()
    load({
      policy = "p", models = { smart = { targets = { "a/1", "b/2" } } },
      prices = { ["a/1"] = { input = 3, output = 6, image = 1 }, ["b/2"] = { input = 2 } },
    }, { ["scripts/policies/p.lua"] = [[return tide.policy {
      route = function() return { model = "smart", pick = "cost" } end,
      cost = function(lane, req)
        local price = lane.price.input
        assert(lane.price.image == (lane.provider == "a" and 1 or nil))
        assert(lane.context == nil)
        lane.price.input = 0
        return price
      end,
    }]] })
    for _ = 1, 3 do assert.equal("b/2", tried(ask("x", fake.ok()))) end
  end)
end)
