local fake = require("spec.support.fake_core")

local DIALECT = [[
return tide.dialect {
  name = "odd", framing = "%s", %s
  watch = { content = { "text" } },
  decode_request = function(body) return body end,
  encode_request = function(rq) return rq end,
  decode_answer = function() end, encode_answer = function() return {} end,
  decode_event = function() end, encode_event = function() end,
  error_body = function(err) return err.message end,
  error_event = function(err) %s end,
}
]]

-- A dialect's file, loaded as a user's.
local function load(framing, more, error_event)
  fake.install({
    files = { ["adapters/dialects/odd.lua"] = DIALECT:format(framing, more or "",
      error_event or 'return "[" .. err.message .. "]", err.name') },
  })
  return require("tide.adapters").load().dialects.odd
end

describe("tide.framing", function()
  local framing

  before_each(function()
    fake.install()
    framing = require("tide.framing")
  end)

  local function written(name, ...)
    local out = {}
    local write = framing.writer(name, out)
    for _, event in ipairs({ ... }) do write(event[1], event[2]) end
    return table.concat(out)
  end

  local RAW

  before_each(function()
    RAW = { a = require("core").raw("[\n1\r\n]") }
  end)

  it("writes server-sent events with their names, each on a line", function()
    assert.equal('event: n\ndata: {"b":1}\n\ndata: text\n\ndata: {"a":[ 1  ]}\n\n',
      written("sse", { { b = 1 }, "n" }, { "text" }, { RAW }))
  end)

  it("writes a line of JSON for each event", function()
    assert.equal('{"b":1}\n"text"\n{"a":[ 1  ]}\n[ 1  ]\n',
      written("ndjson", { { b = 1 }, "n" }, { '"text"' }, { RAW }, { "[\n1\r\n]" }))
  end)

  it("writes a frame for each event, as it is", function()
    assert.equal('\1n\2{"b":1}\3\1m\2{"a":[\n1\r\n]}\3',
      written("aws-eventstream", { { b = 1 }, "n" }, { RAW, "m" }))
  end)

  it("takes an adapter's word for the first of its dialects", function()
    local first, second = { framing = "sse" }, { framing = "ndjson" }
    local adapter = { dialect = first, framing = "aws-eventstream" }
    assert.equal("aws-eventstream", framing.of(adapter, first))
    assert.equal("ndjson", framing.of(adapter, second))
    assert.equal("sse", framing.of({ dialect = first }, first))
  end)

  describe("of a dialect", function()
    local err = { message = "no", name = "slowException", type = "t" }

    it("is that of server-sent events where it does not say", function()
      local chat = require("tide.adapters").load().dialects["openai-chat"]
      assert.same({ "sse", "text/event-stream" }, { chat.framing, chat.content_type })
    end)

    it("says the type of its streams, if the dialect does not", function()
      assert.equal("application/x-ndjson", load("ndjson").content_type)
      assert.equal("application/vnd.amazon.eventstream", load("aws-eventstream").content_type)
      assert.equal("text/x", load("ndjson", 'content_type = "text/x",').content_type)
    end)

    it("is what its error events get", function()
      assert.equal("[no]", framing.error_event(load("sse"), err))
      assert.equal("[no]\n", framing.error_event(load("ndjson"), err))
      assert.equal("\1!slowException\2[no]\3", framing.error_event(load("aws-eventstream"), err))
      assert.equal("\1!internalServerException\2[no]\3",
        framing.error_event(load("aws-eventstream"), { message = "no" }))
    end)

    it("is what an error gets when the dialect's function fails", function()
      local said = '{"error":{"message":"no","type":"t"}}'
      for name, expected in pairs({
        sse = "data: " .. said .. "\n\n", ndjson = said .. "\n",
        ["aws-eventstream"] = "\1!internalServerException\2" .. said .. "\3",
      }) do
        assert.equal(expected, framing.error_event(load(name, nil, 'error("oh")'), err))
        assert.equal(expected, framing.error_event(load(name, nil, "return 7"), err))
      end
    end)

    it("decides how a lane serves its own clients", function()
      local ways = require("tide.ways")
      local dialect = { name = "d", framing = "ndjson", serves = true, speaks = true,
        paths = { chat = "/" } }
      local function way(own)
        local adapter = { dialect = dialect, framing = own, serve = print, ops = {}, usages = {} }
        return ways.find({
          ways = {}, family = {}, provider = { dialects = { d = dialect }, adapter = adapter },
        }, "chat", dialect)
      end
      assert.is_false(way(nil).translates_answer)
      assert.is_false(way("ndjson").translates_answer)
      assert.is_true(way("sse").translates_answer)
      assert.is_falsy(way("sse").translates_request)
    end)
  end)
end)
