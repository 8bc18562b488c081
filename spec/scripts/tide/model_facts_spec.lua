local fake = require("spec.support.fake_core")

local facts

local function providers(config, files)
  fake.install({ config = config, files = files })
  facts = require("tide.model_facts")
  local adapters = require("tide.adapters").load().adapters
  local tables = assert(require("tide.model_tables").load())
  return require("tide.providers").build(config, adapters, nil, tables)
end

local function prices(found)
  return found.prices and { found.prices.input, found.prices.output }
end

describe("tide.model_facts", function()
  it("knows what the table of the provider's service says", function()
    local made = providers({ providers = { openai = {}, eu = { extends = "openai" } } })
    for _, provider in pairs(made) do
      local found = facts.find(provider, "gpt-4o")
      assert.equal(128000, found.context)
      assert.equal(16384, found.max_output)
      assert.same({ 2.5, 10 }, prices(found))
      assert.equal(2500 + 10000, found.price:cost(1, 1)) -- nano-dollars
    end
  end)

  it("knows nothing of models that no table has, and invents nothing", function()
    local made = providers({ providers = { openai = {}, mock = {} } })
    assert.same({}, facts.find(made.openai, "no-such-model"))
    assert.is_nil(facts.find(made.mock, "gpt").price)
  end)

  it("does not take the prices of a service for those of another one at another address", function()
    local made = providers({ providers = {
      mine = { extends = "openai", base_url = "http://localhost/v1" },
      groq = { extends = "openai", base_url = "https://api.groq.com/openai/v1" },
      openai = { base_url = "http://proxy.internal/v1" },
      azure = { base_url = "https://r.openai.azure.com" },
      azure_entra = { resource = "r" },
    } })
    assert.same({}, facts.find(made.mine, "gpt-4o"))
    assert.is_truthy(facts.find(made.groq, "llama-3.1-8b-instant").price) -- called what it is
    assert.is_truthy(facts.find(made.openai, "gpt-4o").price) -- a proxy in front of it
    assert.is_truthy(facts.find(made.azure, "gpt-4o").price)
    assert.is_truthy(facts.find(made.azure_entra, "gpt-4o").price)
  end)

  it("puts the configuration above the adapter above the table", function()
    local made = providers({
      providers = { openai = { models = {
        ["gpt-4o"] = { context = 64000 }, ["gpt-4.1"] = { input = 7, output = 8 }, mine = {},
      } } },
      prices = { ["openai/gpt-4o"] = { input = 1, output = 2 }, ["openai/mine"] = { input = 3 } },
    })
    local found = facts.find(made.openai, "gpt-4o")
    assert.same({ 64000, 16384 }, { found.context, found.max_output })
    assert.same({ input = 1, output = 2 }, found.prices) -- nothing of the table's is left
    assert.same({ 7, 8 }, prices(facts.find(made.openai, "gpt-4.1")))
    assert.same({ 3 }, prices(facts.find(made.openai, "mine")))
    assert.same({ 0.15, 0.6 }, prices(facts.find(made.openai, "gpt-4o-mini")))
  end)

  it("finds a model by what the provider calls it", function()
    local own = { ["mine/big"] = { input = 5 } }
    local made = providers({ providers = { mine = {} }, prices = own }, {
      ["adapters/mine.lua"] = [[return tide.adapter { name = "mine", extends = "openai",
        base_url = "http://x/v1", models_of = "openai",
        model_map = { fast = "gpt-4o-mini", big = "gpt-4o" } }]],
    })
    assert.same({ 0.15, 0.6 }, prices(facts.find(made.mine, "fast", "gpt-4o-mini")))
    assert.same({ 5 }, prices(facts.find(made.mine, "big", "gpt-4o")))
  end)

  it("keeps what it has found on the lane, and counts nothing for counts", function()
    local made = providers({ providers = { openai = {} } })
    local lane = { provider = made.openai, model = "gpt-4o", sent_model = "gpt-4o" }
    assert.equal(facts.of(lane), facts.of(lane))
    assert.equal(facts.of(lane).price, facts.price(lane, "chat"))
    assert.equal(0, facts.price(lane, "count"):cost())
  end)

  local function problem(config)
    config.providers = config.providers or { openai = {} }
    local made, err = providers(config)
    assert.is_nil(made)
    return err.path .. ": " .. err.message
  end

  it("says where prices and models of the configuration are wrong", function()
    assert.equal("prices.opnai/gpt-4o: unknown provider 'opnai' (did you mean 'openai'?)",
      problem({ prices = { ["opnai/gpt-4o"] = { input = 1 } } }))
    assert.equal('prices.smart: prices are those of a "provider/model"',
      problem({ prices = { smart = { input = 1 } } }))
    assert.equal("prices.openai/m.input: the prices of tokens need one for the `input`",
      problem({ prices = { ["openai/m"] = { output = 1 } } }))
    assert.equal("providers.openai.models.m.input: the prices of tokens need one for the `input`",
      problem({ providers = { openai = { models = { m = { cached = 1 } } } } }))
  end)
end)
