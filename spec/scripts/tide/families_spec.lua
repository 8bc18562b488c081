local fake = require("spec.support.fake_core")

local families

local function find(list, model, own, dialects)
  return families.find(families.compile(list, own, dialects or {}), model)
end

describe("tide.families", function()
  before_each(function()
    fake.install()
    families = require("tide.families")
  end)

  it("matches names with stars, and nothing else with magic", function()
    local list = { { models = { "gpt-5*", "o3", "a.b-*-c" }, traits = { hit = true } } }
    for name, is_hit in pairs({
      ["gpt-5"] = true, ["gpt-5.2-mini"] = true, ["gpt-4"] = false, ["my-gpt-5"] = false,
      ["o3"] = true, ["o3-mini"] = false, ["a.b-x-c"] = true, ["aXb-x-c"] = false,
    }) do
      assert.equal(is_hit, find(list, name).traits.hit == true, name)
    end
  end)

  it("takes the first entry that matches", function()
    local list = {
      { models = { "m-1*" }, traits = { n = 1 } }, { models = { "m-*" }, traits = { n = 2 } },
    }
    assert.equal(1, find(list, "m-10").traits.n)
    assert.equal(2, find(list, "m-20").traits.n)
    assert.same({}, find(list, "x").traits)
  end)

  it("adds to the adapter's own params", function()
    local own = { drop = { "a" }, clamp = { t = { 0, 2 } }, default = { x = 1 } }
    local list = { { models = { "m" }, params = { drop = { "b" }, clamp = { t = { 0, 1 } } } } }
    local merged = find(list, "m", own).params
    assert.same({ "a", "b" }, merged.drop)
    assert.same({ 0, 1 }, merged.clamp.t)
    assert.equal(1, merged.default.x)
    assert.same({ "a" }, find(list, "other", own).params.drop)
    assert.is_nil(find(list, "other").params)
  end)

  it("keeps a via to a dialect that the provider speaks, and no other", function()
    local list = { { models = { "m" }, via = { dialect = "x", when = "tools" } } }
    local dialect = { name = "x" }
    assert.equal(dialect, find(list, "m", nil, { x = dialect }).via.dialect)
    assert.is_nil(find(list, "m", nil, { y = dialect }).via)
  end)
end)
