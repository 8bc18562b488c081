local fake = require("spec.support.fake_core")

-- Two small protocols: `alpha` is the client's, `beta` the provider's. Both are files of a user.
local ALPHA = [[
return tide.dialect {
  name = "alpha",
  watch = { content = { "text" } },
  request = { model = "model", stream = "stream", messages = "say", needs = { "say" } },
  raw_members = { "schema" },
  decode_request = function(body, call)
    if body.say == "" then return nil, { message = "say something", param = "say" } end
    call.warn("whisper")
    return {
      system = {},
      messages = { { role = "user", content = { { type = "text", text = body.say } } } },
      temperature = body.temperature, ext = { tone = body.tone },
    }
  end,
  encode_answer = function(answer)
    return { said = answer.choices[1].content[1].text, why = answer.choices[1].finish_reason }
  end,
  encode_event = function(event, write, state)
    state.n = (state.n or 0) + 1
    if event.type == "text" then write({ text = event.delta, n = state.n }, "delta") end
    if event.type == "finish" then write('{"end":"' .. event.reason .. '"}') end
  end,
  end_stream = function(write) write("[OVER]") end,
  error_body = function(err) return tide.json.encode { alpha = err.message } end,
  error_event = function(err, call, state)
    return "data: " .. err.message .. (state and " after " .. (state.n or 0) or "") .. "\n\n"
  end,
}]]

local BETA = [[
return tide.dialect {
  name = "beta",
  watch = { content = { "t" } },
  paths = { chat = "/beta/{model}:go" },
  stream_paths = { chat = "/beta/{model}:stream" },
  headers = { ["beta-version"] = "2" },
  encode_request = function(rq, call)
    if rq.temperature == 13 then error("unlucky") end
    return {
      q = rq.messages[1].content[1].text, temperature = rq.temperature, stream = call.stream,
      model = call.model, trait = call.traits.trait, from = call.client_dialect,
    }
  end,
  decode_answer = function(body, emit)
    emit("start", { id = "1", model = "m" })
    if body.fault then emit("error", { error = { kind = "overloaded", message = body.fault } }) end
    emit("text", { delta = body.t })
    emit("dropped", { what = "glitter" })
    emit("finish", { reason = "stop" })
  end,
  decode_event = function(event, emit, state)
    if event.data.t == "boom" then error("bad event") end
    state.seen = (state.seen or "") .. event.data.t
    emit("text", { delta = event.data.t })
    if event.data.late then emit("dropped", { what = event.data.late }) end
  end,
  end_events = function(emit, state) emit("finish", { reason = "length" }) end,
  error_body = function() return "{}" end,
  error_event = function() return "" end,
}]]

local ADAPTER = [[
return tide.adapter {
  name = "b", dialect = "beta", base_url = "http://127.0.0.1:1",
  params = { clamp = { temperature = { 0, 1 } }, drop = { "model" } },
  families = { { models = { "big-*" }, traits = { trait = "wide" } } },
  %s
}]]

local translated, req, core

local function start(more, body, options)
  core = fake.install({ files = {
    ["adapters/dialects/alpha.lua"] = ALPHA, ["adapters/dialects/beta.lua"] = BETA,
    ["adapters/b.lua"] = ADAPTER:format(more or ""),
  } })
  local loaded = assert(require("tide.adapters").load())
  local config = { providers = { b = {} } }
  local registry = require("tide.models").build(config,
    require("tide.providers").build(config, loaded.adapters))
  req = fake.request({ body = body or '{"model":"b/big-1","say":"hi"}' })
  local call = {
    req = req, op = { name = "chat", streams = true }, model = "b/big-1",
    dialect = loaded.dialects.alpha, asks_usage = true, stream = false,
  }
  for name, value in pairs(options or {}) do call[name] = value end
  translated = call
  local lane = require("tide.models").find(registry, "b/big-1").lanes.chat[1]
  return require("tide.options").of(call, lane, false)
end

describe("tide.translate", function()
  it("encodes the request for the provider, with what the adapter makes of it", function()
    local options = start(nil, '{"say":"hi","temperature":7,"tone":"low"}')
    assert.same({ q = "hi", temperature = 1, trait = "wide", from = "alpha", stream = false },
      core.decode(options.body))
    assert.is_nil(options.edits)
    assert.equal("/beta/big-1:go", options.endpoint.path)
    assert.same({
      { "x-tidegate-warnings", "b/big-1 dropped whisper, tone" },
      { "x-tidegate-warnings", "b/big-1 clamped temperature" },
    }, req.added)
  end)

  it("asks for a stream at the path for streams", function()
    local options = start(nil, nil, { stream = true })
    assert.equal("/beta/big-1:stream", options.endpoint.path)
    assert.is_true(core.decode(options.body).stream)
  end)

  it("tells the client what is wrong with its request", function()
    local options, verdict = start(nil, '{"say":""}')
    assert.is_nil(options)
    assert.equal("script", verdict.action)
    assert.equal(400, verdict.err.status)
    assert.equal("say", verdict.err.param)
  end)

  it("goes on to the next lane when the file of a user fails, and logs where", function()
    local options, verdict = start(nil, '{"say":"hi","temperature":13}')
    assert.is_nil(options)
    assert.equal("next", verdict.action)
    assert.equal("script", verdict.kind)
    assert.matches("unlucky", core.logged[#core.logged])
  end)

  it("translates a whole answer, and names what it could not carry", function()
    local _, extra = start()
    assert.equal('{"said":"yes","why":"stop"}', extra.codec.body('{"t":"yes"}'))
    assert.equal("application/json", extra.codec.type)
    assert.equal("b/big-1 dropped glitter", req.added[2][2])
  end)

  it("fails with an error inside a 200, and with what is no answer", function()
    local _, extra = start()
    assert.same({ false, "overloaded", "no room" },
      { extra.codec.body('{"fault":"no room","t":"x"}') })
    _, extra = start()
    assert.same({ false, "protocol", "the answer is no JSON" }, { extra.codec.body("<html>") })
  end)

  it("translates a stream event by event", function()
    local _, extra = start(nil, nil, { stream = true })
    local codec = extra.codec
    assert.equal("text/event-stream", codec.type)
    assert.equal('event: delta\ndata: {"n":2,"text":"a"}\n\n', fake.event(codec, '{"t":"a"}'))
    assert.equal('event: delta\ndata: {"n":3,"text":"b"}\n\n', fake.event(codec, '{"t":"b"}'))
    assert.equal('data: {"end":"length"}\n\ndata: [OVER]\n\n', fake.finish(codec))
  end)

  it("makes a stream of a whole answer", function()
    local _, extra = start(nil, nil, { stream = true })
    assert.equal('event: delta\ndata: {"n":2,"text":"all"}\n\ndata: {"end":"stop"}\n\n'
      .. "data: [OVER]\n\n", extra.codec.document('{"t":"all"}'))
  end)

  it("says behind the head in a comment what was left out", function()
    local _, extra = start(nil, nil, { stream = true })
    assert.equal('event: delta\ndata: {"n":2,"text":"a"}\n\n',
      fake.event(extra.codec, '{"t":"a","late":"early"}'))
    assert.equal("b/big-1 dropped early", req.added[2][2])
    req.started = true
    assert.matches(": dropped tardy\n\n$", (fake.event(extra.codec, '{"t":"b","late":"tardy"}')))
    assert.is_nil(req.added[3])
  end)

  it("writes one JSON array for clients that want that", function()
    local _, extra = start(nil, nil, { stream = true, as_array = true })
    local codec = extra.codec
    assert.is_false(codec.comments)
    assert.equal("application/json", codec.type)
    assert.equal('[{"n":2,"text":"a"}', fake.event(codec, '{"t":"a"}'))
    assert.equal(',\r\n{"end":"length"},\r\n[OVER]]', fake.finish(codec))
  end)

  it("breaks off with an event that knows what went before it", function()
    local _, extra = start(nil, nil, { stream = true })
    fake.event(extra.codec, '{"t":"a"}')
    assert.equal("data: gone after 2\n\n", extra.codec.error_event("timeout", "gone"))
  end)

  it("ends an array that breaks off, whatever was in it", function()
    local _, extra = start(nil, nil, { stream = true, as_array = true })
    assert.equal('[{"alpha":"gone"}]', extra.codec.error_event("timeout", "gone"))
    _, extra = start(nil, nil, { stream = true, as_array = true })
    fake.event(extra.codec, '{"t":"a"}')
    assert.equal(',\r\n{"alpha":"gone"}]', extra.codec.error_event("timeout", "gone"))
  end)

  it("fails the attempt when the file of a user fails in the answer", function()
    local _, extra = start(nil, nil, { stream = true })
    local ok, kind = fake.event(extra.codec, '{"t":"boom"}')
    assert.is_false(ok)
    assert.equal("script", kind)
    assert.matches("bad event", core.logged[#core.logged])
  end)
end)

describe("the hooks of an adapter", function()
  it("prepare edits a copy of the canonical request", function()
    local options = start([[prepare = function(rq, call)
      rq.messages[1].content[1].text = rq:last_user_text() .. " " .. call.model
    end]])
    assert.equal("hi big-1", core.decode(options.body).q)
    assert.equal("hi", translated.canonical.rq.messages[1].content[1].text)
  end)

  it("encode has the last word on body, path and headers", function()
    local options, extra = start([[encode = function(rq, call, http)
      http.json.q = http.json.q .. "!"
      http.path = "/elsewhere"
      http.headers = { ["x-one"] = "1" }
    end]])
    assert.equal("hi!", core.decode(options.body).q)
    assert.equal("/elsewhere", extra.path)
    assert.equal("x-one: 1\r\n", extra.headers)
  end)

  it("decode gives the answer in short", function()
    local _, extra = start([[decode = function(body)
      return { text = "<" .. body.t .. ">", finish_reason = "length" }
    end]])
    assert.equal('{"said":"<yes>","why":"length"}', extra.codec.body('{"t":"yes"}'))
  end)

  it("on_event and on_end take the place of the dialect's", function()
    local _, extra = start([[
      on_event = function(ev, st, emit) emit("text", { delta = ev.data }) end,
      on_end = function(st, emit) emit("finish", { reason = "filter" }) end,
    ]], nil, { stream = true })
    assert.equal('event: delta\ndata: {"n":2,"text":"raw"}\n\n', fake.event(extra.codec, "raw"))
    assert.equal('data: {"end":"content_filter"}\n\ndata: [OVER]\n\n', fake.finish(extra.codec))
  end)
end)
