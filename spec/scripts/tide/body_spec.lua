local fake = require("spec.support.fake_core")

local body

local CHAT = { name = "chat", is_chat = true, streams = true }
local OPENAI = { name = "openai-chat" }
local EMBED = { name = "embed" }

local function problem(text, op)
  local call, err = body.read(fake.request({ body = text }), op or CHAT, OPENAI)
  assert.is_nil(call)
  return { err.status, err.param or false }, err.message
end

describe("tide.body", function()
  before_each(function()
    fake.install()
    body = require("tide.body")
  end)

  it("says where a body stops being JSON", function()
    local where, message = problem('{"model":')
    assert.same({ 400, false }, where)
    assert.matches("at byte 9", message)
    assert.same({ 400, false }, (problem("[]")))
    assert.same({ 400, false }, (problem("")))
  end)

  it("wants a model that is a text", function()
    for _, value in ipairs({ "null", "7", '""', "[]", "true" }) do
      assert.same({ 400, "model" }, (problem('{"model":' .. value .. "}")))
    end
    assert.same({ 400, "model" }, (problem("{}")))
  end)

  it("wants messages to be an array", function()
    for _, text in ipairs({ "", ',"messages":null', ',"messages":"hi"', ',"messages":{}',
      ',"messages":true', ',"messages":{"a":"' .. string.rep("x", 300) .. '"}' }) do
      assert.same({ 400, "messages" }, (problem('{"model":"m"' .. text .. "}")))
    end
  end)

  it("accepts long messages, which the scan does not decode", function()
    local long = string.rep("x", 1000)
    local call = body.read(fake.request({
      body = '{"model":"m","messages":[{"role":"user","content":"' .. long .. '"}]}',
    }), CHAT, OPENAI)
    assert.equal("m", call.model)
    assert.is_false(call.stream)
  end)

  it("wants stream to be a boolean, stream_options an object, n a count", function()
    for text, param in pairs({
      ['"stream":"yes"'] = "stream", ['"stream":1'] = "stream",
      ['"stream_options":[]'] = "stream_options", ['"stream_options":"x"'] = "stream_options",
      ['"n":0'] = "n", ['"n":129'] = "n", ['"n":1.5'] = "n", ['"n":"2"'] = "n",
    }) do
      assert.same({ 400, param }, (problem('{"model":"m","messages":[],' .. text .. "}")))
    end
  end)

  it("takes null for not given", function()
    local call = body.read(fake.request({
      body = '{"model":"m","messages":[],"stream":null,"stream_options":null,"n":null}',
    }), CHAT, OPENAI)
    assert.is_false(call.stream)
    assert.is_nil(call.choices)
    assert.is_nil(call.stream_options)
  end)

  it("does not ask embeddings for messages, nor lets them stream", function()
    local text = '{"model":"m","input":"x","stream":true,"n":500}'
    local call = body.read(fake.request({ body = text }), EMBED, OPENAI)
    assert.is_false(call.stream)
    assert.is_nil(call.choices)
  end)

  describe("of another dialect", function()
    local RESPONSES = {
      name = "openai-responses",
      request = { model = "model", stream = "stream", messages = "input", needs = { "input" } },
    }
    local GEMINI = {
      name = "gemini", request = {
        messages = "contents", needs = { "contents" }, choices = "generationConfig.candidateCount",
      },
    }
    local GENERATE = { name = "chat", is_chat = true, streams = true, model_in_path = true,
      stream = false }
    local STREAM = { name = "chat", is_chat = true, streams = true, model_in_path = true,
      stream = true }

    local function read(text, op, dialect, path)
      return body.read(fake.request({ body = text, path = path }), op, dialect)
    end

    it("needs what that one needs, by its own names", function()
      local _, err = read('{"model":"m"}', CHAT, RESPONSES)
      assert.same({ 400, "input", "input is required" }, { err.status, err.param, err.message })
      _, err = read('{"model":"m","input":7}', CHAT, RESPONSES)
      assert.equal("input", err.param)
      assert.is_truthy(read('{"model":"m","input":"hi"}', CHAT, RESPONSES))
      _, err = read('{"contents":"hi"}', GENERATE, GEMINI, "/v1beta/models/m:generateContent")
      assert.equal("contents", err.param)
    end)

    it("may have model and stream in the path", function()
      local path = "/v1beta/models/a%2Fb:streamGenerateContent"
      local call = read('{"contents":[],"model":"other","stream":false}', STREAM, GEMINI, path)
      assert.same({ "a/b", true, true, true },
        { call.model, call.stream, call.asks_usage, call.as_array })
      assert.same({ "application/json", "newline" }, { call.req.stream_type, call.req.keepalive })
      call = read('{"contents":[]}', GENERATE, GEMINI, "/v1beta/models/m:generateContent")
      assert.same({ "m", false }, { call.model, call.stream })
      assert.is_nil(call.as_array or call.req.stream_type)
    end)

    it("has no keep-alives where its streams are no server-sent events", function()
      local lines = setmetatable({ framing = "ndjson", content_type = "application/x-ndjson" },
        { __index = RESPONSES })
      local call = read('{"model":"m","input":"hi","stream":true}', CHAT, lines)
      assert.same({ "application/x-ndjson", "none" }, { call.req.stream_type, call.req.keepalive })
      call = read('{"model":"m","input":"hi"}', CHAT, lines)
      assert.is_nil(call.req.stream_type)
    end)

    it("may count its answers inside an object, in either spelling", function()
      local function choices(config)
        local call, err = read('{"contents":[],' .. config .. "}", GENERATE, GEMINI,
          "/v1beta/models/m:generateContent")
        return call and call.choices or err and err.param
      end
      local long = string.rep("x", 300)
      assert.equal(3, choices('"generationConfig":{"candidateCount":3}'))
      assert.equal(3, choices('"generationConfig":{"a":"' .. long .. '","candidateCount":3}'))
      assert.equal(2, choices('"generation_config":{"candidate_count":2}'))
      assert.is_nil(choices('"generationConfig":{"candidateCount":1}'))
      assert.is_nil(choices('"generationConfig":{"temperature":1}'))
      assert.is_nil(choices('"generationConfig":7'))
      assert.equal("generationConfig.candidateCount",
        choices('"generationConfig":{"candidateCount":0}'))
    end)

    it("is told what only the provider of an earlier request understands", function()
      local function found(more)
        return read('{"model":"m","input":[],' .. more .. "}", CHAT, RESPONSES).of_provider
      end
      assert.equal("previous_response_id", found('"previous_response_id":"resp_1"'))
      assert.equal("conversation", found('"conversation":{"id":"conv_1"}'))
      assert.equal("background", found('"background":true'))
      assert.is_nil(found('"background":false,"previous_response_id":null'))
    end)

    it("is told the usage of its stream without asking", function()
      assert.is_true(read('{"model":"m","input":[],"stream":true}', CHAT, RESPONSES).asks_usage)
    end)
  end)

  it("calls a body that is too large by its name", function()
    local err = require("tide.errors").bad_body({ kind = "too_large", message = "x" })
    assert.equal(413, err.status)
  end)
end)
