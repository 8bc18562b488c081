local fake = require("spec.support.fake_core")

-- Two small protocols, files of a user, that both know embeddings.
local ALPHA = [[
return tide.dialect {
  name = "openai-chat", watch = { content = { "text" }, error = { "wrong" } },
  error_body = function(err) return tide.json.encode { alpha = err.message, param = err.param } end,
  error_event = function() return "" end,
  paths = { embed = "/alpha/embed" },
  operations = { embed = {
    request = { model = "model", messages = "input", needs = { "input" } },
    decode_request = function(body, call)
      if body.input == "" then return nil, { message = "say something", param = "input" } end
      local inputs = {}
      for i, text in ipairs(body.input) do inputs[i] = { type = "text", text = text } end
      call.warn("whisper")
      return { inputs = inputs, dimensions = body.dimensions, ext = { tone = body.tone } }
    end,
    encode_request = function(rq, call) return { input = {}, model = call.model } end,
    decode_answer = function(body) return { vectors = body.v } end,
    encode_answer = function(answer, call)
      return { vectors = answer.vectors, tokens = answer.usage and answer.usage.input,
        asked = call.asked, n = #call.rq.inputs }
    end,
  } },
}]]

local BETA = [[
return tide.dialect {
  name = "beta", watch = { content = { "t" }, error = { "fault" } },
  error_body = function() return "{}" end, error_event = function() return "" end,
  paths = { embed = "/beta/{model}:one", many = "/beta/{model}:many" },
  operations = { embed = {
    endpoint = "many", raw_members = { "values" },
    usage = { input = { "meta.tokens.read", "meta.tokens.all" } },
    encode_request = function(rq, call)
      if rq.dimensions == 13 then return nil, { message = "unlucky", param = "dimensions" } end
      if rq.dimensions == 14 then error("a bug") end
      local texts = {}
      for i, input in ipairs(rq.inputs) do texts[i] = input.text end
      return { texts = tide.json.array(texts), size = rq.dimensions }
    end,
    decode_answer = function(body, call)
      if body.busy then return nil, { kind = "overloaded", message = "busy" } end
      if body.bad then error("a bug") end
      local read = tonumber(call.header("X-Count"))
      return { vectors = body.vectors, usage = read and { input = read } }
    end,
  } },
}]]

local ADAPTER = [[
return tide.adapter {
  name = "b", dialect = "beta", base_url = "http://127.0.0.1:1",
  params = { rename = { size = "width" } },
  ops = { embed = { batch = 2 } },
  families = { { models = { "lone" }, ops = { embed = { batch = 1 } } } },
  %s
}]]

describe("operations besides chat", function()
  local core, req

  local function start(options, body, ...)
    core = fake.install({
      files = {
        ["adapters/dialects/openai-chat.lua"] = ALPHA, ["adapters/dialects/beta.lua"] = BETA,
        ["adapters/b.lua"] = ADAPTER:format(options.more or ""),
      },
      config = { providers = { b = {} }, models = options.models },
    })
    local gateway = require("tide.gateway")
    assert(gateway.load())
    -- As where the requests of a script are used up: one piece after the other.
    core.inner = function() return nil, { kind = "budget" } end
    req = fake.request({
      method = "POST", path = "/v1/embeddings", body = body, hold = options.hold,
    }, ...)
    gateway.serve(req)
    return req
  end

  -- What C would do with an answer: through the codec of the attempt, held where it is asked.
  local function answering(text, headers)
    return function(_, asked)
      local extra = asked.extras[#asked.attempts]
      local made, kind, message, usage = extra.codec.body(text, headers or {})
      if not made then return fake.failure(kind, { message = message }) end
      asked.made, asked.usage = made, usage
      if extra.hold then return fake.held(made) end
      return fake.ok()
    end
  end

  it("are translated in both directions", function()
    start({}, '{"model":"b/m","input":["one","two"],"dimensions":5,"tone":"low"}',
      answering('{"vectors":[{"values":[1, 2]},{"values":[3]}]}', { ["x-count"] = "7" }))
    local sent = req.attempts[1]
    assert.same({ texts = { "one", "two" }, width = 5 }, core.decode(sent.body))
    assert.equal("/beta/m:many", sent.endpoint.path)
    local extra = req.extras[1]
    assert.is_true(extra.codec.counts and extra.codec.headers)
    assert.equal('{"input":7}', req.usage)
    local answer = core.decode(req.made)
    assert.equal(7, answer.tokens)
    assert.equal("b/m", answer.asked)
    assert.truthy(req.made:find("[1, 2]", 1, true))
    assert.same({ { "x-tidegate-warnings", "b/m dropped whisper, tone" } }, req.added)
  end)

  it("are counted by the codec, and their errors found by the dialect's rules", function()
    start({}, '{"model":"b/m","input":["one"]}', answering('{"vectors":[[1]]}'))
    local options = req.attempts[1]
    assert.same({ input = 5 }, fake.count(options.usage, '{"input":5}'))
    assert.same({ error = { "fault" } }, options.watch.rules)
  end)

  -- An answer with one vector for each text of the request, the n-th for all of the n-th request.
  local function numbered()
    local n = 0
    return function(options, asked)
      n = n + 1
      local list = {}
      for i in ipairs(core.decode(options.body).texts) do list[i] = '{"values":[' .. n .. "]}" end
      local text = '{"vectors":[' .. table.concat(list, ",") .. "]}"
      return answering(text, { ["x-count"] = n })(options, asked)
    end
  end

  it("are cut into pieces for a provider that takes fewer inputs, and put together", function()
    start({}, '{"model":"b/m","input":["a","b","c","d","e"]}', numbered())
    local seen = {}
    for i, options in ipairs(req.attempts) do seen[i] = core.decode(options.body).texts end
    assert.same({ { "a", "b" }, { "c", "d" }, { "e" } }, seen)
    assert.same({ "200", "200" }, req.discarded)
    local values = {}
    for i, vector in ipairs(core.decode(req.made).vectors) do values[i] = vector.values[1] end
    assert.same({ 1, 1, 2, 2, 3 }, values)
    assert.equal(6, core.decode(req.made).tokens)
    assert.equal(5, core.decode(req.made).n)
    assert.equal('{"input":3}', req.usage)
    assert.equal("ok", req.recorded.outcome)
  end)

  it("have a family's own size of pieces", function()
    start({}, '{"model":"b/lone","input":["a","b"]}', numbered())
    assert.equal(2, #req.attempts)
  end)

  it("go to the next lane whole when a piece fails", function()
    local n, answer = 0, numbered()
    start({ models = { m = { targets = { "b/x", "b/lone" }, pick = "ordered" } } },
      '{"model":"m","input":["a","b","c"]}', function(options, asked)
        n = n + 1
        if n == 2 then return fake.status(503, "{}") end
        return answer(options, asked)
      end)
    assert.equal(5, #req.attempts)
    assert.equal("/beta/x:many", req.attempts[2].endpoint.path)
    assert.equal("/beta/lone:many", req.attempts[3].endpoint.path)
    assert.same({ texts = { "a" } }, core.decode(req.attempts[3].body))
    assert.equal(3, core.decode(req.made).n)
  end)

  it("fail when a provider answers with fewer or more vectors than it was asked for", function()
    for _, list in ipairs({ "", "[1]", "[1],[2],[3]" }) do
      start({}, '{"model":"b/m","input":["a","b"]}', answering('{"vectors":[' .. list .. "]}"))
      assert.equal(502, req.replied.status)
      assert.truthy(req:json().alpha:find("embeddings for 2 inputs", 1, true))
    end
  end)

  it("fail when one piece of many has not what it was asked for", function()
    local answer, short = numbered(), answering('{"vectors":[[1]]}')
    start({}, '{"model":"b/m","input":["a","b","c","d","e"]}', function(options, asked)
      local is_second = core.decode(options.body).texts[1] == "c"
      return (is_second and short or answer)(options, asked)
    end)
    assert.equal(502, req.replied.status)
    assert.truthy(req:json().alpha:find("1 embeddings for 2 inputs", 1, true))
  end)

  it("are refused when all pieces together are too much to keep", function()
    local function answer(options, asked)
      local list = {}
      for i in ipairs(core.decode(options.body).texts) do list[i] = { base64 = "AACAPw==" } end
      return answering(core.encode({ vectors = core.array(list) }))(options, asked)
    end
    start({ hold = 10 }, '{"model":"b/m","input":["a","b","c","d","e"]}', answer)
    assert.equal("ok", req.recorded.outcome)
    start({ hold = 9 }, '{"model":"b/m","input":["a","b","c","d","e"]}', answer)
    assert.equal(502, req.replied.status)
    assert.truthy(req:json().alpha:find("4 times limits.hold", 1, true))
  end)

  it("say what a client's request lacks", function()
    start({}, '{"model":"b/m","input":""}', fake.ok())
    assert.equal(400, req.replied.status)
    assert.same({ alpha = "say something", param = "input" }, req:json())
  end)

  it("say what the provider cannot be asked, when no lane can", function()
    start({}, '{"model":"b/m","input":["a"],"dimensions":13}', fake.ok())
    assert.equal(400, req.replied.status)
    assert.same({ alpha = "unlucky", param = "dimensions" }, req:json())
    assert.equal(0, #req.attempts)
  end)

  it("fail the attempt when a translation does", function()
    start({}, '{"model":"b/m","input":["a"],"dimensions":14}', fake.ok())
    assert.equal(502, req.replied.status)
    start({}, '{"model":"b/m","input":["a"]}', answering('{"bad":true}'))
    assert.equal(502, req.replied.status)
    start({}, '{"model":"b/m","input":["a"]}', answering("no JSON"))
    assert.equal(502, req.replied.status)
    start({}, '{"model":"b/m","input":["a"]}', answering('{"busy":true}'))
    assert.truthy(req:json().alpha:find("overloaded", 1, true))
  end)

  it("come to the adapter's hooks, which are told which one it is", function()
    start({ more = [[
      prepare = function(rq, call)
        rq.inputs[1].text = call.op .. " " .. rq.inputs[1].text .. tostring(rq:last_user_text())
      end,
      encode = function(rq, call, http) http.json.extra = #rq.inputs end,
      decode = function(body, call) return { vectors = { { 1 } }, usage = { input = body.n } } end,
    ]] }, '{"model":"b/m","input":["a"]}', answering('{"n":3}'))
    assert.same({ texts = { "embed anil" }, extra = 1 }, core.decode(req.attempts[1].body))
    assert.equal(3, core.decode(req.made).tokens)
  end)

  it("reach a protocol that only an adapter's hooks know", function()
    fake.install({
      files = {
        ["adapters/dialects/openai-chat.lua"] = ALPHA,
        ["adapters/odd.lua"] = [[return tide.adapter {
          base_url = "http://127.0.0.1:1", ops = { embed = { path = "/odd" } },
          encode = function(rq, call, http) http.json = { q = rq.inputs[1].text } end,
          decode = function(body) return { vectors = { body.vec } } end,
        }]],
      },
      config = { providers = { odd = {} } },
    })
    local gateway = require("tide.gateway")
    assert(gateway.load())
    req = fake.request({
      method = "POST", path = "/v1/embeddings", body = '{"model":"odd/m","input":["a"]}',
    }, answering('{"vec":[1]}'))
    gateway.serve(req)
    assert.equal('{"q":"a"}', req.attempts[1].body)
    assert.is_true(req.extras[1].codec.tells)
    assert.same({ { 1 } }, require("core").decode(req.made).vectors)
  end)

  it("name places of counts that a watch cannot find, with the file", function()
    fake.install({ files = {
      ["adapters/dialects/beta.lua"] = BETA:gsub('"meta.tokens.all"', '"other.all"'),
    } })
    local _, err = require("tide.adapters").load()
    assert.truthy(err.message:find("operations.embed.usage", 1, true))
    assert.truthy(err.file:find("beta.lua", 1, true))
  end)
end)
