local chooser

local NEXT = { action = "next" }

local function lanes(...)
  local list = {}
  for i, credential in ipairs({ ... }) do list[i] = { credential = credential } end
  return list
end

local function half() return 0.5 end

local function new(list, attempts, deadline)
  return chooser.new(list, attempts or 6, deadline or 1000, half)
end

-- The order in which lanes are tried when every try ends with `verdict`; the clock follows waits.
local function order(choose, verdict)
  local result, now = {}, 0
  while true do
    local index, wait = choose:next(now)
    if not index then return result end
    now = now + wait
    result[#result + 1] = index
    choose:failed(index, verdict, now)
  end
end

describe("tide.chooser", function()
  before_each(function()
    require("spec.support.fake_core").install()
    chooser = require("tide.chooser")
  end)

  it("tries every lane once, in order, without waiting", function()
    local choose = new(lanes("a", "b", "c"))
    for expected = 1, 3 do
      local index, wait, fresh = choose:next(0)
      assert.same({ expected, 0, false }, { index, wait, fresh })
      choose:failed(index, NEXT, 0)
    end
  end)

  it("stops when the attempts are used up", function()
    assert.same({ 1, 2, 3 }, order(new(lanes("a", "b", "c", "d"), 3), NEXT))
  end)

  it("comes back to the lane that is ready soonest, after a back-off", function()
    local choose = new(lanes("a", "b"))
    choose:failed((choose:next(0)), NEXT, 0)
    choose:failed((choose:next(1)), NEXT, 1)
    local index, wait = choose:next(1)
    assert.equal(1, index)
    assert.equal(0, wait) -- 0.125 s of back-off passed while the other was tried
  end)

  it("doubles the back-off of a lane up to two seconds, with full jitter", function()
    local choose, waits, now = new(lanes("a"), 7), {}, 0
    for _ = 1, 7 do
      local index, wait = choose:next(now)
      waits[#waits + 1] = wait
      now = now + wait
      choose:failed(index, NEXT, now)
    end
    assert.same({ 0, 0.125, 0.25, 0.5, 1, 1, 1 }, waits)
  end)

  it("waits as long as a lane asks for, up to two seconds", function()
    local choose = new(lanes("a"))
    choose:failed((choose:next(0)), { action = "next", retry_after = 1.5 }, 0)
    local index, wait = choose:next(0)
    assert.same({ 1, 1.5 }, { index, wait })
  end)

  it("closes a lane that asks for more", function()
    local choose = new(lanes("a", "b"))
    choose:failed((choose:next(0)), { action = "next", retry_after = 2.1 }, 0)
    choose:failed((choose:next(0)), NEXT, 0)
    assert.equal(2, (choose:next(0)))
  end)

  it("never returns to a lane that is given up", function()
    assert.same({ 1, 2 }, order(new(lanes("a", "b")), { action = "never" }))
  end)

  it("gives up every lane of a refused credential", function()
    local choose = new(lanes("a", "b", "a"))
    choose:failed((choose:next(0)), { action = "credential" }, 0)
    assert.equal(2, (choose:next(0)))
    choose:failed(2, { action = "never" }, 0)
    assert.is_nil((choose:next(0)))
  end)

  it("sends again at once and fresh when a pooled connection had died, as an attempt", function()
    local choose = new(lanes("a", "b"), 2)
    choose:failed((choose:next(0)), { action = "again" }, 0)
    local index, wait, fresh = choose:next(0)
    assert.same({ 1, 0, true }, { index, wait, fresh })
    choose:failed(index, NEXT, 0)
    assert.is_nil((choose:next(0)))
  end)

  it("does not begin anything at or behind the deadline", function()
    local choose = new(lanes("a", "b"), 6, 10)
    choose:failed((choose:next(9)), NEXT, 9)
    assert.is_nil((choose:next(10)))
  end)

  it("does not wait for a lane that is ready only behind the deadline", function()
    local choose = new(lanes("a"), 6, 1)
    choose:failed((choose:next(0)), { action = "next", retry_after = 1.5 }, 0)
    assert.is_nil((choose:next(0)))
  end)

  it("is at its end when the total time has run out", function()
    local choose = new(lanes("a", "b"))
    choose:failed((choose:next(0)), { action = "next", phase = "total" }, 0)
    assert.is_nil((choose:next(0)))
  end)

  local function windows(...)
    local list = lanes("a", "b", "c", "d")
    for i = 1, 4 do list[i].window = (select(i, ...)) or nil end
    return list, function(lane) return lane.window end
  end

  it("T-22 goes on with lanes only that are known to read more", function()
    local list, window_of = windows(100, 100, false, 200)
    local choose = new(list)
    assert.is_true(choose:outgrown((choose:next(0)), window_of))
    assert.same({ 4, 0, false }, { choose:next(0) })
    assert.is_false(choose:outgrown(4, window_of))
    assert.is_nil((choose:next(0)))
  end)

  it("T-22 comes back to a larger one that has failed, after its back-off", function()
    local list, window_of = windows(200, 100, 50)
    local choose = new(list)
    choose:failed((choose:next(0)), NEXT, 0)
    assert.is_true(choose:outgrown((choose:next(0)), window_of))
    assert.same({ 1, 0.125, false }, { choose:next(0) })
  end)

  it("T-22 has no larger one where the refusing one's size is not known, or the larger is closed",
    function()
      local list, window_of = windows(false, 200)
      local choose = new(list)
      assert.is_false(choose:outgrown((choose:next(0)), window_of))
      list, window_of = windows(200, 100)
      choose = new(list)
      choose:failed((choose:next(0)), { action = "never" }, 0)
      assert.is_false(choose:outgrown((choose:next(0)), window_of))
    end)
end)
