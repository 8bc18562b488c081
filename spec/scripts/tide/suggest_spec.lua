local suggest

describe("tide.suggest", function()
  before_each(function()
    require("spec.support.fake_core").install()
    suggest = require("tide.suggest")
  end)

  it("finds a name with a letter wrong, missing, doubled or swapped", function()
    local names = { "openai", "groq", "mistral" }
    assert.equal("openai", suggest.nearest("opnai", names))
    assert.equal("openai", suggest.nearest("oepnai", names))
    assert.equal("mistral", suggest.nearest("misstral", names))
    assert.equal("groq", suggest.nearest("Groq", names))
  end)

  it("stays silent when nothing is near", function()
    assert.is_nil(suggest.nearest("zebra", { "openai", "groq" }))
    assert.equal("", suggest.hint("zebra", { "openai" }))
    assert.is_nil(suggest.nearest(string.rep("x", 1000), { "x" }))
  end)

  it("writes the hint as a question", function()
    assert.equal(" (did you mean 'drop'?)", suggest.hint("drpo", { "drop", "rename" }))
  end)
end)
