local fake = require("spec.support.fake_core")

describe("canonical_grammar", function()
  local grammar, seen, checked

  before_each(function()
    fake.install()
    grammar = require("tide.canonical_grammar")
    seen = {}
    checked = grammar.new(function(event) seen[#seen + 1] = event end, ("0123456789abcdef"):rep(2))
  end)

  -- Emits { type, fields } in order, ends, and returns what the encoder saw, without the start.
  local function through(...)
    for _, event in ipairs({ ... }) do checked.emit(event[1], event[2]) end
    checked.finish()
    assert.equal("start", seen[1].type)
    local rest = {}
    for i = 2, #seen do rest[i - 1] = seen[i] end
    return rest
  end

  local function text(delta, choice) return { "text", { delta = delta, choice = choice } } end
  local function tool(i, id, name) return { "tool_start", { i = i, id = id, name = name } } end
  local function args(i, delta) return { "tool_args", { i = i, delta = delta } } end
  local function finish(reason, choice)
    return { "finish", { reason = reason, choice = choice } }
  end

  -- "start f(1) args ..." of what the encoder saw, for what is about order.
  local function told(events)
    local words = {}
    for i, event in ipairs(events) do
      local what = event.delta or event.name or event.reason or event.what or ""
      words[i] = event.type .. (event.i and event.i or "") .. (what ~= "" and ":" .. what or "")
    end
    return table.concat(words, " ")
  end

  it("gives calls of one id different ones", function()
    local seen_ids = {}
    for _, event in ipairs(through(tool(1, "a", "f"), args(1, "{}"), tool(2, "a", "g"),
      args(2, "{}"), tool(3, "b", "h"), args(3, "{}"))) do
      if event.type == "tool_start" then seen_ids[#seen_ids + 1] = event.id end
    end
    assert.same({ "a", "a_2", "b" }, seen_ids)
  end)

  it("lets what is in order pass", function()
    assert.same({
      { type = "text", delta = "hi" },
      { type = "finish", reason = "stop", raw = "end_turn" },
      { type = "usage", input = 3, output = 1 },
    }, through({ "start", { id = "x", model = "m" } }, text("hi"),
      { "finish", { reason = "stop", raw = "end_turn" } }, { "usage", { input = 3, output = 1 } }))
    assert.same({ type = "start", id = "x", model = "m" }, seen[1])
  end)

  it("hands a piece of text on without a copy", function()
    local piece = { delta = "hi" }
    checked.emit("text", piece)
    assert.equal(piece, seen[2])
  end)

  it("makes a start when there is none", function()
    through(text("hi"), finish("stop"))
    assert.same({ type = "start" }, seen[1])
  end)

  it("takes a start that comes behind the first content for none", function()
    assert.equal("text:hi finish:stop",
      told(through(text("hi"), { "start", { id = "x" } }, finish("stop"))))
  end)

  it("leaves empty pieces out, unless they carry something else", function()
    assert.equal("text reasoning finish:stop", told(through(text(""), { "text" },
      { "reasoning", { delta = "" } }, { "refusal", { delta = 7 } },
      { "text", { signature = "s", format = "gemini" } },
      { "reasoning", { redacted = "r", format = "anthropic" } }, finish("stop"))))
    assert.equal("", seen[2].delta)
  end)

  it("numbers tool calls by their order, whatever they were called", function()
    assert.equal("tool_start1:f tool_args1:{} tool_end1 tool_start2:g tool_args2:{} tool_end2"
      .. " finish:tool_calls",
      told(through(tool(7, "a", "f"), args(7, "{}"), { "tool_end", { i = 7 } },
        tool("x", "b", "g"), args("x", "{}"), finish("stop"))))
  end)

  it("numbers those of each choice on their own", function()
    local events = through(tool("a", "1", "f"),
      { "tool_start", { i = "b", id = "2", name = "g", choice = 2 } },
      finish("stop"), finish("stop", 2))
    assert.equal("tool_start1:f tool_start1:g tool_end1 finish:tool_calls tool_end1"
      .. " finish:tool_calls", told(events))
    assert.equal(2, events[2].choice)
    assert.equal(2, events[6].choice)
  end)

  it("makes up an id for a call without one, another for each", function()
    local events = through(tool(1, nil, "f"), tool(1, "", "g"), finish("stop"))
    assert.matches("^call_[%w]+$", events[1].id)
    assert.matches("^call_[%w]+$", events[2] and events[3].id or events[2].id)
    assert.are_not.equal(events[1].id, events[3].id)
  end)

  it("sorts out calls whose pieces come mixed", function()
    assert.equal("tool_start1:f tool_args1:{\"a tool_args1:\":1} tool_end1 "
      .. "tool_start2:g tool_args2:{\"b tool_args2:\":2} tool_end2 text:x finish:tool_calls",
      told(through(tool(0, "a", "f"), args(0, '{"a'), tool(1, "b", "g"), args(1, '{"b'),
        text("x"), args(0, '":1}'), args(1, '":2}'), finish("tool_calls"))))
  end)

  it("ends a call whose JSON is complete when something else begins", function()
    checked.emit(unpack(tool(0, "a", "f")))
    checked.emit(unpack(args(0, '{"q":"}\\"{","n":[1,{}]')))
    checked.emit(unpack(text("waits")))
    assert.equal("tool_args", seen[#seen].type)
    checked.emit(unpack(args(0, "}")))
    assert.equal("text", seen[#seen].type)
    assert.equal("tool_end", seen[#seen - 1].type)
  end)

  it("finds the end of JSON wherever it is split", function()
    local json = [[{"a":"b\\\"}{][","\\":[{"x":"\u0041\\"}],"e":{}}]]
    for at = 1, #json - 1 do
      for width = 1, 3 do
        seen = {}
        checked = grammar.new(function(event) seen[#seen + 1] = event end, "id")
        checked.emit(unpack(tool(0, "a", "f")))
        checked.emit(unpack(args(0, json:sub(1, at))))
        checked.emit(unpack(tool(1, "b", "g")))
        assert.equal("tool_args", seen[#seen].type)
        for from = at + 1, #json, width do
          assert.equal("tool_args", seen[#seen].type)
          checked.emit(unpack(args(0, json:sub(from, from + width - 1))))
        end
        assert.equal("g", seen[#seen].name)
      end
    end
  end)

  -- The events of a call whose arguments are `json`, cut anywhere.
  local function pieces_of(i, json)
    local pieces, at = { tool(i, "id" .. i, "f" .. i) }, 1
    while at <= #json do
      local stop = at + math.random(0, 6)
      pieces[#pieces + 1] = args(i, json:sub(at, stop))
      at = stop + 1
    end
    return pieces
  end

  local function emit_mixed(calls)
    while #calls > 0 do
      local k = math.random(#calls)
      checked.emit(unpack(table.remove(calls[k], 1)))
      if #calls[k] == 0 then table.remove(calls, k) end
    end
  end

  local function check_order()
    local open
    for _, event in ipairs(seen) do
      if event.type == "tool_start" then
        assert.is_nil(open)
        open = event.i
      elseif event.type == "tool_args" then
        assert.equal(open, event.i)
      elseif event.type == "tool_end" then
        open = nil
      end
    end
  end

  it("gives the pieces of any mixture of calls to the call that they belong to", function()
    math.randomseed(42)
    for _ = 1, 200 do
      seen = {}
      checked = grammar.new(function(event) seen[#seen + 1] = event end, "id")
      local calls, wanted = {}, {}
      for i = 1, math.random(5) do
        wanted[i] = ('{"n":%d,"s":"%s"}'):format(i, ("}{"):rep(math.random(0, 3)))
        calls[i] = pieces_of(i, wanted[i])
      end
      emit_mixed(calls)
      checked.emit("finish", { reason = "stop" })
      assert.is_true(checked.finish())
      check_order()
      local fold = require("tide.canonical_fold").new()
      for _, event in ipairs(seen) do fold:add(event) end
      local parts = fold:answer().choices[1].content
      assert.equal(#wanted, #parts)
      for _, part in ipairs(parts) do
        assert.equal(wanted[tonumber(part.name:sub(2))], part.arguments)
      end
    end
  end)

  it("says stop with tool calls as tool_calls, and tool_calls without any as stop", function()
    assert.equal("tool_start1:f tool_end1 finish:tool_calls",
      told(through(tool(1, "a", "f"), finish("stop"))))
    seen = {}
    checked = grammar.new(function(event) seen[#seen + 1] = event end, "id")
    assert.equal("text:a finish:stop", told(through(text("a"), finish("tool_calls"))))
    assert.equal("tool_calls", seen[3].raw)
  end)

  it("keeps why an answer was cut short", function()
    assert.equal("tool_start1:f tool_args1:{\"a tool_end1 finish:length",
      told(through(tool(1, "a", "f"), args(1, '{"a'), finish("length"))))
  end)

  it("takes the words of older adapters", function()
    assert.same({
      { type = "text", delta = "a" },
      { type = "finish", reason = "content_filter", raw = "filter" },
      { type = "usage", input = 1, output = 2 },
    }, through(text("a"), finish("filter"), { "usage", { ["in"] = 1, out = 2 } }))
  end)

  it("takes a reason that nobody knows for stop, and keeps the word", function()
    assert.same({ type = "finish", reason = "stop", raw = "bored" }, through(finish("bored"))[1])
  end)

  it("tells one finish for each choice", function()
    assert.equal("text:a finish:length", told(through(text("a"), finish("length"), finish("stop"))))
  end)

  it("tells usage once, the last word on each count, and what is known early at once", function()
    assert.same({
      { type = "usage", input = 9, output = 1, early = true },
      { type = "text", delta = "a" },
      { type = "finish", reason = "stop" },
      { type = "usage", input = 9, output = 5, cached = 2 },
    }, through({ "usage", { input = 9, output = 1 } }, text("a"),
      { "usage", { output = 5, cached = 2, input = fake.null, reasoning = -1 } }, finish("stop")))
  end)

  it("tells no usage when there was none", function()
    assert.equal("text:a finish:stop", told(through(text("a"), finish("stop"))))
  end)

  it("ends what has no end of its own", function()
    assert.equal("text:a finish:stop", told(through(text("a"))))
  end)

  it("does not take an answer for complete that stops within a tool call", function()
    checked.emit(unpack(tool(1, "a", "f")))
    checked.emit(unpack(args(1, '{"a')))
    local ok, err = checked.finish()
    assert.is_nil(ok)
    assert.equal("protocol", err.kind)
    assert.equal("error", seen[#seen].type)
  end)

  it("does not take nothing for an answer", function()
    checked.emit("start", {})
    checked.emit("usage", { input = 1 })
    local _, err = checked.finish()
    assert.equal("protocol", err.kind)
  end)

  local function failing(...)
    for _, event in ipairs({ ... }) do checked.emit(event[1], event[2]) end
    local before = #seen
    checked.emit("text", { delta = "more" })
    assert.equal(before, #seen)
    assert.equal("error", seen[#seen].type)
    assert.same({ nil, checked.failed }, { checked.finish() })
    return checked.failed
  end

  it("fails for what cannot be told", function()
    for message, events in pairs({
      ["after the finish"] = { text("a"), finish("stop"), text("b") },
      ["began its answer twice"] = { { "start", {} }, text("a"), { "start", {} } },
      ["not open"] = { args(1, "{}") },
      ["without a name"] = { tool(1, "a", nil) },
      ["a choice that cannot be"] = { text("a", 0) },
      ["for a choice"] = { text("a", 4000) },
      ["no tool call"] = { { "tool_args", { delta = "x" } } },
    }) do
      seen = {}
      checked = grammar.new(function(event) seen[#seen + 1] = event end, "id")
      local err = failing(unpack(events))
      assert.equal("protocol", err.kind)
      assert.matches(message, err.message, 1, true)
    end
  end)

  it("fails when there is more than may be kept of it", function()
    local function limited(...)
      seen = {}
      checked = grammar.new(function(event) seen[#seen + 1] = event end, "id", 1000)
      return failing(...)
    end
    local long = ("x"):rep(2000)
    for _, events in ipairs({
      { text("a"), text(long) }, { tool(1, "a", "f"), args(1, long) },
      { { "reasoning", { delta = "", signature = long } } }, { { "image", { data = long } } },
    }) do
      assert.equal("too_large", limited(unpack(events)).kind)
    end
    local many = {}
    for i = 1, 100 do many[i] = text("") end
    assert.equal("too_large", limited(unpack(many)).kind)
    checked = grammar.new(function() end, "id", 1000)
    checked.emit("audio", { data = long })
    assert.is_true(checked.finish())
  end)

  it("fails with what the provider says", function()
    assert.same({ kind = "overloaded", message = "busy" },
      failing({ "error", { error = { kind = "overloaded", message = "busy" } } }))
  end)

  it("fails when an answer ends with an error", function()
    assert.same({ kind = "upstream_5xx", message = "it ended with network_error" },
      failing(text("a"), { "finish", { reason = "error", raw = "network_error" } }))
  end)

  it("says that sources came too late to be told", function()
    assert.equal("text:a finish:stop dropped:citations",
      told(through(text("a"), finish("stop"), { "citation", { url = "u" } })))
  end)

  it("names what it does not know", function()
    assert.equal("text:a dropped:hologram finish:stop",
      told(through(text("a"), { "hologram", {} }, finish("stop"))))
  end)

  it("has limits", function()
    for i = 1, 513 do checked.emit("tool_start", { i = i, id = "c" .. i, name = "f" }) end
    checked.emit("finish", { reason = "stop" })
    assert.equal("protocol", checked.failed.kind)
  end)

  it("sorts out as many calls as it may", function()
    for i = 1, 512 do checked.emit("tool_start", { i = i, id = "c" .. i, name = "f" }) end
    for i = 512, 1, -1 do checked.emit("tool_args", { i = i, delta = "{}" }) end
    checked.emit("finish", { reason = "stop" })
    assert.is_nil(checked.failed)
    assert.equal(512 * 3 + 2, #seen)
  end)
end)
