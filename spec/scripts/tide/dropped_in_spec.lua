local fake = require("spec.support.fake_core")

local BASE = "extends = 'openai', base_url = 'http://127.0.0.1:9/v1'"

local function adapter(text)
  return "return tide.adapter { " .. text .. " }"
end

local function build(files, config, env)
  fake.install({ config = config or { providers = {} }, env = env, files = files })
  local adapters = require("tide.adapters").load().adapters
  return require("tide.providers").build(config or { providers = {} }, adapters)
end

local function names(...)
  local providers = assert(build(...))
  return require("tide.suggest").names(providers)
end

-- What adapters/odd.lua lacks with these fields.
local function lacks(text, env)
  fake.install({ env = env, files = { ["adapters/odd.lua"] = adapter(text) } })
  local odd = require("tide.adapters").load().adapters.odd
  return require("tide.dropped_in").lacks("odd", odd)
end

describe("tide.dropped_in", function()
  it("makes a provider of a file that says all that is needed", function()
    assert.same({ "odd" }, names({ ["adapters/odd.lua"] = adapter(BASE) }))
    assert.same({ "mock", "odd" }, names({ ["adapters/odd.lua"] = adapter(BASE) }, { zero = true }))
  end)

  it("waits for the key that a file names", function()
    local files = {
      ["adapters/odd.lua"] = adapter(BASE .. ", auth = { type = 'bearer', secret = 'ODD_KEY' }"),
    }
    assert.same({}, names(files))
    assert.same({ "odd" }, names(files, nil, { ODD_KEY = "k" }))
  end)

  it("leaves out what the configuration has said no to, or uses under another name", function()
    local files = { ["adapters/odd.lua"] = adapter(BASE) }
    assert.same({}, names(files, { providers = { odd = false } }))
    assert.same({ "mine" }, names(files, { providers = { mine = { extends = "odd" } } }))
  end)

  it("lets the configuration's own table win", function()
    local providers = build({ ["adapters/odd.lua"] = adapter(BASE) }, {
      providers = { odd = { base_url = "http://127.0.0.1:8/v1" } },
    })
    assert.equal("http://127.0.0.1:8/v1", providers.odd.base_url)
  end)

  it("leaves it to the configuration whether a replaced shipped adapter is a provider", function()
    local files = { ["adapters/vllm.lua"] = adapter(BASE) }
    assert.same({}, names(files))
    assert.same({ "vllm" }, names(files, { providers = { vllm = {} } }))
  end)

  it("says what a file lacks, and where", function()
    local function says(field, pattern, text, env)
      local found, why = lacks(text, env)
      assert.equal(field, found)
      assert.matches(pattern, why)
    end
    says("base_url", "no base_url", "extends = 'openai'")
    says("base_url", "needs `region`",
      "extends = 'openai', config = { region = 'string?' }, base_url = 'http://{region}.x/v1'")
    says("config", "needs `region`", BASE .. ", config = { region = 'string!' }")
    says("base_url", "makes no address", "extends = 'openai', base_url = function(t) "
      .. "return 'http://' .. t.region end, config = { region = 'string?' }")
    says("secret", "ODD_KEY is set neither", BASE .. ", auth = { type = 'bearer', "
      .. "secret = 'ODD_KEY' }")
    says("auth", "credentials", BASE .. ", auth = { type = 'gcp' }")
    assert.is_nil(lacks(BASE .. ", auth = { type = 'bearer' }"))
    assert.is_nil(lacks("extends = 'openai', base_url = function() return 'http://x/v1' end"))
  end)

  it("asks for each key of a signature that may not be missing", function()
    local auth = ", auth = { type = 'sigv4', service = 's', keys = { 'A', 'B', 'C?' } }"
    local field, why = lacks(BASE .. auth, { A = "1" })
    assert.equal("keys", field)
    assert.matches("^B is", why)
    assert.is_nil(lacks(BASE .. auth, { A = "1", B = "2" }))
  end)

  it("names the file and the line of an address that cannot be", function()
    local text = "return tide.adapter {\n  extends = 'openai',\n  base_url = 'nonsense',\n}"
    local providers, err = build({ ["adapters/odd.lua"] = text })
    assert.is_nil(providers)
    assert.equal("adapters/odd.lua", err.file)
    assert.equal(3, err.line)
  end)
end)
