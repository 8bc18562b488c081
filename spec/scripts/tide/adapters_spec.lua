local fake = require("spec.support.fake_core")

-- Loads the shipped adapters with these files added or in their place.
local function load_with(files)
  fake.install({ files = files })
  return require("tide.adapters").load()
end

local function failure(text, path)
  local loaded, err = load_with({ [path or "adapters/custom.lua"] = text })
  assert.is_nil(loaded)
  return err
end

describe("tide.adapters", function()
  it("adds to what a dialect calls an error what an adapter knows", function()
    local loaded = load_with({ ["adapters/custom.lua"] = [[return tide.adapter {
      extends = "openai", errors = { inside = { { path = "base.code", unless = 0 } } } }]] })
    local rules = loaded.adapters.custom.watches["openai-chat"].rules
    assert.same({ "error", { event = "error" }, { path = "base.code", unless = 0 } }, rules.error)
    assert.equal("choices[]", rules.choices)
    assert.is_nil(loaded.adapters.openai.watches)
    local said = failure('return tide.adapter { extends = "openai",\n'
      .. "errors = { inside = { { unless = 0 } } } }")
    assert.truthy(said.message:find("needs a `path`", 1, true))
  end)

  it("resolves extends over several levels", function()
    local loaded = load_with({
      ["adapters/zai.lua"] = [[return tide.adapter {
        name = "zai", extends = "zhipu", base_url = "https://api.z.ai/api/paas/v4",
        auth = { type = "bearer", secret = "ZAI_API_KEY" } }]],
    })
    local zai = loaded.adapters.zai
    assert.equal("openai-chat", zai.dialect.name)
    assert.equal("/chat/completions", zai.ops.chat.path)
    assert.equal("quota", zai.errors.map["1113"])
    assert.equal("quota", zai.errors.map.insufficient_quota)
    assert.same({ max_completion_tokens = "max_tokens" }, zai.params.rename)
    assert.is_false(zai.asks_usage)
  end)

  it("loads of the shipped ones those that are asked for, what they extend, and all of the user's",
  function()
    fake.install({ files = {
      ["adapters/mine.lua"] = 'return tide.adapter { extends = "zhipu", base_url = "http://a.b" }',
    } })
    local loaded = require("tide.adapters").load(nil, nil, { groq = true, nothing = true })
    assert.same({ "groq", "mine", "openai", "zhipu" },
      require("tide.suggest").names(loaded.adapters))
  end)

  it("does not pass on where a service is, its key and its models", function()
    local loaded = load_with({
      ["adapters/custom.lua"] = 'return tide.adapter { name = "custom", extends = "openai" }',
    })
    local custom = loaded.adapters.custom
    assert.is_nil(custom.base_url)
    assert.equal("none", custom.auth.type)
    assert.same({}, custom.models)
    assert.is_true(custom.asks_usage)
  end)

  it("passes on no paths, fields and counts to one that speaks another dialect", function()
    local extending = 'return tide.adapter { extends = "xai", dialect = "%s" }'
    local loaded = load_with({
      ["adapters/other.lua"] = extending:format("anthropic-messages"),
      ["adapters/alike.lua"] = extending:format("openai-chat"),
    })
    local other, alike = loaded.adapters.other, loaded.adapters.alike
    assert.is_nil(other.ops.chat.path)
    assert.is_false(other.asks_usage)
    assert.same({ "input_tokens" }, other.usage.places.input)
    assert.is_false(other.usage.reasoning_excluded)
    assert.same(loaded.adapters.xai.errors.match, other.errors.match)
    assert.equal("/chat/completions", alike.ops.chat.path)
    assert.is_true(alike.usage.reasoning_excluded)
  end)

  it("lets a file of the user replace a shipped one", function()
    local loaded = load_with({
      ["adapters/groq.lua"] = [[return tide.adapter {
        name = "groq", extends = "openai", base_url = "http://127.0.0.1:1" }]],
    })
    assert.equal("http://127.0.0.1:1", loaded.adapters.groq.base_url)
  end)

  it("T-39 names file, line and what was meant for a misspelt field", function()
    local err = failure('return tide.adapter {\n  name = "custom",\n  extends = "openai",\n'
      .. '  -- parmas is wrong\n  parmas = {},\n}')
    assert.same({
      file = "adapters/custom.lua", line = 5, message = "unknown field 'parmas' "
        .. "(did you mean 'params'?)",
    }, err)
  end)

  it("T-39 names file and line of a syntax error", function()
    local err = failure('return tide.adapter {\n  name = \n}')
    assert.equal("adapters/custom.lua", err.file)
    assert.equal(3, err.line)
  end)

  it("refuses a misspelt global with its line", function()
    local err = failure('local a = 1\nreturn tdie.adapter { name = "custom" }')
    assert.equal(2, err.line)
    assert.equal("unknown global 'tdie' (did you mean 'tide'?)", err.message)
  end)

  it("refuses to make a global", function()
    local err = failure('helper = 1\nreturn tide.adapter { extends = "openai" }')
    assert.equal(1, err.line)
    assert.matches("write local helper", err.message)
  end)

  it("T-44 has no way to files, programs or other modules", function()
    for _, name in ipairs({ "io", "os", "package", "debug", "loadstring", "dofile", "getfenv" }) do
      assert.matches("unknown global", failure("return " .. name).message)
    end
    assert.matches("there is no module", failure('return require("tide.gateway")').message)
    assert.matches("unknown global", failure("return _G").message)
  end)

  it("keeps what one file does to the library from all others", function()
    local loaded = load_with({
      ["adapters/aaa.lua"] = 'string.format = nil; tide.adapter = tide.adapter\n'
        .. 'return tide.adapter { name = "aaa", extends = "openai" }',
    })
    assert.is_truthy(loaded.adapters.openai)
    assert.is_function(string.format)
  end)

  it("refuses an adapter of an unknown parent, and circles", function()
    local err = failure('return tide.adapter {\n extends = "opnai" }')
    assert.equal(2, err.line)
    assert.equal("unknown adapter 'opnai' (did you mean 'openai'?)", err.message)
    assert.matches("extends this adapter",
      failure('return tide.adapter { name = "custom", extends = "custom" }').message)
  end)

  it("refuses a wrong name, kind, clamp, auth and return value", function()
    assert.matches("name must be 'custom'", failure('return tide.adapter { name = "x" }').message)
    assert.matches("is no kind of error", failure(
      'return tide.adapter { extends = "openai", errors = { map = { x = "qouta" } } }').message)
    assert.matches("lowest, highest", failure(
      'return tide.adapter { extends = "openai", params = { clamp = { n = { 2, 1 } } } }').message)
    assert.matches("auth.type must be", failure(
      'return tide.adapter { extends = "openai", auth = { type = "hmac" } }').message)
    assert.matches("must end with", failure("return nil").message)
    assert.matches("needs `dialect` or `extends`",
      failure('return tide.adapter { name = "custom" }').message)
  end)

  it("says so when a field belongs to a later version", function()
    assert.matches("'list_models' is not a field of this version",
      failure('return tide.adapter { list_models = function() end }').message)
  end)

  it("takes a dialect of the user's", function()
    local loaded = load_with({
      ["adapters/dialects/lines.lua"] = [[return tide.dialect {
        watch = { content = "text", finish = { event = "end" } },
        error_body = function(err) return err.message end,
        error_event = function(err) return err.message end }]],
      ["adapters/custom.lua"] = [[return tide.adapter {
        dialect = "lines", base_url = "http://127.0.0.1:1", ops = { chat = { path = "/x" } } }]],
    })
    assert.equal("lines", loaded.adapters.custom.dialect.name)
    assert.matches("a dialect needs `watch`",
      failure("return tide.dialect {}", "adapters/dialects/lines.lua").message)
  end)

  it("speaks the first of several dialects to those that it does not speak", function()
    local loaded = load_with({ ["adapters/custom.lua"] =
      'return tide.adapter { dialects = { "gemini", "openai-chat" } }' })
    local custom = loaded.adapters.custom
    assert.equal("gemini", custom.dialect.name)
    assert.is_truthy(custom.dialects["openai-chat"])
    assert.is_truthy(custom.ops.chat and custom.ops.embed and custom.ops.count)
  end)

  it("passes on the first dialect alone", function()
    local loaded = load_with({
      ["adapters/one.lua"] = 'return tide.adapter { dialects = { "gemini", "openai-chat" } }',
      ["adapters/two.lua"] = 'return tide.adapter { extends = "one" }',
    })
    assert.same({ "gemini" }, require("tide.suggest").names(loaded.adapters.two.dialects))
  end)

  it("puts the families of a file before those that it inherits", function()
    local family = 'families = { { models = { "m*" }, traits = { of = "%s" } } }'
    local loaded = load_with({
      ["adapters/one.lua"] = 'return tide.adapter { extends = "openai", '
        .. family:format("parent") .. " }",
      ["adapters/two.lua"] = 'return tide.adapter { extends = "one", '
        .. family:format("child") .. " }",
    })
    local families = require("tide.families")
    assert.equal("child", families.find(loaded.adapters.two.families, "m1").traits.of)
    assert.equal("parent", families.find(loaded.adapters.one.families, "m1").traits.of)
  end)

  it("refuses rules that cannot be meant", function()
    for text, problem in pairs({
      ['families = { { traits = {} } }'] = "each needs `models`",
      ['families = { { models = { "m" }, via = { dialect = "gemini", when = "tools" } } }'] =
        "not in `dialects`",
      ['families = { { models = { "m" }, via = { dialect = "x", when = "tool" } } }'] =
        "via.when must be .*did you mean 'tools'",
      ['families = { { models = { "m" }, params = { clamp = { t = { 2, 1 } } } } }'] = "clamp",
      ['auth = { type = "query" }'] = "needs a `name`",
      ['dialects = { "openai-chat", "gemni" }'] = "did you mean 'gemini'",
    }) do
      assert.matches(problem,
        failure('return tide.adapter { extends = "openai", ' .. text .. " }").message)
    end
  end)

  it("takes hooks for a dialect where there is none", function()
    local loaded = load_with({ ["adapters/custom.lua"] = [[return tide.adapter {
      encode = function() end, on_event = function() end, ops = { chat = { path = "/x" } } }]] })
    assert.equal("own", loaded.adapters.custom.dialect.name)
    assert.matches("needs `dialect`",
      failure("return tide.adapter { encode = function() end }").message)
  end)

  it("runs a hook under the guard of the file that it stands in", function()
    local loaded = load_with({
      ["adapters/one.lua"] = [[return tide.adapter { extends = "openai",
        prepare = function() error("of one") end }]],
      ["adapters/two.lua"] = 'return tide.adapter { extends = "one" }',
    })
    local ok, raised = pcall(loaded.adapters.two.hooks.prepare, {}, {})
    assert.is_false(ok)
    assert.matches("adapters/one.lua:2: of one", require("tide.guarded").text_of(raised))
  end)
end)
