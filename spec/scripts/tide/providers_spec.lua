local fake = require("spec.support.fake_core")

local core

local function build(config, env)
  core = fake.install({ config = config, env = env })
  local adapters = require("tide.adapters").load().adapters
  return require("tide.providers").build(config, adapters)
end

local function endpoint_of(provider, i)
  return require("tide.address").of(provider, provider.credentials[i or 1], "chat",
    provider.adapter.dialect, false, "m")
end

local function headers_of(provider, i)
  local headers = {}
  for _, line in ipairs(endpoint_of(provider, i).headers) do
    headers[line[1]] = line
  end
  return headers
end

describe("tide.providers", function()
  it("starts without a configuration with what has a key, and the mock", function()
    local providers = build({ zero = true }, { GROQ_API_KEY = "k", MISTRAL_API_KEY = "k" })
    local names = require("tide.suggest").names(providers)
    assert.same({ "groq", "mistral", "mock" }, names)
  end)

  it("has only the providers that a configuration names", function()
    local providers = build({ providers = { groq = {} } }, { OPENAI_API_KEY = "k" })
    assert.same({ "groq" }, require("tide.suggest").names(providers))
  end)

  it("sends a key as the adapter says", function()
    local key = { "secret" }
    local providers = build({ providers = { openai = { keys = { { value = key } } } } })
    assert.same({ "authorization", "Bearer ", key }, headers_of(providers.openai).authorization)
    assert.equal("https://api.openai.com/v1", endpoint_of(providers.openai).url)
  end)

  it("labels credentials by name, else by position", function()
    local providers = build({
      providers = { openai = { keys = { { value = {} }, { value = {}, name = "team" } } } },
    })
    assert.equal("1", providers.openai.credentials[1].label)
    assert.equal("team", providers.openai.credentials[2].label)
  end)

  it("uses the adapter's own variable only for the adapter's own address and name", function()
    local env = { OPENAI_API_KEY = "k" }
    local providers = build({ providers = {
      openai = {},
      other = { extends = "openai" },
    } }, env)
    assert.is_truthy(headers_of(providers.openai).authorization)
    assert.is_nil(headers_of(providers.other).authorization)
    providers = build({ providers = { openai = { base_url = "http://127.0.0.1:9/v1" } } }, env)
    assert.is_nil(headers_of(providers.openai).authorization)
  end)

  it("warns when a provider has no key", function()
    build({ providers = { openai = {} } })
    assert.same({ "warn provider openai has no key: OPENAI_API_KEY is not set" }, core.logged)
  end)

  it("sends a local server no key, unless one is configured", function()
    local providers = build({ providers = { vllm = {}, lmstudio = { keys = { { value = {} } } } } })
    assert.is_nil(headers_of(providers.vllm).authorization)
    assert.is_truthy(headers_of(providers.lmstudio).authorization)
    assert.same({}, core.logged)
  end)

  it("lets the configuration's headers win, whatever their case", function()
    local providers = build({ providers = { openai = {
      headers = { ["User-Agent"] = "mine", ["x-extra"] = "1" },
    } } })
    local headers = headers_of(providers.openai)
    assert.equal("mine", headers["User-Agent"][2])
    assert.is_nil(headers["user-agent"])
    assert.equal("1", headers["x-extra"][2])
    assert.equal("application/json", headers["content-type"][2])
    assert.equal("identity", headers["accept-encoding"][2])
  end)

  it("leaves out what a provider does not offer", function()
    local providers = build({ providers = { perplexity = {} } })
    assert.is_truthy(providers.perplexity.adapter.ops.chat)
    assert.is_false(providers.perplexity.adapter.ops.embed)
  end)

  it("names the field that is wrong", function()
    local _, err = build({ providers = { groqq = {} } })
    assert.equal("providers.groqq", err.path)
    assert.matches("did you mean 'groq'", err.message)
    _, err = build({ providers = { mine = { extends = "opnai" } } })
    assert.equal("providers.mine.extends", err.path)
    _, err = build({ providers = { openai = { base_url = "nonsense" } } })
    assert.equal("providers.openai.base_url", err.path)
    _, err = build({ providers = { ["a/b"] = { extends = "openai" } } })
    assert.matches("may not contain", err.message)
  end)

  it("lists the models that the configuration names instead of the adapter's", function()
    local providers = build({ providers = { openai = { models = { "o3", "mine" } } } })
    assert.same({ o3 = { reasoning = true }, mine = {} }, providers.openai.models)
  end)
end)
