local SSE = "event: a\ndata: {\"x\":1}\n\n: note\n\ndata: [DONE]\n\n"
local LINES = "{\"a\":1}\n{\"b\":2}\n"

describe("tide.kit_bytes", function()
  local bytes

  before_each(function()
    require("spec.support.fake_core").install()
    bytes = require("tide.kit_bytes")
  end)

  it("takes a stream apart without losing a byte", function()
    assert.same({ "event: a\ndata: {\"x\":1}\n\n", ": note\n\n", "data: [DONE]\n\n" },
      bytes.events("sse", SSE))
    assert.same({ "{\"a\":1}\n", "{\"b\":2}\n" }, bytes.events("ndjson", LINES))
    assert.same({ "{\"a\":1}\n", "{\"b\"" }, bytes.events("ndjson", "{\"a\":1}\n{\"b\""))
    local frame = "\0\0\0\6ab"
    assert.same({ frame, frame, "\0\0" }, bytes.events("aws-eventstream", frame .. frame .. "\0\0"))
  end)

  it("splits where it is told to", function()
    assert.same({ "ab", "c" }, bytes.split("abc", 2))
    assert.same({ "a", "b", "c" }, bytes.single("abc"))
    assert.same({ "ab", "", "c" }, bytes.sized("abc", { 2, 0, 1 }))
  end)

  it("splits everywhere, or at the ends of events and evenly", function()
    assert.same({ 1, 2, 3 }, bytes.places({ "ab", "cd" }, 10))
    local long = { ("x"):rep(500), ("y"):rep(500) }
    local places, has = bytes.places(long, 50), {}
    for _, at in ipairs(places) do has[at] = true end
    for at = 497, 501 do assert.is_true(has[at]) end
    assert.is_true(#places < 70)
    assert.is_nil(has[0])
    assert.is_nil(has[1000])
  end)

  it("tells the same in other ways", function()
    local function told(framing, text)
      local list = {}
      for _, variant in ipairs(bytes.variants(framing, text, bytes.events(framing, text))) do
        list[variant[1]] = variant[2]
      end
      return list
    end
    local sse = told("sse", "data: 1\n\n")
    assert.equal("data: 1\r\n\r\n", sse["with CRLF for each line"])
    assert.equal("data: 1\r\r", sse["with CR for each line"])
    assert.equal(": ping\n\ndata: 1\n\n", sse["with comments"])
    assert.equal("data:1\n\n", sse["without spaces behind the colons"])
    assert.equal("data: 1\n", sse["without the last blank line"])
    local lines = told("ndjson", LINES)
    assert.equal("{\"a\":1}\r\n{\"b\":2}\r\n", lines["with CRLF for each line"])
    assert.equal("{\"a\":1}\n\n{\"b\":2}\n\n", lines["with empty lines"])
    assert.equal("{\"a\":1}\n{\"b\":2}", lines["without its last newline"])
    assert.same({}, told("aws-eventstream", "x"))
  end)

  it("changes the JSON of an event and nothing else of it", function()
    local function upper(data) return data:upper() end
    assert.equal("id: 1\ndata: {\"A\":1}\n\n",
      bytes.changed("sse", "id: 1\ndata: {\"a\":1}\n\n", upper))
    assert.equal("{\"A\":1}\r\n", bytes.changed("ndjson", "{\"a\":1}\r\n", upper))
    assert.is_nil(bytes.changed("sse", "data: [DONE]\n\n", upper))
    assert.is_nil(bytes.changed("sse", "data: {\"a\":1}\n\n", function() end))
    assert.equal('{"a":1,"tidegate_null":null}', bytes.with_null('{"a":1}'))
    assert.equal('{"tidegate_null":null}', bytes.with_null("{ }"))
  end)

  it("leaves events out, replaces them and puts others between", function()
    local events = { "a", "b", "c" }
    assert.same({ "a", "c" }, bytes.with(events, 2))
    assert.same({ "a", "x", "c" }, bytes.with(events, 2, "x"))
    assert.equal("-a-b-c", bytes.before_each(events, "-"))
  end)
end)
