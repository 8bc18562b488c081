local fake = require("spec.support.fake_core")
local params

local function apply(spec, body, op, set)
  local edits = {}
  local req = fake.request({ body = body })
  local warning = params.apply(params.compile(spec), req, op or "chat", edits, set)
  return edits, warning
end

describe("tide.params", function()
  before_each(function()
    fake.install()
    params = require("tide.params")
  end)

  it("has nothing to do for an adapter without quirks", function()
    assert.is_nil(params.compile({ inject_stream = { stream_options = { include_usage = true } } }))
    assert.is_nil(params.compile(nil))
  end)

  it("renames a field that is there, and only then", function()
    local spec = { rename = { max_completion_tokens = "max_tokens" } }
    local edits, warning = apply(spec, '{"max_completion_tokens":5}')
    assert.same({ "max_completion_tokens", { rename = "max_tokens" } }, edits)
    assert.is_nil(warning)
    assert.same({}, (apply(spec, '{"temperature":1}')))
  end)

  it("drops the field to be renamed when the client sent both", function()
    local spec = { rename = { max_completion_tokens = "max_tokens" } }
    local edits, warning = apply(spec, '{"max_tokens":1,"max_completion_tokens":5}')
    assert.same({ "max_completion_tokens", false }, edits)
    assert.equal("dropped max_completion_tokens", warning)
  end)

  it("drops fields and names them", function()
    local spec = { drop = { "user", "store", "seed" } }
    local edits, warning = apply(spec, '{"user":"u","store":true}')
    assert.same({ "user", false, "store", false }, edits)
    assert.equal("dropped user, store", warning)
  end)

  it("drops a null without a warning: nothing is lost", function()
    local edits, warning = apply({ drop = { "user" } }, '{"user":null}')
    assert.same({ "user", false }, edits)
    assert.is_nil(warning)
  end)

  it("clamps numbers that are out of range", function()
    local spec = { clamp = { temperature = { 0, 1 } } }
    local edits, warning = apply(spec, '{"temperature":1.7}')
    assert.same({ "temperature", "1" }, edits)
    assert.equal("clamped temperature", warning)
    assert.same({}, (apply(spec, '{"temperature":0.3}')))
    assert.same({}, (apply(spec, '{"temperature":"hot"}')))
  end)

  it("adds defaults to chat, not to embeddings", function()
    local spec = { default = { max_tokens = 4096 } }
    assert.same({ "max_tokens", "4096" }, (apply(spec, "{}")))
    assert.same({}, (apply(spec, '{"max_tokens":1}')))
    assert.same({}, (apply(spec, "{}", "embed")))
  end)

  it("knows whom to ask for usage", function()
    local inject = { inject_stream = { stream_options = { include_usage = true } } }
    assert.is_true(params.asks_usage(inject))
    assert.is_false(params.asks_usage({ inject_stream = false }))
    assert.is_false(params.asks_usage(nil))
  end)

  it("sets what a policy wants, in the order of the names", function()
    local edits = {}
    params.set({ seed = 7, stop = { "a" }, user = false }, edits)
    assert.same({ "seed", "7", "stop", '["a"]', "user", "false" }, edits)
  end)

  it("puts what a policy wants over what the client said, by the adapter's rules", function()
    local spec = {
      rename = { max_completion_tokens = "max_tokens" }, drop = { "logit_bias" },
      clamp = { temperature = { 0, 1 } }, default = { top_p = 0.5, seed = 1 },
    }
    local set = { max_completion_tokens = 9, logit_bias = {}, temperature = 2, top_p = 0.1 }
    local edits, warning = apply(spec,
      '{"max_completion_tokens":5,"temperature":3,"logit_bias":null}', "chat", set)
    assert.same({ "max_completion_tokens", false, "logit_bias", false, "seed", "1",
      "max_tokens", "9", "temperature", "1", "top_p", "0.1" }, edits)
    assert.equal("dropped logit_bias; clamped temperature", warning)
    edits = apply(spec, '{"max_completion_tokens":5}', "chat", { max_tokens = 9, seed = 2 })
    assert.same({ "max_completion_tokens", false, "top_p", "0.5", "max_tokens", "9", "seed", "2" },
      edits)
  end)

  it("changes a body that has been encoded for the provider", function()
    local compiled = params.compile({
      rename = { max_tokens = "limit", b = "a" }, drop = { "user", "model" },
      clamp = { temperature = { 0, 1 } }, default = { top_k = 5, a = 9 },
    })
    local body = { model = "m", max_tokens = 3, user = "u", temperature = 2, a = 1, b = 2 }
    assert.equal("dropped user; clamped temperature", params.apply_table(compiled, body, "chat"))
    assert.same({ limit = 3, temperature = 1, a = 1, top_k = 5 }, body)
    assert.is_nil(params.apply_table(compiled, { temperature = 1 }, "embed"))
  end)

  it("warns of no model that stands in the address", function()
    local compiled = params.compile({ drop = { "model" } })
    local edits = {}
    assert.is_nil(params.apply(compiled, fake.request({ body = '{"model":"m"}' }), "chat", edits))
    assert.same({ "model", false }, edits)
  end)

  it("takes away what was to be set, and leaves a model to counts of tokens", function()
    local compiled = params.compile({ drop = { "model" } })
    local body, edits = '{"model":"m"}', { "model", '"other"' }
    params.apply(compiled, fake.request({ body = body }), "chat", edits)
    assert.same({ "model", false }, edits)
    edits = { "model", '"other"' }
    params.apply(compiled, fake.request({ body = body }), "count", edits)
    assert.same({ "model", '"other"' }, edits)
  end)

  it("adds nothing to bodies of another dialect", function()
    local compiled, edits = params.compile({ default = { top_k = 5 } }), {}
    params.apply(compiled, fake.request({ body = '{"model":"m"}' }), nil, edits)
    assert.same({}, edits)
  end)
end)
