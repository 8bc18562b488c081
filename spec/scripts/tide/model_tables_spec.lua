local fake = require("spec.support.fake_core")
local lfs = require("lfs")

local tables, core

local function install(files)
  core = fake.install({ files = files })
  tables = require("tide.model_tables")
end

local function shipped()
  local names = {}
  for file in lfs.dir("adapters/models") do
    names[#names + 1] = file:match("^(.+)%.lua$")
  end
  table.sort(names)
  return names
end

-- All that a file says, by running it.
local function evaluated(name)
  local env = { tide = { models = function(value) return value end } }
  return assert(loadfile("adapters/models/" .. name .. ".lua", "t", env))()
end

describe("tide.model_tables", function()
  before_each(function() install() end)

  describe("what the program carries", function()
    for _, name in ipairs(shipped()) do
      it("has one model a line, found as it is written: " .. name, function()
        local value, count = evaluated(name), 0
        require("tide.api").new({ path = "x", name = "x", kind = "models" }).models(value)
        assert.matches("^%d%d%d%d%-%d%d%-%d%d$", value.date)
        local opened = tables.open({}, name)
        local shown = {}
        for model, entry in opened:each() do shown[model] = entry end
        for model, entry in pairs(value.models) do
          assert.same(entry, opened:find(model), model)
          assert.equal(entry.context, shown[model].context, model)
          assert.equal(entry.max_output, shown[model].max_output, model)
          assert.equal(entry.kind, shown[model].kind, model)
          assert.equal(entry.retires, shown[model].retires, model)
          assert.equal(entry.caps ~= nil, shown[model].caps ~= nil, model)
          count, shown[model] = count + 1, nil
        end
        assert.is_nil(next(shown))
        assert.is_true(count >= 5)
      end)
    end

    it("has figures that were checked by hand", function()
      local openai, anthropic = tables.open({}, "openai"), tables.open({}, "anthropic")
      local function prices(entry) return { entry.input, entry.output, entry.cached } end
      assert.same({ 2.5, 10, 1.25 }, prices(openai:find("gpt-4o")))
      assert.same({ 0.15, 0.6, 0.075 }, prices(openai:find("gpt-4o-mini")))
      assert.same({ 5, 15 }, prices(openai:find("gpt-4o-2024-05-13"))) -- dearer than its name
      assert.same({ 0.02, 0 }, prices(openai:find("text-embedding-3-small")))
      assert.same({ 5, 25, 0.5 }, prices(anthropic:find("claude-opus-4-5")))
      assert.equal(6.25, anthropic:find("claude-opus-4-5").cache_write)
      assert.equal(3, anthropic:find("claude-sonnet-5").input) -- from 2026-09-01 on
      assert.same({ { above = 200000, input = 2.5, output = 15, cached = 0.25 } },
        tables.open({}, "gemini"):find("gemini-2.5-pro").tiers)
      assert.is_nil(tables.open({}, "cohere"):find("rerank-v3.5").input) -- by the search, not free
    end)

    it("never has a tier that is cheaper than what is below it", function()
      for _, name in ipairs(shipped()) do
        for model, entry in pairs(evaluated(name).models) do
          local below = entry
          for _, tier in ipairs(entry.tiers or {}) do
            for _, kind in ipairs({ "input", "output", "cached", "cache_write" }) do
              local is_dearer = (tier[kind] or 0) >= (below[kind] or 0)
              assert.is_true(is_dearer, name .. "/" .. model .. ": " .. kind)
            end
            below = tier
          end
        end
      end
    end)
  end)

  describe("names", function()
    local own = {}

    local function table_with(...)
      own = {}
      for _, name in ipairs({ ... }) do own[name] = { context = #name } end
      return tables.open({ x = { value = { models = own } } }, "x")
    end

    it("is found as it is, before what it stands for", function()
      local opened = table_with("m", "m-20250101", "eu.a.m", "a.m")
      assert.equal(own["m-20250101"], opened:find("m-20250101"))
      assert.equal(own["eu.a.m"], opened:find("eu.a.m"))
    end)

    it("is found without a date, a region, or what is around it", function()
      local opened =
        table_with("claude-sonnet-4-5", "anthropic.claude-v1:0", "ft:gpt-4o-2024-08-06")
      for _, name in ipairs({
        "claude-sonnet-4-5-20250929", "claude-sonnet-4-5-2025-09-29", "claude-sonnet-4-5@20250929",
        "claude-sonnet-4-5@default", "models/claude-sonnet-4-5",
      }) do
        assert.equal(own["claude-sonnet-4-5"], opened:find(name), name)
      end
      for _, name in ipairs({
        "us.anthropic.claude-v1:0", "global.anthropic.claude-v1:0",
        "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-v1:0",
        "arn:aws-us-gov:bedrock:us-gov-west-1:12:inference-profile/us.anthropic.claude-v1:0",
      }) do
        assert.equal(own["anthropic.claude-v1:0"], opened:find(name), name)
      end
      assert.equal(own["ft:gpt-4o-2024-08-06"], opened:find("ft:gpt-4o-2024-08-06:org::8abc"))
    end)

    it("is never that of another model", function()
      local opened = table_with("gpt-4o", "claude-opus-4", "llama", "a.m", "x")
      for _, name in ipairs({
        "gpt-4", "gpt-4o-mini", "gpt-4o-audio", "claude-opus-4-5", "GPT-4o", "gpt-4o-0613",
        "llama:free", "org/llama", "zz.a.m", "gpt-4o-202501011", "", "-20250101", "x\n", 'x"] = {',
        "ft:gpt-4o-mini:o::i", "arn:aws:bedrock:us-east-1:12:application-inference-profile/gpt",
      }) do
        assert.is_nil(opened:find(name), name)
      end
    end)

    it("has an end", function()
      local long = ("x"):rep(257)
      assert.is_nil(table_with(long):find(long))
      assert.is_nil(table_with("m"):find("m@" .. ("a"):rep(1e6)))
    end)

    it("of what the program carries cannot lead out of their line", function()
      local opened = tables.open({}, "openai")
      assert.is_nil(opened:find('x"] = {'))
      assert.is_nil(opened:find('gpt-4o"] = { context = 128000, max_output'))
      assert.is_nil(opened:find("gpt-4o\n"))
    end)
  end)

  describe("a file of the user", function()
    local FILE = "adapters/models/groq.lua"

    it("replaces the table of that name, and no other", function()
      install({ [FILE] = 'return tide.models { models = { mine = { context = 7 } } }' })
      local files = assert(tables.load())
      local opened = tables.open(files, "groq")
      assert.equal(7, opened:find("mine").context)
      assert.is_nil(opened:find("llama-3.1-8b-instant"))
      assert.is_truthy(tables.open(files, "openai"):find("gpt-4o"))
      assert.is_nil(tables.open(files, "nobody"))
    end)

    it("makes a table for a service that has none", function()
      install({ ["adapters/models/mine.lua"] = 'return tide.models { models = { m = {} } }' })
      assert.same({}, tables.open(tables.load(), "mine"):find("m"))
    end)

    it("is the same again for as long as it does not change", function()
      install({ [FILE] = 'return tide.models { models = {} }' })
      local loader = require("tide.loader")
      loader.begin("s", {})
      local before = tables.load()
      local kept = loader.finish()
      loader.begin("s", kept)
      assert.equal(before, tables.load(nil, before))
      loader.finish()
      core.files[FILE] = 'return tide.models { models = { m = {} } }'
      loader.begin("s", kept)
      assert.is_truthy(tables.load(nil, before).groq.value.models.m)
      loader.finish()
    end)

    local function problem(text)
      install({ [FILE] = text })
      local files, err = tables.load()
      assert.is_nil(files)
      return err.file .. ":" .. err.line .. ": " .. err.message
    end

    it("is refused with the line of what is wrong", function()
      assert.equal(FILE .. ":3: models.m: unknown field 'contxt' (did you mean 'context'?)",
        problem('return tide.models { models = {\n m = {\n contxt = 1 } } }'))
      assert.matches(":2: m: input must be a number from 0 on",
        problem('return tide.models { models = {\n m = { input = -1, output = 0 } } }'))
      assert.matches(":2: m: the prices of tokens need one for the `input`",
        problem('return tide.models { models = {\n m = { output = 1 } } }'))
      assert.matches(":1: m: tiers: each needs an `above`",
        problem('return tide.models { models = { m = { input = 1, tiers = { { input = 2 } } } } }'))
      assert.matches(":1: m: kind must be one of",
        problem('return tide.models { models = { m = { kind = "chatty" } } }'))
      assert.matches(":1: m: retires must be a date",
        problem('return tide.models { models = { m = { retires = "soon" } } }'))
      assert.matches("must end with: return tide.models", problem("return { models = {} }"))
      assert.matches("needs `models`", problem("return tide.models {}"))
    end)
  end)
end)
