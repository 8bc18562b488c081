local fake = require("spec.support.fake_core")

describe("canonical", function()
  local core, canonical

  before_each(function()
    core = fake.install()
    canonical = require("tide.canonical")
  end)

  describe("wrap", function()
    local BYTES = {}
    for i = 0, 255 do BYTES[#BYTES + 1] = string.char(i) end
    BYTES = table.concat(BYTES)

    it("gives back what it was given, byte for byte", function()
      for _, signature in ipairs({ "", "a", "EqQBCkYIBxgCKkA=", "a:b:c", "tidegate:x:y", BYTES }) do
        for length = 0, 2 do
          local given = signature .. ("x"):rep(length)
          local format, back = canonical.unwrap(canonical.wrap("anthropic", given))
          assert.equal("anthropic", format)
          assert.equal(given, back)
        end
      end
    end)

    it("makes standard base64, the same each time", function()
      local text = canonical.wrap("openai", BYTES)
      assert.matches("^[%w+/]+=?=?$", text)
      assert.equal(0, #text % 4)
      assert.equal(text, canonical.wrap("openai", BYTES))
    end)

    it("is known again after a client has read and written its bytes", function()
      local text = canonical.wrap("openai", BYTES)
      local _, back = canonical.unwrap((text:gsub("+", "-"):gsub("/", "_"):gsub("=", "")))
      assert.equal(BYTES, back)
    end)

    it("leaves any other text alone", function()
      for _, text in ipairs({
        "", "EqQBCkYIBxgCKkA=", "dGlkZWdhdGU6", "dGlkZWdhdGU6OnNpZw==", "dGlkZWdhdGU6!!!!",
        "dGlkZWdhdGU6bm9jb2xvbg==",
      }) do
        local format, back = canonical.unwrap(text)
        assert.is_nil(format)
        assert.equal(text, back)
      end
      assert.is_nil((canonical.unwrap(nil)))
      assert.is_nil((canonical.unwrap(core.null)))
    end)

    it("nests", function()
      local _, once = canonical.unwrap(canonical.wrap("a", canonical.wrap("b", "sig")))
      assert.same({ "b", "sig" }, { canonical.unwrap(once) })
    end)
  end)

  describe("media", function()
    it("takes data: URLs apart and puts them together", function()
      assert.same({ "image/png", "iVBO" },
        { canonical.parse_data_url("data:image/png;base64,iVBO") })
      assert.same({ "text/plain", "YQ==" },
        { canonical.parse_data_url("data:text/plain;charset=utf-8;base64,YQ==") })
      assert.same({ "text/plain", "YSBi" }, { canonical.parse_data_url("data:,a%20b") })
      assert.same({ "image/png", "iV+/" },
        { canonical.parse_data_url("DATA:IMAGE/PNG;BASE64,iV%2B%2f") })
      assert.equal("data:image/png;base64,iVBO", canonical.data_url("image/png", "iVBO"))
    end)

    it("does not take other addresses for data", function()
      assert.is_nil((canonical.parse_data_url("https://example.com/a,b")))
      assert.is_nil((canonical.parse_data_url("data:image/png")))
      assert.is_nil((canonical.parse_data_url(nil)))
    end)

    it("knows formats of sound by both names", function()
      assert.equal("audio/mpeg", canonical.audio_mime("mp3"))
      assert.equal("mp3", canonical.audio_format("audio/mpeg"))
      assert.equal("wav", canonical.audio_format("audio/x-wav"))
      assert.equal("pcm16", canonical.audio_format("audio/L16;codec=pcm;rate=24000"))
      assert.equal("audio/new", canonical.audio_mime("new"))
      assert.equal("new", canonical.audio_format("audio/new"))
      assert.is_nil(canonical.audio_format("image/png"))
    end)
  end)

  it("joins the text of parts", function()
    assert.equal("ab", canonical.text({
      { type = "text", text = "a" }, { type = "image", url = "u" }, { type = "text", text = "b" },
    }))
    assert.equal(4, canonical.length("aé\226\130\172\240\159\152\128"))
  end)

  describe("arguments", function()
    it("are text of an object, and stay as they are when they are one", function()
      for _, text in ipairs({ "{}", ' { "b" : 1, "a" : 2 } ' }) do
        assert.same({ text, true }, { canonical.arguments(text) })
      end
      assert.same({ '{"z":1}', true }, { canonical.arguments(core.raw('{"z":1}')) })
      assert.same({ '{"z":1}', true }, { canonical.arguments({ z = 1 }) })
    end)

    it("are an empty object when there are none", function()
      for _, nothing in ipairs({ "", "null", core.null }) do
        assert.same({ "{}", true }, { canonical.arguments(nothing) })
      end
      assert.same({ "{}", true }, { canonical.arguments(nil) })
    end)

    it("that are no object are kept inside of one", function()
      assert.same({ '{"arguments":[1]}', false }, { canonical.arguments("[1]") })
      assert.same({ '{"arguments":"{\\"cut"}', false }, { canonical.arguments('{"cut') })
      assert.same({ '{"arguments":7}', false }, { canonical.arguments(7) })
    end)
  end)

  describe("ids of tool calls", function()
    it("are made up the same each time, and unlike for unlike calls", function()
      assert.equal(canonical.call_id(1, "f"), canonical.call_id(1, "f"))
      assert.are_not.equal(canonical.call_id(1, "f"), canonical.call_id(2, "f"))
      assert.matches("^call_[%w]+$", canonical.call_id(1, "f"))
    end)

    it("stay when a provider accepts them", function()
      assert.equal("toolu_01-A", canonical.tool_ids()("toolu_01-A"))
      assert.equal("abcDEF123", canonical.tool_ids({ exact = 9 })("abcDEF123"))
    end)

    it("become what a provider accepts, the same for the same", function()
      local ids = canonical.tool_ids()
      local new = ids("functions.get weather:0")
      assert.matches("^[%w_-]+$", new)
      assert.equal(new, ids("functions.get weather:0"))
      assert.are_not.equal(new, ids("functions.get_weather:0"))
      assert.equal(new, canonical.tool_ids()("functions.get weather:0"))
      assert.is_true(#ids(("x"):rep(300)) <= 64)
      assert.equal(40, #canonical.tool_ids({ max = 40 })(("x"):rep(300)))
      assert.matches("^%w%w%w%w%w%w%w%w%w$", canonical.tool_ids({ exact = 9 })("call_abc"))
      assert.matches("^[%w_-]+$", ids(""))
      assert.matches("^[%w_-]+$", ids(nil))
    end)

    it("end even where there are not enough of them", function()
      local ids = canonical.tool_ids({ exact = 1 })
      for i = 1, 100 do assert.equal(1, #ids("call " .. i)) end
    end)

    it("never become the same for two calls", function()
      core.hash.xxh64 = function(_, seed) return ("%016x"):format(seed or 0):reverse() end
      local ids = canonical.tool_ids({ exact = 9 })
      assert.are_not.equal(ids("a b"), ids("c d"))
      local first = canonical.tool_ids({ exact = 9 })("a b")
      ids = canonical.tool_ids({ exact = 9 })
      assert.equal(first, ids(first))
      assert.are_not.equal(first, ids("a b"))
    end)
  end)
end)
