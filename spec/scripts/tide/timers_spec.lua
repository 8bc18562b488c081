local fake_core = require("spec.support.fake_core")

describe("tide.timer", function()
  local core, timers, api, script

  local function new_script()
    return { path = "scripts/policies/x.lua", name = "x", kind = "policy" }
  end

  local function tide_of(owner)
    local tide = {}
    api(tide, owner)
    return tide
  end

  before_each(function()
    core = fake_core.install({ config = { scripts = { timers = 3 } } })
    timers, api = require("tide.timers"), require("tide.api_tasks")
    script = new_script()
  end)

  local function count(tide, name, seconds, options)
    local runs = { n = 0 }
    local handle = assert(tide.timer[name](seconds, function() runs.n = runs.n + 1 end, options))
    return runs, handle
  end

  it("starts what is made while loading when the generation is committed", function()
    local runs = count(tide_of(script), "after", 5)
    assert.are.equal(0, #core.pending())
    timers.start({ files = { x = { script = script }, other = {} } })
    assert.are.equal(5, core.pending()[1].seconds)
    core.ring()
    assert.are.equal(1, runs.n)
    assert.are.equal(0, #core.pending())
  end)

  it("starts at once what is made later", function()
    timers.start_script(script)
    local got
    local function take(...) got = { n = select("#", ...), ... } end
    tide_of(script).timer.after(1, take, nil, 2)
    core.ring()
    assert.are.same({ n = 2, [2] = 2 }, got)
  end)

  it("runs every time, with an interval that is not too short", function()
    timers.start_script(script)
    local runs = count(tide_of(script), "every", 0)
    for _ = 1, 3 do
      assert.are.equal(0.01, core.pending()[1].seconds)
      core.ring()
    end
    assert.are.equal(3, runs.n)
  end)

  it("spreads its runs by the jitter", function()
    timers.start_script(script)
    count(tide_of(script), "every", 10, { jitter = 0.5 })
    local least, most = math.huge, 0
    for _ = 1, 200 do
      local seconds = core.pending()[1].seconds
      least, most = math.min(least, seconds), math.max(most, seconds)
      core.ring()
    end
    assert.is_true(least >= 5 and least < 7)
    assert.is_true(most <= 15 and most > 13)
  end)

  it("leaves a run out while the last one is under way", function()
    timers.start_script(script)
    local depth, runs = 0, 0
    tide_of(script).timer.every(1, function()
      runs, depth = runs + 1, depth + 1
      assert(depth == 1)
      if runs == 1 then core.ring() end
      depth = depth - 1
    end)
    core.ring()
    assert.are.equal(1, runs)
    core.ring()
    assert.are.equal(2, runs)
  end)

  it("goes on after an error, which is logged with its line", function()
    timers.start_script(script)
    tide_of(script).timer.every(1, function() error("scripts/policies/x.lua:7: oops", 0) end)
    core.ring()
    core.ring()
    assert.are.same({
      "error a timer of scripts/policies/x.lua failed: scripts/policies/x.lua:7: oops",
      "error a timer of scripts/policies/x.lua failed: scripts/policies/x.lua:7: oops",
    }, core.logged)
    assert.are.equal(1, #core.pending())
  end)

  it("runs single ones on the first worker alone", function()
    timers.start_script(script)
    core.worker = 1
    count(tide_of(script), "every", 1, { single = true })
    assert.are.equal(0, #core.pending())
    core.worker = 0
    count(tide_of(script), "every", 1, { single = true })
    assert.are.equal(1, #core.pending())
  end)

  it("stops when another generation takes over", function()
    timers.start_script(script)
    local tide = tide_of(script)
    count(tide, "every", 1)
    timers.stop_script(script)
    assert.are.equal(0, #core.pending())
    count(tide, "after", 1) -- by a request that began before
    assert.are.equal(0, #core.pending())
  end)

  it("goes on in a generation that has kept the file", function()
    local kept, changed = { script = script }, { script = new_script() }
    local first = { files = { kept = kept, changed = changed } }
    count(tide_of(script), "every", 1)
    count(tide_of(changed.script), "every", 2)
    timers.start(first)
    assert.are.equal(2, #core.pending())
    local second = { files = { kept = kept, changed = { script = new_script() } } }
    timers.start(second)
    timers.stop(first, second)
    assert.are.equal(1, #core.pending())
    assert.are.equal(1, core.pending()[1].seconds)
  end)

  it("can be canceled, more than once, and from inside", function()
    timers.start_script(script)
    local _, handle = count(tide_of(script), "after", 1)
    handle:cancel()
    handle:cancel()
    assert.are.equal(0, #core.pending())
    local every
    every = tide_of(script).timer.every(1, function() every:cancel() end)
    core.ring()
    assert.are.equal(0, #core.pending())
  end)

  it("has a limit of pending ones", function()
    timers.start_script(script)
    local tide = tide_of(script)
    local _, first = count(tide, "after", 1)
    for _ = 1, 2 do count(tide, "every", 1) end
    local none, err = tide.timer.after(1, print)
    assert.is_nil(none)
    assert.are.equal("timers", err.limit)
    assert.matches("3 timers %(scripts%.timers%)", err.message)
    first:cancel()
    assert.is_truthy(tide.timer.after(1, print))
  end)

  it("raises over the limit while loading, where nobody looks at results", function()
    core.loading = true
    local tide = tide_of(script)
    for _ = 1, 3 do count(tide, "after", 1) end
    local ok, problem = pcall(function()
      tide.timer.after(1, print)
    end)
    assert.is_false(ok)
    assert.matches("^spec/.*scripts%.timers", problem)
  end)

  it("counts files that never came into force for nothing", function()
    for _ = 1, 5 do count(tide_of(new_script()), "every", 1) end
    timers.start_script(script)
    for _ = 1, 3 do count(tide_of(script), "every", 1) end
    assert.are.equal(3, #core.pending())
  end)

  it("starts no more than the limit when a generation is committed, and says so", function()
    local files = {}
    for i = 1, 2 do
      files[i] = { script = new_script() }
      for _ = 1, 2 do count(tide_of(files[i].script), "every", 1) end
    end
    timers.start({ files = files })
    assert.are.equal(3, #core.pending())
    assert.matches("does not start: .*scripts%.timers", core.logged[1])
  end)

  it("gives the places of a replaced generation back", function()
    for _ = 1, 5 do
      local owner = new_script()
      timers.start_script(owner)
      for _ = 1, 3 do count(tide_of(owner), "every", 1) end
      timers.stop_script(owner)
    end
    assert.are.equal(0, #core.pending())
  end)

  it("blames the caller for wrong arguments", function()
    local tide = tide_of(script)
    local function problem(...)
      local ok, text = pcall(function(...) tide.timer.every(...) end, ...)
      assert.is_false(ok)
      assert.matches("^spec/", text)
      return text
    end
    assert.matches("a number of seconds, not a string", problem("5", print))
    assert.matches("a function, not a nil", problem(5))
    assert.matches("unknown field 'jiter'", problem(5, print, { jiter = 1 }))
    assert.matches("between 0 and 1", problem(5, print, { jitter = 2 }))
  end)
end)
