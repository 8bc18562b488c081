local fake = require("spec.support.fake_core")
local usage

describe("tide.usage", function()
  before_each(function()
    fake.install()
    usage = require("tide.usage")
  end)

  local function read(text, spec) return { usage.read(fake.decode(text), usage.compile(spec)) } end

  it("T-28 reads what OpenAI counts", function()
    local counted = read([[{"prompt_tokens":100,"completion_tokens":20,"total_tokens":120,
      "prompt_tokens_details":{"cached_tokens":64,"cache_write_tokens":8},
      "completion_tokens_details":{"reasoning_tokens":16}}]])
    assert.same({ 100, 20, 64, 8, 16 }, counted)
  end)

  it("T-28 reads cached tokens at the top level", function()
    assert.equal(3, select(3, unpack(read('{"prompt_tokens":5,"cached_tokens":3}'))))
  end)

  it("T-28 adds reasoning where the provider leaves it out of the output", function()
    local counted = read([[{"prompt_tokens":466,"completion_tokens":68,
      "completion_tokens_details":{"reasoning_tokens":266}}]], { reasoning_excluded = true })
    assert.equal(334, counted[2])
    assert.equal(266, counted[5])
  end)

  it("T-29 leaves unknown what is not said: never 0", function()
    local input, output, cached = usage.read(nil, usage.compile())
    assert.same({}, { input, output, cached })
    local said = fake.decode('{"prompt_tokens":5,"completion_tokens":null,"x":"y"}')
    input, output = usage.read(said, usage.compile())
    assert.equal(5, input)
    assert.is_nil(output)
  end)

  it("is not confused by other types", function()
    assert.same({}, read('{"prompt_tokens":"5","prompt_tokens_details":7}'))
    assert.same({}, { usage.read("text", usage.compile()) })
    assert.same({}, read('{"prompt_tokens":-1}'))
  end)

  it("follows paths that an adapter names, the first that is there", function()
    local spec = { cached = { "prompt_cache_hit_tokens", "prompt_tokens_details.cached_tokens" } }
    local text = [[{"prompt_tokens":434,"prompt_cache_hit_tokens":384,
      "prompt_tokens_details":{"cached_tokens":1}}]]
    assert.equal(384, read(text, spec)[3])
  end)
end)
