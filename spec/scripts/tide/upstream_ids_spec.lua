local fake = require("spec.support.fake_core")

describe("tide.upstream_ids", function()
  local ids

  before_each(function()
    fake.install()
    ids = require("tide.upstream_ids")
  end)

  it("finds the provider's id under each name", function()
    assert.equal("a", ids.of({ ["x-request-id"] = "a", ["request-id"] = "b" }))
    assert.equal("b", ids.of({ ["request-id"] = "b" }))
    assert.equal("c", ids.of({ ["apim-request-id"] = "c" }))
    assert.is_nil(ids.of({}))
    assert.is_nil(ids.of(nil))
  end)

  it("puts it under the name that the client's SDK reads", function()
    assert.same({ ["request-id"] = "a" },
      ids.rename({ ["x-request-id"] = "a" }, "anthropic-messages"))
    assert.same({ ["x-request-id"] = "b", ["retry-after"] = "7" },
      ids.rename({ ["request-id"] = "b", ["retry-after"] = "7" }, "openai-responses"))
    assert.same({ ["x-request-id"] = "a", ["request-id"] = "b" },
      ids.rename({ ["x-request-id"] = "a", ["request-id"] = "b" }, "openai-chat"))
    assert.same({ ["x-request-id"] = "a" }, ids.rename({ ["x-request-id"] = "a" }, "gemini"))
  end)
end)
