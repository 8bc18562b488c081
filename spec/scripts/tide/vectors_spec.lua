local fake = require("spec.support.fake_core")

describe("vectors of an answer", function()
  local core, vectors

  before_each(function()
    core = fake.install({})
    vectors = require("tide.vectors")
  end)

  local function problem(list, rq, kinds)
    local err = vectors.problem({ vectors = list, kinds = kinds }, rq or {}, 2)
    if err then assert.equal("protocol", err.kind) end
    return err and err.message
  end

  it("are one for each input", function()
    local one = core.raw("[1]")
    assert.is_nil(problem({ one, one }))
    assert.is_nil(problem({ { 1, 2 }, { base64 = "AACAPw==" } }))
    assert.truthy(problem({ one }):find("1 embeddings for 2 inputs", 1, true))
    assert.truthy(problem({ one, one, one }))
    assert.truthy(problem({}))
    assert.truthy(problem(nil))
  end)

  it("are numbers", function()
    for _, text in ipairs({ "[]", "{}", "[null]", '["x"]', "[[1]]" }) do
      local message = problem({ core.raw("[1]"), core.raw(text) })
      assert.truthy(message:find("embedding 1 of the answer", 1, true), text)
    end
    for _, text in ipairs({ "", "AAAA", "!!!!" }) do
      assert.truthy(problem({ { base64 = text }, core.raw("[1]") }))
    end
  end)

  it("are of the kinds that were asked for", function()
    local one = core.raw("[1]")
    local rq = { types = { "float", "int8" }, kinds = { "int8" } }
    assert.is_nil(problem({ one, one }, rq, { int8 = { one, one } }))
    assert.truthy(problem({ one, one }, rq, { int8 = { one } }))
    assert.truthy(problem({ one, one }, rq))
    assert.truthy(problem({}, rq, { int8 = { one, one } }))
    assert.is_nil(problem({}, { types = { "int8" }, kinds = { "int8" } }, { int8 = { one, one } }))
  end)
end)
