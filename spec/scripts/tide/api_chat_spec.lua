local fake = require("spec.support.fake_core")

describe("tide.chat", function()
  local core, tide

  local ASK = { model = "smart", messages = { { role = "user", content = "hi" } } }
  local HEADERS = { ["x-tidegate-target"] = "a/b" }
  local ANSWER = '{"choices":[{"message":{"role":"assistant","content":"hello"},'
    .. '"finish_reason":"stop"}]}'

  local function answering(...)
    core = fake.install()
    fake.answer_inner(core, ...)
    tide = {}
    require("tide.api_chat")(tide)
  end

  local function chunk(text, finish)
    return '{"choices":[{"index":0,"delta":{"content":"' .. text .. '"},"finish_reason":'
      .. (finish and '"' .. finish .. '"' or "null") .. "}]}"
  end

  local function streaming(answer)
    answer.status, answer.headers = 200, HEADERS
    answering(answer)
    local asked = { stream = true }
    for name, value in pairs(ASK) do asked[name] = value end
    return tide.chat(asked)
  end

  it("asks the gateway itself and gives a result", function()
    answering({
      status = 200, headers = HEADERS, body = ANSWER,
      facts = { outcome = "ok", target = "a/b", usage = { input = 3, output = 1 } },
    })
    core.running = { gen = "mine" }
    local result = tide.chat(ASK)
    assert.equal("hello", result.text)
    assert.equal("stop", result.finish_reason)
    assert.equal("a/b", result.target)
    assert.same({ input = 3, output = 1 }, result.usage)
    assert.equal("/v1/chat/completions", core.asked[1].path)
    assert.same(ASK, core.decode(core.asked[1].body))
    assert.same({ gen = "mine" }, core.asked[1].context)
  end)

  it("writes empty lists as lists", function()
    answering({ status = 200, headers = HEADERS, body = ANSWER, facts = {} })
    tide.chat({ model = "m", messages = {}, tools = {} })
    assert.equal('{"messages":[],"model":"m","tools":[]}', core.asked[1].body)
  end)

  it("runs on the newest generation where no request is being served", function()
    answering({ status = 200, headers = HEADERS, body = ANSWER, facts = {} })
    require("tide.current").gen = "newest"
    tide.chat(ASK)
    assert.same({ gen = "newest" }, core.asked[1].context)
  end)

  it("says unknown usage as nil", function()
    answering({ status = 200, headers = HEADERS, body = ANSWER, facts = { usage = {} } })
    assert.is_nil(tide.chat(ASK).usage)
  end)

  it("fails with the kind of the record and the words of the answer", function()
    answering({
      status = 429, headers = { ["retry-after"] = "7" }, body = '{"error":{"message":"slow down"}}',
      facts = { outcome = "limited", kind = "rate_limited", message = "other", target = "a/b" },
    })
    local result, err = tide.chat(ASK)
    assert.is_nil(result)
    assert.equal("rate_limited", err.kind)
    assert.equal("slow down", err.message)
    assert.equal(429, err.status)
    assert.equal(7, err.retry_after)
    assert.equal("a/b", err.target)
    assert.is_true(err.retryable)
    assert.equal("rate_limited: slow down (a/b)", tostring(err))
  end)

  it("says that a refused request need not be tried again", function()
    answering({ status = 400, body = "not JSON", facts = { kind = "bad_request", message = "no" } })
    local _, err = tide.chat(ASK)
    assert.is_false(err.retryable)
    assert.equal("bad_request: no", tostring(err))
  end)

  it("hands on why an inner request could not be asked, or broke off", function()
    answering({ refused = { kind = "script", message = "too deep" } },
      { err = { kind = "canceled", message = "gone" } })
    local _, err = tide.chat(ASK)
    assert.equal("script: too deep", tostring(err))
    _, err = tide.chat(ASK)
    assert.equal("canceled", err.kind)
  end)

  it("refuses an answer that is no JSON object", function()
    answering({ status = 200, headers = HEADERS, body = "hello", facts = {} })
    local _, err = tide.chat(ASK)
    assert.equal("protocol", err.kind)
  end)

  it("blames the line that calls it for wrong arguments", function()
    answering()
    for _, options in ipairs({ 1, {}, { model = "a" }, { model = 1, messages = {} } }) do
      local ok, message = pcall(function()
        tide.chat(options)
      end)
      assert.is_false(ok)
      assert.matches("api_chat_spec.lua:%d+: tide.chat", message)
    end
  end)

  it("blames the line that calls it where nothing may wait", function()
    answering()
    function core.inner() error("inner:12: cannot wait here", 0) end
    local ok, message = pcall(function()
      tide.chat(ASK)
    end)
    assert.is_false(ok)
    assert.matches("api_chat_spec.lua:%d+: tide.chat: cannot wait here$", message)
  end)

  it("streams canonical events, usage and finish last", function()
    local stream = streaming({
      events = { chunk("hel"), chunk("lo"), chunk("", "stop"),
        '{"choices":[],"usage":{"prompt_tokens":9}}', "[DONE]" },
      facts = { outcome = "ok", usage = { input = 3 } },
    })
    assert.equal("a/b", stream.target)
    local all = {}
    for event in stream:events() do all[#all + 1] = event end
    assert.same({
      { type = "text", delta = "hel" },
      { type = "text", delta = "lo" },
      { type = "usage", input = 3 },
      { type = "finish", reason = "stop" },
    }, all)
    assert.is_nil((stream:events())(stream))
  end)

  it("gives the result of a stream, read or not", function()
    local stream = streaming({
      events = { chunk("hel"), chunk("lo"), chunk("", "stop") },
      facts = { outcome = "ok", usage = { output = 2 } },
    })
    for event in stream:events() do
      if event.type == "text" then break end
    end
    local result = stream:result()
    assert.equal("hello", result.text)
    assert.equal("stop", result.finish_reason)
    assert.same({ output = 2 }, result.usage)
    assert.equal("a/b", result.target)
  end)

  it("ends a stream that breaks with an error event", function()
    local stream = streaming({
      events = { chunk("hel"), '{"error":{"message":"it broke"}}' },
      facts = { outcome = "upstream_error", kind = "upstream_5xx", message = "it broke" },
    })
    local last
    for event in stream:events() do last = event end
    assert.equal("error", last.type)
    assert.equal("upstream_5xx", last.error.kind)
    assert.equal("it broke", last.error.message)
    local result, err = stream:result()
    assert.is_nil(result)
    assert.equal("upstream_5xx", (err or last.error).kind)
  end)

  it("fails before a stream that does not begin", function()
    answering({
      status = 503, body = '{"error":{"message":"none"}}', facts = { kind = "overloaded" },
    })
    local stream, err = tide.chat({ model = "a", messages = {}, stream = true })
    assert.is_nil(stream)
    assert.equal("overloaded", err.kind)
    assert.equal(503, err.status)
  end)

  it("cancels what nobody wants any more", function()
    local stream = streaming({ events = { chunk("hel") } })
    stream:cancel()
    assert.is_true(stream.inner.canceled)
  end)

  it("embeds", function()
    answering({
      status = 200, headers = HEADERS, body = '{"data":[{"index":0,"embedding":[0.5]}]}',
      facts = { usage = { input = 1 } },
    })
    local result = tide.embed({ model = "e", input = "x" })
    assert.same({ { 0.5 } }, result.embeddings)
    assert.equal("a/b", result.target)
    assert.same({ input = 1 }, result.usage)
    assert.equal("/v1/embeddings", core.asked[1].path)
    assert.has_error(function() tide.embed({ model = "e" }) end)
  end)
end)
