local fake = require("spec.support.fake_core")

local body, dialect, models, options, registry

local OPS = {
  chat = { name = "chat", is_chat = true, streams = true },
  embed = { name = "embed" },
}

local function options_for(text, fresh, op)
  local req = fake.request({ body = text })
  local call = assert(body.read(req, OPS[op or "chat"], dialect))
  local lane = models.find(registry, call.model).lanes[op or "chat"][1]
  return options.of(call, lane, fresh or false), req
end

local function request(fields)
  return '{"model":"' .. (fields.model or "gpt") .. '",' .. (fields.more or "")
    .. '"messages":[{"role":"user","content":"hi"}]}'
end

describe("tide.options", function()
  before_each(function()
    local config = {
      providers = { openai = {}, mistral = {}, groq = {}, mock = {} },
      models = { gpt = "openai/gpt-4o", ["gpt-4o"] = "openai/gpt-4o" },
    }
    fake.install({ config = config })
    body, models = require("tide.body"), require("tide.models")
    options = require("tide.options")
    local loaded = require("tide.adapters").load()
    dialect = loaded.dialects["openai-chat"]
    registry = models.build(config, require("tide.providers").build(config, loaded.adapters))
  end)

  it("T-36 edits nothing but the model", function()
    assert.same({ "model", '"gpt-4o"' }, options_for(request({})).edits)
  end)

  it("T-36 edits nothing at all when the name is the same", function()
    assert.is_nil(options_for(request({ model = "gpt-4o" })).edits)
  end)

  it("says what the stream engine needs to know", function()
    local made = options_for(request({ more = '"stream":true,' }))
    assert.equal("openai/gpt-4o#1", made.label)
    assert.equal("openai/gpt-4o", made.target)
    assert.equal("data: [DONE]\n\n", made.add_terminal)
    assert.is_true(made.stream)
    assert.equal(60, made.timeout.first_token)
    assert.equal('data: {"error":{"code":"timeout","message":"gone","type":"timeout_error"}}\n\n',
      made.error_event("timeout", "gone"))
  end)

  it("builds no table for a request like the one before", function()
    assert.equal(options_for(request({})), options_for(request({})))
    assert.equal(options_for(request({ more = '"stream":true,' })),
      options_for(request({ more = '"stream":true,' })))
  end)

  it("T-30 asks for usage when the client did not, and keeps it from the client", function()
    local made = options_for(request({ more = '"stream":true,' }))
    assert.same({ "model", '"gpt-4o"', "stream_options", '{"include_usage":true}' }, made.edits)
    assert.is_true(made.hide_usage)
  end)

  it("T-30 leaves alone a client that asked", function()
    local more = '"stream":true,"stream_options":{"include_usage":true},'
    local made = options_for(request({ more = more }))
    assert.same({ "model", '"gpt-4o"' }, made.edits)
    assert.is_false(made.hide_usage)
  end)

  it("T-30 keeps the other members of the client's stream_options", function()
    local more = '"stream":true,"stream_options":{"include_obfuscation":false},'
    local made = options_for(request({ more = more }))
    assert.same({
      "model", '"gpt-4o"',
      "stream_options", '{"include_obfuscation":false,"include_usage":true}',
    }, made.edits)
    assert.is_true(made.hide_usage)
    local other = options_for(request({ more = '"stream":true,' }))
    assert.equal('{"include_usage":true}', other.edits[4])
  end)

  it("T-30 takes include_usage = false as not asked", function()
    local more = '"stream":true,"stream_options":{"include_usage":false},'
    local made = options_for(request({ more = more }))
    assert.equal('{"include_usage":true}', made.edits[4])
    assert.is_true(made.hide_usage)
  end)

  it("asks nothing of a provider that sends usage unasked, and hides nothing of it", function()
    local made = options_for(request({ model = "groq/llama", more = '"stream":true,' }))
    assert.same({ "model", '"llama"' }, made.edits)
    assert.is_false(made.hide_usage)
  end)

  it("counts the choices that are expected", function()
    assert.equal(3, options_for(request({ more = '"n":3,' })).choices)
    assert.is_nil(options_for(request({ more = '"n":1,' })).choices)
  end)

  it("asks for a fresh connection without spoiling the prepared options", function()
    assert.is_true(options_for(request({}), true).fresh)
    assert.is_nil(options_for(request({})).fresh)
  end)

  it("applies an adapter's quirks and warns once", function()
    local more = '"max_completion_tokens":5,"user":"u","seed":1,'
    local made, req = options_for(request({ model = "mistral/m", more = more }))
    assert.same({
      "model", '"m"',
      "max_completion_tokens", { rename = "max_tokens" },
      "seed", { rename = "random_seed" },
      "user", false,
    }, made.edits)
    assert.equal("mistral/m dropped user", req:added_header("x-tidegate-warnings"))
  end)

  it("hands a request to an adapter that serves it itself", function()
    local made = options_for(request({ model = "mock/fast" }))
    assert.is_function(made.serve)
    assert.is_nil(made.endpoint)
    assert.is_nil(made.edits)
  end)
end)
