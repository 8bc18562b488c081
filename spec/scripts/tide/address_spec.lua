local fake = require("spec.support.fake_core")

local address, dialects

-- A provider of this adapter file, with these fields in gateway.lua.
local function provider_of(text, fields)
  fields = fields or {}
  fields.keys = fields.keys or { { value = { "secret" } } }
  local config = { providers = { mine = fields } }
  fake.install({ config = config, files = { ["adapters/mine.lua"] = text } })
  address = require("tide.address")
  local loaded = assert(require("tide.adapters").load())
  dialects = loaded.dialects
  local providers, err = require("tide.providers").build(config, loaded.adapters)
  return providers and providers.mine, err
end

local function endpoint(provider, op, dialect, is_stream, model)
  return address.of(provider, provider.credentials[1], op or "chat",
    dialects[dialect] or provider.adapter.dialect, is_stream or false, model or "m")
end

local function header(made, name)
  for _, line in ipairs(made.headers) do
    if line[1] == name then return line[#line] end
  end
end

describe("tide.address", function()
  it("has the paths of the dialect where the adapter says none", function()
    local provider = provider_of([[return tide.adapter {
      dialect = "gemini", base_url = "http://a/" }]])
    assert.equal("/v1beta/models/m:generateContent", endpoint(provider).path)
    assert.equal("/v1beta/models/a%2Fb:streamGenerateContent?alt=sse",
      endpoint(provider, "chat", nil, true, "a/b").path)
    assert.equal("http://a", endpoint(provider).url)
  end)

  it("has the adapter's paths for its first dialect, and those it lists for others", function()
    local provider = provider_of([[return tide.adapter {
      dialects = { "openai-chat", "anthropic-messages", "openai-responses" }, base_url = "http://a",
      ops = { chat = { path = "/own", paths = { ["anthropic-messages"] = "/claude" } } } }]])
    assert.equal("/own", endpoint(provider, "chat", "openai-chat").path)
    assert.equal("/own", endpoint(provider, "chat", "openai-chat", true).path)
    assert.equal("/claude", endpoint(provider, "chat", "anthropic-messages").path)
    assert.equal("/responses", endpoint(provider, "chat", "openai-responses").path)
  end)

  it("makes one endpoint for all models unless the model stands in it", function()
    local provider = provider_of([[return tide.adapter { dialect = "openai-chat",
      base_url = "http://a" }]])
    assert.equal(endpoint(provider, "chat", nil, false, "x"),
      endpoint(provider, "chat", nil, false, "y"))
    provider = provider_of([[return tide.adapter { dialect = "openai-chat", base_url = "http://a",
      query = { m = "{model}" } }]])
    assert.equal("/chat/completions?m=x", endpoint(provider, "chat", nil, false, "x").path)
    assert.equal("/chat/completions?m=y", endpoint(provider, "chat", nil, false, "y").path)
  end)

  it("goes up from base_url where a path begins so, to its root at most", function()
    local provider = provider_of([[return tide.adapter { dialect = "openai-chat",
      base_url = "http://a/b/c/",
      ops = { chat = { path = "../d" }, embed = { path = "../../../../e" } } }]])
    assert.equal("http://a/b", endpoint(provider).url)
    assert.equal("/d", endpoint(provider).path)
    assert.equal("http://a", endpoint(provider, "embed").url)
    assert.equal("/e", endpoint(provider, "embed").path)
  end)

  it("leaves out a query that has no value", function()
    local text = [[return tide.adapter { dialect = "openai-chat", base_url = "http://a",
      config = { version = "string?" }, query = { v = "{version}", w = "{w|1 2}" } }]]
    assert.equal("/chat/completions?w=1%202", endpoint(provider_of(text)).path)
    assert.equal("/chat/completions?v=3&w=1%202",
      endpoint(provider_of(text, { version = "3" })).path)
  end)

  it("puts the key where the adapter says", function()
    local text = 'return tide.adapter { dialect = "openai-chat", base_url = "http://a", auth = %s }'
    local made = endpoint(provider_of(text:format('{ type = "query", name = "key" }')))
    assert.same({ "key", { "secret" } }, made.secret_query)
    assert.is_nil(header(made, "authorization"))
    made = endpoint(provider_of(text:format('{ type = "header", name = "x-key" }')))
    assert.same({ "secret" }, header(made, "x-key"))
    assert.is_nil(made.secret_query)
    made = endpoint(provider_of(text:format('{ type = "bearer" }')))
    assert.same({ "secret" }, header(made, "authorization"))
  end)

  it("sends the headers of the dialect unless the adapter has others", function()
    local text = 'return tide.adapter { dialect = "anthropic-messages", base_url = "http://a", %s }'
    assert.equal("2023-06-01", header(endpoint(provider_of(text:format(""))), "anthropic-version"))
    local own = text:format('headers = { ["Anthropic-Version"] = "2" }')
    assert.equal("2", header(endpoint(provider_of(own)), "Anthropic-Version"))
    assert.is_nil(header(endpoint(provider_of(own)), "anthropic-version"))
  end)

  it("says which field an address lacks", function()
    local provider, err = provider_of([[return tide.adapter { dialect = "openai-chat",
      base_url = "http://a/{zone}" }]])
    assert.is_nil(provider)
    assert.same({ path = "providers.mine.zone", message = "needs `zone`, which its address has" },
      err)
  end)

  it("knows what stands before a path", function()
    local provider = provider_of([[return tide.adapter { dialect = "openai-chat",
      base_url = "http://a:1/x/{model}/" }]])
    assert.equal("/x/m", (address.base_path(provider, "m")))
  end)
end)

describe("tide.provider_settings", function()
  local TEXT = [[return tide.adapter { dialect = "openai-chat", base_url = "http://{resource}",
    config = { resource = "string!", depth = "number?" } }]]

  it("wants what the adapter needs", function()
    local _, err = provider_of(TEXT, {})
    assert.same({ path = "providers.mine", message = "needs `resource`" }, err)
    assert.is_truthy(provider_of(TEXT, { resource = "r" }))
    assert.is_truthy(provider_of(TEXT, { base_url = "http://b" }))
  end)

  it("refuses other fields, with what may have been meant", function()
    local _, err = provider_of(TEXT, { resource = "r", detph = 5 })
    assert.equal("providers.mine.detph", err.path)
    assert.equal("unknown field 'detph' (did you mean 'depth'?)", err.message)
    _, err = provider_of(TEXT, { resource = "r", depth = "5" })
    assert.equal("must be a number, not a string", err.message)
  end)

  it("says in the adapter's file what no field can be", function()
    for config, problem in pairs({
      ['{ a = "text" }'] = "config.a must be", ['{ timeout = "string" }'] = "every provider",
      ['{ model = "string" }'] = "every provider",
    }) do
      fake.install({ files = { ["adapters/mine.lua"] =
        'return tide.adapter { extends = "openai", config = ' .. config .. " }" } })
      local _, err = require("tide.adapters").load()
      assert.matches(problem, err.message)
    end
  end)
end)
