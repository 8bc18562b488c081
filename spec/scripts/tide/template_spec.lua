local fake = require("spec.support.fake_core")

describe("tide.template", function()
  local template

  before_each(function()
    fake.install()
    template = require("tide.template")
  end)

  it("finds a placeholder by its name", function()
    assert.is_true(template.has("https://{region}.example", "region"))
    assert.is_true(template.has("/{location|global}/x", "location"))
    assert.is_false(template.has("https://{region}.example", "zone"))
  end)

  it("finds none where there is no text", function()
    assert.is_false(template.has(nil, "region"))
    assert.is_false(template.has(function() return "{region}" end, "region"))
  end)
end)
