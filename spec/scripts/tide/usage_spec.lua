local fake = require("spec.support.fake_core")
local usage

describe("tide.usage", function()
  before_each(function()
    fake.install()
    usage = require("tide.usage")
  end)

  it("T-28 knows where OpenAI counts", function()
    local counted = fake.count(usage.compile(), [[{"prompt_tokens":100,"completion_tokens":20,
      "prompt_tokens_details":{"cached_tokens":64,"cache_write_tokens":8},
      "completion_tokens_details":{"reasoning_tokens":16}}]])
    assert.same({ input = 100, output = 20, cached = 64, cache_write = 8, reasoning = 16 }, counted)
  end)

  it("T-28 has a second place for cached tokens", function()
    assert.equal(3, fake.count(usage.compile(), '{"prompt_tokens":5,"cached_tokens":3}').cached)
  end)

  it("takes an adapter's places instead, and keeps the others", function()
    local spec = { cached = { "a", "b.c" }, input = "i", reasoning_excluded = true }
    local compiled = usage.compile(spec)
    assert.same({ "a", "b.c" }, compiled.places.cached)
    assert.same({ "i" }, compiled.places.input)
    assert.same({ "completion_tokens" }, compiled.places.output)
    assert.is_true(compiled.reasoning_excluded)
    assert.is_false(usage.compile().reasoning_excluded)
  end)

  it("adds what the input leaves out", function()
    local compiled = usage.compile({
      input = "i", cached = "c", cache_write = "w", input_more = "m", cache_excluded = true,
    })
    assert.equal(10, fake.count(compiled, '{"i":1,"c":2,"w":3,"m":4}').input)
    assert.is_false(usage.compile().cache_excluded)
  end)

  it("T-28 takes the output from a total, or from reasoning that stands alone", function()
    local compiled = usage.compile({
      input = "i", output = "o", reasoning = "r", total = "t", reasoning_excluded = true,
    })
    assert.equal(5, fake.count(compiled, '{"i":1,"o":2,"r":9,"t":6}').output)
    assert.equal(9, fake.count(compiled, '{"i":1,"r":9}').output)
    assert.is_nil(fake.count(compiled, '{"i":1}').output)
  end)
end)
