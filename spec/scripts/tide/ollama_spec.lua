local fake = require("spec.support.fake_core")

local gateway

local function ask(method, path, body, headers)
  local req = fake.request({ method = method, path = path, body = body, headers = headers })
  gateway.serve(req)
  assert.is_truthy(req.recorded)
  return req.replied, req
end

local function json(...)
  local replied, req = ask(...)
  return req:json(), replied.status
end

local function names(list, member)
  local result = {}
  for i, entry in ipairs(list.models) do result[i] = entry[member] end
  return result
end

local CHAT = '"messages":[{"role":"user","content":"hi"}],"stream":false}'

describe("tide.ollama", function()
  before_each(function()
    fake.install({
      config = {
        providers = { mock = { models = { "gpt" } }, ollama = { models = { "llama3:8b" } } },
        models = { smart = "mock/gpt", ["tagged:latest"] = "mock/gpt", local_ = "ollama/x" },
      },
    })
    gateway = require("tide.gateway")
    assert(gateway.load())
  end)

  it("lists what there is", function()
    local list = json("GET", "/api/tags")
    assert.same({ "local_", "smart", "tagged:latest", "mock/gpt", "ollama/llama3:8b" },
      names(list, "name"))
    assert.same(names(list, "name"), names(list, "model"))
  end)

  it("tags names for a client that looks for them so", function()
    local list = json("GET", "/api/tags", nil, { ["user-agent"] = "Python/3.11 aiohttp/3.11.18" })
    assert.same({ "local_:latest", "smart:latest", "tagged:latest", "mock/gpt:latest",
      "ollama/llama3:8b" }, names(list, "model"))
    assert.same("smart", list.models[2].name)
  end)

  it("says that it is up, and what it can do", function()
    local replied = ask("GET", "/")
    assert.same({ 200, "Ollama is running" }, { replied.status, replied.body })
    assert.equal(200, ask("HEAD", "/").status)
    assert.truthy(json("GET", "/api/version").version:find("^%d+%.%d+%.%d+$"))
    assert.same({}, json("GET", "/api/ps").models)
  end)

  it("shows a model, with its tag or without", function()
    for _, name in ipairs({ "smart", "smart:latest", "tagged", "tagged:latest", "mock/gpt:latest",
      "ollama/other:latest" }) do
      local shown, status = json("POST", "/api/show", '{"model":"' .. name .. '"}')
      assert.equal(200, status)
      assert.is_table(shown.details)
    end
    assert.equal("FROM smart", json("POST", "/api/show", '{"name":"smart:latest"}').modelfile)
    local err, status = json("POST", "/api/show", '{"model":"nope:latest"}')
    assert.equal(404, status)
    assert.matches("^model 'nope:latest' not found: ", err.error)
    for _, body in ipairs({ "{}", "[]", "7", "{", '{"model":7}' }) do
      err, status = json("POST", "/api/show", body)
      assert.equal(400, status)
      assert.is_string(err.error)
    end
  end)

  it("knows what a model of the tables can do, and a name that stands for several", function()
    fake.install({ config = {
      providers = { openai = { keys = { { value = {} } } } },
      models = {
        both = { "openai/gpt-4o", "openai/gpt-4" }, vectors = "openai/text-embedding-3-small",
      },
    } })
    gateway = require("tide.gateway")
    assert(gateway.load())
    local shown = json("POST", "/api/show", '{"model":"openai/gpt-4o"}')
    assert.same({ "completion", "tools", "vision" }, shown.capabilities)
    assert.equal(128000, shown.details.context_length)
    shown = json("POST", "/api/show", '{"model":"both"}')
    assert.same({ "completion", "tools", "vision" }, shown.capabilities)
    assert.equal(8192, shown.model_info["tidegate.context_length"])
    assert.same({ "embedding" }, json("POST", "/api/show", '{"model":"vectors"}').capabilities)
  end)

  it("takes a tag off a name that is known without it", function()
    for name, target in pairs({
      ["smart:latest"] = "mock/gpt", tagged = "mock/gpt", ["local_:latest"] = "ollama/x",
      ["mock/gpt:latest"] = "mock/gpt", ["mock/other:latest"] = "mock/other",
      ["ollama/other:latest"] = "ollama/other:latest", ["ollama/llama3:8b"] = "ollama/llama3:8b",
    }) do
      local _, req = ask("POST", "/api/chat", '{"model":"' .. name .. '",' .. CHAT)
      assert.equal(target, req.recorded.target)
    end
  end)

  it("leaves names of other clients alone", function()
    local _, status = json("POST", "/v1/chat/completions", '{"model":"smart:latest",' .. CHAT)
    assert.equal(404, status)
  end)

  it("answers in Ollama's words what it cannot do", function()
    local err, status = json("POST", "/api/chat", '{"model":"nope",' .. CHAT)
    assert.same({ 404, "model 'nope' not found" }, { status, err.error:match("^[^:]+") })
    err, status = json("POST", "/api/pull", "{}")
    assert.equal(404, status)
    assert.is_string(err.error)
    err, status = json("GET", "/api/chat")
    assert.equal(405, status)
    assert.is_string(err.error)
  end)

  it("loads nothing for a model that is elsewhere", function()
    local said, status = json("POST", "/api/chat", '{"model":"smart","messages":[]}')
    assert.same({ 200, true, "load" }, { status, said.done, said.done_reason })
    said = json("POST", "/api/generate", '{"model":"smart","keep_alive":0}')
    assert.same({ "", "unload" }, { said.response, said.done_reason })
  end)
end)

describe("a body of Ollama's", function()
  local body, dialect

  before_each(function()
    fake.install()
    dialect = require("tide.adapters").load().dialects.ollama
    body = require("tide.body")
  end)

  local function is_stream(text)
    local op = { name = "chat", is_chat = true, streams = true }
    return assert(body.read(fake.request({ body = '{"model":"m"' .. text .. "}" }), op,
      dialect)).stream
  end

  it("means a stream unless it says otherwise", function()
    assert.is_true(is_stream(',"messages":[{}]'))
    assert.is_true(is_stream(',"prompt":"x","stream":null'))
    assert.is_true(is_stream(',"prompt":"x","stream":true'))
    assert.is_false(is_stream(',"prompt":"x","stream":false'))
  end)

  it("means no stream when it says nothing", function()
    for _, text in ipairs({ "", ',"messages":[]', ',"messages": [ ]', ',"prompt":""',
      ',"messages":null,"prompt":null', ',"stream":true' }) do
      assert.is_false(is_stream(text))
    end
  end)
end)
