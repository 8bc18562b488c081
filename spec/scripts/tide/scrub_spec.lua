local core, scrub

describe("tide.scrub", function()
  before_each(function()
    core = require("spec.support.fake_core").install()
    function core.redact(text) return (text:gsub("the%-key", "***")) end
    scrub = require("tide.scrub")
  end)

  it("takes out keys, accounts and addresses, and keeps the length", function()
    local text = "sk-abc123 org-XYZ proj_9 gsk_a AIzaB Bearer abc.def= me.too@example.com "
      .. "arn:aws:bedrock:eu-1:123456789012:x"
    local clean = scrub.text(text)
    assert.equal(#text, #clean)
    for _, gone in ipairs({ "abc123", "XYZ", "123456789012", "me.too", "abc.def" }) do
      assert.is_nil(clean:find(gone, 1, true))
    end
    assert.equal(clean, scrub.text(clean))
    assert.equal("task-force, risk-free", scrub.text("task-force, risk-free"))
  end)

  it("keeps of the headers what says nothing about who asked", function()
    assert.same({ ["content-type"] = "a/b", ["retry-after"] = "7" }, scrub.headers({
      ["content-type"] = "a/b", ["Retry-After"] = "7", ["set-cookie"] = "x",
      ["openai-organization"] = "y", ["x-request-id"] = "z",
    }))
  end)

  it("keeps the sizes of the pieces where it can", function()
    local bytes, sizes = scrub.pieces({ "org-", "abc ", "def" }, false)
    assert.equal("org-xxx def", bytes)
    assert.same({ 4, 4, 3 }, sizes)
    bytes, sizes = scrub.pieces({ "is the-", "key" }, false)
    assert.equal("is ***", bytes)
    assert.same({ 6 }, sizes)
  end)

  it("does not break checksums", function()
    assert.is_nil((scrub.pieces({ "org-abc" }, true)))
    assert.equal("frame", (scrub.pieces({ "frame" }, true)))
  end)

  it("knows a key that was left", function()
    assert.is_true(scrub.holds_key("x the-key"))
    assert.is_false(scrub.holds_key("x"))
  end)
end)
