local fake_core = require("spec.support.fake_core")

describe("tide.coroutines", function()
  local coroutines, core

  before_each(function()
    core = fake_core.install()
    coroutines = require("tide.coroutines")
  end)

  -- What core.sleep() does when it waits inside of a script's coroutine.
  local function wait()
    return coroutine.yield(core.wait_mark)
  end

  it("works as the standard library does where nothing waits", function()
    local co = coroutines.create(function(a, b)
      local c = coroutines.yield(a + b)
      local d, e = coroutines.yield(c * 2)
      return d, e
    end)
    assert.are.equal("suspended", coroutines.status(co))
    assert.are.same({ true, 3 }, { coroutines.resume(co, 1, 2) })
    assert.are.same({ true, 10 }, { coroutines.resume(co, 5) })
    assert.are.same({ true, "d", "e" }, { coroutines.resume(co, "d", "e") })
    assert.are.equal("dead", coroutines.status(co))
    assert.is_false((coroutines.resume(co)))
  end)

  it("hands over exactly the values that were yielded", function()
    local function count(...) return select("#", ...) end
    assert.are.equal(1, count(coroutines.resume(coroutines.create(function() end))))
    assert.are.equal(3, count(coroutines.resume(coroutines.create(function() return nil, nil end))))
    assert.are.equal(0, count(coroutines.wrap(function() end)()))
  end)

  it("passes a wait outward through each resume, and the answer inward", function()
    local inner = coroutines.wrap(function()
      coroutines.yield("before")
      coroutines.yield(wait())
    end)
    local task = coroutine.create(function()
      local outer = coroutines.create(function() return inner(), inner() end)
      return coroutines.resume(outer)
    end)
    assert.are.same({ true, core.wait_mark }, { coroutine.resume(task) })
    assert.are.same({ true, true, "before", "answer" }, { coroutine.resume(task, "answer") })
  end)

  it("lets generators wait in for loops and across pcall", function()
    local task = coroutine.create(function()
      local seen = {}
      local function numbers()
        for _ = 1, 3 do
          local ok, n = pcall(wait)
          coroutines.yield(ok and n)
        end
      end
      for n in coroutines.wrap(numbers) do seen[#seen + 1] = n end
      return seen
    end)
    coroutine.resume(task)
    coroutine.resume(task, 10)
    coroutine.resume(task, 20)
    assert.are.same({ true, { 10, 20, 30 } }, { coroutine.resume(task, 30) })
  end)

  it("keeps others from resuming a coroutine that waits", function()
    local co
    local task = coroutine.create(function()
      co = coroutines.create(function() return wait() end)
      return coroutines.resume(co)
    end)
    coroutine.resume(task)
    assert.are.equal("normal", coroutines.status(co))
    local ok, problem = coroutines.resume(co, "forged")
    assert.is_false(ok)
    assert.matches("waits", problem)
    assert.are.same({ true, true, "real" }, { coroutine.resume(task, "real") })
  end)

  it("shows a script only coroutines that are its own", function()
    local inside, own
    local task = coroutine.create(function()
      assert(coroutines.running() == nil)
      own = coroutines.create(function() inside = coroutines.running() end)
      coroutines.resume(own)
    end)
    assert(coroutine.resume(task))
    assert.are.equal(own, inside)
  end)

  it("raises what a wrapped function raises", function()
    local err = { kind = "quota" }
    local ok, problem = pcall(coroutines.wrap(function() error(err) end))
    assert.is_false(ok)
    assert.are.equal(err, problem)
  end)

  it("blames the caller for wrong arguments", function()
    for _, name in ipairs({ "create", "wrap", "resume", "status" }) do
      local ok, problem = pcall(function() coroutines[name](5) end)
      assert.is_false(ok)
      assert.matches("^spec/.*bad argument #1 to '" .. name .. "'", problem)
    end
  end)
end)
