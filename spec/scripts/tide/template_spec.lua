require("spec.support.fake_core").install()
local template = require("tide.template")

describe("tide.template", function()
  it("fills in what the configuration says", function()
    assert.equal("https://r.x/v1/p", template.fill("https://{region}.x/{v}/p", {
      region = "r", v = "v1",
    }))
  end)

  it("takes another field or a text for what is missing", function()
    local known = { deployment = "string?", model = "string?" }
    local path = "/{deployment|model}"
    assert.equal("/d", template.fill(path, { deployment = "d", model = "m" }, known))
    assert.equal("/m", template.fill(path, { model = "m" }, known))
    assert.equal("/2024-10-21", template.fill("/{version|2024-10-21}", {}, known))
    assert.equal("/http://a:1", template.fill("/{url|http://a:1}", {}, known))
  end)

  it("names the first placeholder without a value", function()
    local filled, missing = template.fill("{a}/{b}/{c}", { a = 1 })
    assert.is_nil(filled)
    assert.equal("b", missing)
    filled, missing = template.fill("{a|b}", {}, { b = "string?" })
    assert.is_nil(filled)
    assert.equal("a", missing)
  end)

  it("knows which placeholders a text has", function()
    assert.is_true(template.has("/{model}", "model"))
    assert.is_true(template.has("/{deployment|model}", "model"))
    assert.is_false(template.has("/model", "model"))
    assert.is_false(template.has(nil, "model"))
    assert.is_false(template.has(print, "model"))
  end)

  it("encodes what could be taken for a part of the address", function()
    assert.equal("a%2Fb%3Ac%20%C3%A9@1-._~", template.encode("a/b:c é@1-._~"))
  end)
end)
