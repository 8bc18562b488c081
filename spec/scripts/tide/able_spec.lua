local fake = require("spec.support.fake_core")

local able, dialects, registry

local function lanes_for(model, fields)
  local call = { op = { name = "chat" }, model = model, dialect = dialects["openai-chat"] }
  for name, value in pairs(fields or {}) do call[name] = value end
  local plan = require("tide.models").find(registry, model)
  local list, err = able.lanes(call, plan.lanes[call.op.name])
  local names = {}
  for i, lane in ipairs(list or {}) do names[i] = lane.target end
  return list and table.concat(names, " "), err, plan
end

describe("tide.able", function()
  before_each(function()
    local config = {
      providers = {
        openai = {}, anthropic = {}, gemini = {}, groq = {},
        old = { extends = "lines", base_url = "http://a" },
      },
      models = { all = { "anthropic/c", "openai/o", "gemini/g" }, foreign = { "anthropic/c" } },
    }
    fake.install({ config = config, files = {
      ["adapters/dialects/lines.lua"] = [[return tide.dialect { watch = {},
        error_body = function() return "" end, error_event = function() return "" end }]],
      ["adapters/lines.lua"] = [[return tide.adapter { dialect = "lines",
        ops = { chat = { path = "/lines" } } }]],
    } })
    able = require("tide.able")
    local loaded = assert(require("tide.adapters").load())
    dialects = loaded.dialects
    registry = require("tide.models").build(config,
      require("tide.providers").build(config, loaded.adapters))
  end)

  it("lets every lane that can be translated to serve a chat", function()
    assert.equal("anthropic/c openai/o gemini/g", lanes_for("all"))
    local list, _, plan = lanes_for("all", { dialect = dialects.gemini })
    assert.equal("anthropic/c openai/o gemini/g", list)
    assert.equal(3, #plan.lanes.chat)
  end)

  it("asks for more than one answer only where that can be", function()
    assert.equal("openai/o gemini/g", lanes_for("all", { choices = 2 }))
    assert.equal("openai/o", lanes_for("all", { choices = 2, stream = true }))
    local list, err = lanes_for("foreign", { choices = 2 })
    assert.is_nil(list)
    assert.equal(400, err.status)
    assert.equal("n", err.param)
    assert.matches("gives one answer", err.message)
  end)

  it("keeps a request that builds on an earlier one with a provider that keeps it", function()
    local fields = { dialect = dialects["openai-responses"], of_provider = "previous_response_id" }
    assert.equal("openai/o", lanes_for("all", fields))
    local _, err = lanes_for("foreign", fields)
    assert.matches("^previous_response_id needs a provider", err.message)
  end)

  it("offers embeddings in translation, completions to OpenAI's clients alone", function()
    assert.equal("openai/o gemini/g", lanes_for("all", { op = { name = "embed" } }))
    local _, err = lanes_for("foreign", { op = { name = "complete" } })
    assert.equal("unsupported_operation", err.code)
  end)

  it("passes OpenAI's clients through to a protocol that nobody translates", function()
    assert.equal("old/x", lanes_for("old/x"))
    local _, err = lanes_for("old/x", { dialect = dialects.gemini })
    assert.equal("unsupported_operation", err.code)
  end)
end)
