local fake = require("spec.support.fake_core")

describe("canonical_edit", function()
  local core, canonical, edit

  before_each(function()
    core = fake.install()
    canonical = require("tide.canonical_view")
    edit = require("tide.canonical_edit")
  end)

  -- What a function makes of one chunk: the new chunk, false, or nil and why not.
  local function through(text, change)
    local chunk = core.decode(text)
    local found = canonical.events(canonical.new_state(), chunk)
    local outcomes = {}
    for i, event in ipairs(found.events) do
      local before = edit.copy(event)
      local after = change(event)
      local outcome, problem = edit.judge(before, after)
      if not outcome then return nil, problem end
      outcomes[i] = { outcome, after }
    end
    return edit.apply(chunk, found, outcomes) and chunk
  end

  local CHUNK = '{"id":"x","choices":[{"index":0,"delta":{"role":"assistant","content":"a"},'
    .. '"finish_reason":"stop"}],"usage":{"prompt_tokens":1}}'

  it("writes changed text where it stood, and leaves the rest", function()
    local chunk = through(CHUNK, function(event)
      if event.type == "text" then return { type = "text", delta = "b" } end
      return event
    end)
    assert.equal("b", chunk.choices[1].delta.content)
    assert.equal("x", chunk.id)
    assert.equal("stop", chunk.choices[1].finish_reason)
  end)

  it("sees a change in place", function()
    assert.equal("A", through(CHUNK, function(event)
      if event.delta then event.delta = event.delta:upper() end
      return event
    end).choices[1].delta.content)
  end)

  it("leaves dropped text out and keeps what else the chunk says", function()
    local chunk = through(CHUNK, function(event) return event.type ~= "text" and event or nil end)
    assert.is_nil(chunk.choices[1].delta.content)
    assert.equal("stop", chunk.choices[1].finish_reason)
    assert.same({ prompt_tokens = 1 }, chunk.usage)
  end)

  it("leaves out a chunk of which nothing is left", function()
    assert.is_false(through('{"choices":[{"delta":{"content":"a"},"finish_reason":null}]}',
      function() return nil end))
  end)

  it("keeps a chunk that says more than its events", function()
    assert.truthy(through('{"choices":[{"delta":{"content":"a","refusal":"no"}}]}',
      function() return nil end))
  end)

  it("changes and drops tool calls", function()
    local text = '{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"i","type":"function",'
      .. '"function":{"name":"f","arguments":"{}"}}]}}]}'
    local chunk = through(text, function(event)
      if event.type == "tool_start" then event.name = "g" end
      return event
    end)
    assert.equal("g", chunk.choices[1].delta.tool_calls[1]["function"].name)
    assert.is_false(through(text, function() return nil end))
    chunk = through(text, function(event) return event.type == "tool_start" and event or nil end)
    assert.equal("i", chunk.choices[1].delta.tool_calls[1].id)
    assert.is_nil(chunk.choices[1].delta.tool_calls[1]["function"].arguments)
  end)

  it("writes another finish reason, of those that there are", function()
    local function reason(value)
      return through(CHUNK, function(event)
        if event.type == "finish" then event.reason = value end
        return event
      end)
    end
    assert.equal("length", reason("length").choices[1].finish_reason)
    local _, problem = reason("bored")
    assert.equal("'bored' is no reason of a finish event", problem)
  end)

  it("drops neither finish nor usage nor errors", function()
    for _, name in ipairs({ "finish", "usage", "error" }) do
      local _, problem = through(
        '{"choices":[{"delta":{},"finish_reason":"stop"}],"usage":{},"error":{"message":"m"}}',
        function(event) return event.type ~= name and event or nil end)
      assert.equal("on_event cannot drop a " .. name .. " event", problem)
    end
  end)

  it("changes nothing that would make another event of it", function()
    local function judge(before, after)
      local _, problem = edit.judge(before, after)
      return problem
    end
    assert.equal("on_event cannot change `type` of a text event",
      judge({ type = "text", delta = "a" }, { type = "finish", reason = "stop" }))
    assert.equal("`delta` of a text event must be a string",
      judge({ type = "text", delta = "a" }, { type = "text", delta = 1 }))
    assert.equal("on_event cannot change `input` of a usage event",
      judge({ type = "usage", input = 1 }, { type = "usage", input = 2 }))
    assert.equal("on_event must return an event or nil, not a number",
      judge({ type = "text", delta = "a" }, 7))
  end)
end)
