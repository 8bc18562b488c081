local fake = require("spec.support.fake_core")

local core, health, script

local function runaway() error({ limit = "cpu" }) end
local function broken() error("oops") end
local function good() return "fine" end

local function run(fn) return (health.run(script, fn)) end

describe("tide.health", function()
  before_each(function()
    core = fake.install()
    health = require("tide.health")
    script = health.new("scripts/policies/x.lua")
  end)

  it("hands over results and errors", function()
    assert.same({ true, "fine" }, { health.run(script, good) })
    local ok, err = health.run_now(script, broken)
    assert.is_false(ok)
    assert.equal("script", err.kind)
  end)

  it("takes a script out of service after three runaways in a row, and says so once", function()
    for _ = 1, 3 do run(runaway) end
    local ok, err = health.run(script, good)
    assert.same({ false, "out_of_service" }, { ok, err.limit })
    assert.is_false((health.run_now(script, good)))
    assert.equal(1, #core.logged)
    assert.matches("^error scripts/policies/x.lua.*OUT OF SERVICE", core.logged[1])
    assert.same({ "scripts/policies/x.lua" }, core.bad_scripts)
  end)

  it("counts runaways in a row only, and ordinary errors not at all", function()
    for _ = 1, 2 do run(runaway) end
    run(good)
    for _ = 1, 2 do run(runaway) end
    run(broken)
    for _ = 1, 2 do run(runaway) end
    assert.is_true(run(good))
    for _ = 1, 9 do run(broken) end
    assert.is_true(run(good))
  end)

  it("reports a script once when five calls and a fifth of all have failed", function()
    for _ = 1, 20 do run(good) end
    for _ = 1, 5 do run(broken) end
    assert.same({}, core.bad_scripts) -- 5 of 25
    for _ = 1, 9 do run(broken) end
    assert.same({ "scripts/policies/x.lua" }, core.bad_scripts)
  end)

  it("does not report a few failures, however many calls there were", function()
    for _ = 1, 4 do run(broken) end
    assert.same({}, core.bad_scripts)
  end)
end)
