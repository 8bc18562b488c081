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

  it("calls a body that is too large by its name", function()
    local err = require("tide.errors").bad_body({ kind = "too_large", message = "x" })
    assert.equal(413, err.status)
  end)
end)
