local entry

describe("tide.model_entry", function()
  before_each(function()
    require("spec.support.fake_core").install()
    entry = require("tide.model_entry")
  end)

  it("lays one over the other field by field", function()
    assert.same({ context = 9, max_output = 2, caps = { "tools" } },
      entry.merged({ context = 1, max_output = 2 }, { context = 9, caps = { "tools" } }))
    local one = { context = 1 }
    assert.equal(one, entry.merged(one, nil))
    assert.equal(one, entry.merged(nil, one))
    assert.is_nil(entry.merged(nil, nil))
  end)

  it("takes prices as one thing: where some are said no others are left", function()
    local known = {
      context = 1, input = 2, output = 8, cached = 1, cache_write = 3, reasoning = 9,
      tiers = { { above = 5, input = 4 } },
    }
    assert.same({ context = 1, input = 3, output = 4 },
      entry.merged(known, { input = 3, output = 4 }))
    assert.same({ context = 7, input = 2, output = 8, cached = 1, cache_write = 3, reasoning = 9,
      tiers = known.tiers }, entry.merged(known, { context = 7 }))
    assert.equal(1, known.context)
  end)

  it("tells that a model thinks from what its thoughts cost", function()
    assert.equal(9, entry.merged({ input = 1, reasoning = 9 }, { reasoning = true }).reasoning)
    assert.is_true(entry.merged({}, { reasoning = true }).reasoning)
    assert.same({ input = 1, reasoning = 9 }, entry.prices_of({ input = 1, reasoning = 9 }))
    assert.same({ input = 1 }, entry.prices_of({ input = 1, reasoning = true }))
    assert.is_nil((entry.prices_of({ reasoning = true, context = 1 })))
    assert.same({ { image = 4 }, false }, { entry.prices_of({ reasoning = true, image = 4 }) })
  end)

  it("says what is wrong", function()
    local function problem(value) return (entry.problem(value)) end
    assert.is_nil(problem({}))
    assert.is_nil(problem({ input = 0, output = 0, context = 2e6, image = 0.04 }))
    assert.equal("context", problem({ context = -1 }))
    assert.equal("image", problem({ image = 0 / 0 }))
    assert.equal("input", problem({ input = math.huge }))
    assert.equal("input", problem({ cached = 1 }))
    local tiers = {}
    for i = 1, 8 do tiers[i] = { above = i, input = 1 } end
    assert.equal("tiers", problem({ input = 1, tiers = tiers }))
    assert.equal("tiers", problem({ input = 1, tiers = { { above = 5 }, { above = 5 } } }))
  end)
end)
