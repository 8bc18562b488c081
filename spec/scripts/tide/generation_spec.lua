local fake = require("spec.support.fake_core")

local core, generation

local POLICY = 'local prices = require("lib.prices")\n'
  .. 'return tide.policy { name = "cheap", route = function() return prices end }'

local function begin(files, config)
  core = fake.install({ files = files, config = config or {
    providers = { mock = {} }, models = { smart = "mock/gpt" },
  } })
  generation = require("tide.generation")
  return assert(generation.build())
end

-- The next generation: other files, or another configuration.
local function build_on(previous, files, config)
  for path, text in pairs(files or {}) do core.files[path] = text or nil end
  core.offer = { number = previous.number + 1 }
  if config then
    core.offer.config, core.offer.settings = config, previous.settings .. "+"
    config.defaults = core.config.defaults
  end
  return generation.build(previous)
end

local function entry_of(gen, name) return gen.files["scripts/policies/" .. name .. ".lua"] end

local function route_of(gen, name) return entry_of(gen, name).value.route end

local function message_of(_, err) return err.file .. ":" .. err.line .. ": " .. err.message end

describe("tide.generation", function()
  it("has all that requests need", function()
    local gen = begin()
    assert.equal(1, gen.number)
    assert.is_truthy(gen.providers.mock)
    assert.is_truthy(gen.registry.plans.smart)
    assert.equal("openai-chat", gen.dialects["openai-chat"].name)
    assert.is_false(gen.needs_client)
    assert.is_nil(gen.scripts)
  end)

  it("takes everything from the one before when nothing has changed", function()
    local old = begin()
    local new = assert(build_on(old))
    assert.equal(2, new.number)
    for _, field in ipairs({ "adapters", "providers", "registry" }) do
      assert.equal(old[field], new[field], field)
    end
  end)

  it("makes providers and models anew for another configuration", function()
    local old = begin()
    local new = assert(build_on(old, nil, { providers = { mock = {} } }))
    assert.equal(old.adapters, new.adapters)
    assert.is_nil(new.registry.plans.smart)
    assert.is_truthy(old.registry.plans.smart)
  end)

  it("T-45 has the adapter of a file that was not there", function()
    local old = begin()
    local config = { providers = { harbour = { base_url = "http://127.0.0.1:1/v1" } } }
    local new = assert(build_on(old, {
      ["adapters/harbour.lua"] = 'return tide.adapter { name = "harbour", extends = "openai", '
        .. 'models = { ["big"] = {} } }',
    }, config))
    assert.is_truthy(new.providers.harbour.models.big)
    assert.is_nil(old.adapters.adapters.harbour)
  end)

  it("loads only files whose bytes have changed", function()
    local old = begin({
      ["scripts/policies/a.lua"] = "return tide.policy { route = function() end }",
      ["scripts/policies/b.lua"] = "return tide.policy { route = function() end }",
    })
    core.turns = 0
    local new = assert(build_on(old, {
      ["scripts/policies/b.lua"] = "return tide.policy { route = function() return nil end }",
    }))
    assert.equal(route_of(old, "a"), route_of(new, "a"))
    assert.not_equal(route_of(old, "b"), route_of(new, "b"))
    assert.equal(old.adapters, new.adapters)
  end)

  it("keeps a script that is out of service out until its file changes", function()
    local old = begin({
      ["scripts/policies/a.lua"] = "return tide.policy { route = function() end }",
    })
    entry_of(old, "a").source.health.is_out = true
    local new = assert(build_on(old, { ["scripts/policies/b.lua"] =
      "return tide.policy { route = function() end }" }))
    assert.is_true(entry_of(new, "a").source.health.is_out)
    new = assert(build_on(new, { ["scripts/policies/a.lua"] =
      "return tide.policy { route = function() return nil end }" }))
    assert.is_false(entry_of(new, "a").source.health.is_out)
  end)

  it("loads a file again when one that it requires has changed", function()
    local old = begin({ ["scripts/policies/cheap.lua"] = POLICY, ["scripts/lib/prices.lua"] =
      'return require("lib.deep")', ["scripts/lib/deep.lua"] = "return 1" })
    assert.equal(1, route_of(old, "cheap")())
    local same = assert(build_on(old, { ["scripts/lib/other.lua"] = "return 5" }))
    assert.equal(route_of(old, "cheap"), route_of(same, "cheap"))
    local new = assert(build_on(same, { ["scripts/lib/deep.lua"] = "return 2" }))
    assert.equal(2, route_of(new, "cheap")())
    assert.equal(1, route_of(old, "cheap")())
  end)

  it("gives a library to all that require it, loaded once", function()
    local gen = begin({
      ["scripts/policies/a.lua"] =
        'local l = require("lib.l")\nreturn tide.policy { route = function() return l end }',
      ["scripts/policies/b.lua"] =
        'local l = require("lib.l")\nreturn tide.policy { route = function() return l end }',
      ["scripts/lib/l.lua"] = "return {}",
    })
    assert.equal(route_of(gen, "a")(), route_of(gen, "b")())
  end)

  it("gives a file of the user another chance under another configuration", function()
    local old = begin({
      ["scripts/policies/a.lua"] = "return tide.policy { route = function() end }",
    })
    local new = assert(build_on(old, nil, { providers = { mock = {} } }))
    assert.not_equal(route_of(old, "a"), route_of(new, "a"))
  end)

  it("loads one file in a turn of the loop", function()
    local old = begin()
    local files = {}
    for i = 1, 50 do
      files["scripts/policies/p" .. i .. ".lua"] = "return tide.policy { route = function() end }"
    end
    core.turns = 0
    assert(build_on(old, files))
    assert.is_true(core.turns >= 50)
  end)

  it("T-39 leaves the one before as it is when a file is wrong", function()
    local old = begin()
    local failure = message_of(build_on(old, { ["scripts/policies/a.lua"] = "\nreturn tide." }))
    assert.matches("^scripts/policies/a.lua:2: ", failure)
    assert.is_truthy(build_on(old, { ["scripts/policies/a.lua"] = false }))
  end)

  describe("require", function()
    local function failure(files)
      core = fake.install({ files = files, config = { providers = { mock = {} } } })
      generation = require("tide.generation")
      return message_of(generation.build())
    end

    it("names both files of a circle", function()
      assert.equal("scripts/lib/b.lua:2: requires scripts/lib/a.lua, which requires "
        .. "scripts/lib/b.lua", failure({
          ["scripts/policies/p.lua"] = 'local a = require("lib.a")',
          ["scripts/lib/a.lua"] = 'local b = require("lib.b")\nreturn b',
          ["scripts/lib/b.lua"] = '\nlocal a = require("lib.a")\nreturn a',
        }))
    end)

    it("names a file that requires itself", function()
      assert.equal("scripts/lib/a.lua:1: the file requires itself", failure({
        ["scripts/policies/p.lua"] = 'local a = require("lib.a")',
        ["scripts/lib/a.lua"] = 'local a = require("lib.a")\nreturn a',
      }))
    end)

    it("names what does not exist, and who wants it", function()
      assert.equal("scripts/policies/p.lua:2: requires scripts/lib/gone.lua, which does not exist",
        failure({ ["scripts/policies/p.lua"] = '\nlocal a = require("lib.gone")' }))
    end)

    it("names the library that is wrong, not the file that requires it", function()
      local files = { ["scripts/policies/p.lua"] = '\nlocal a = require("lib.a")' }
      files["scripts/lib/a.lua"] = "\n\nreturn 1 +"
      assert.matches("^scripts/lib/a.lua:3: ", failure(files))
      files["scripts/lib/a.lua"] = "\nlocal x = nil + 1"
      assert.matches("^scripts/lib/a.lua:2: ", failure(files))
      files["scripts/lib/a.lua"] = "local x = 1"
      assert.equal("scripts/lib/a.lua:1: must end with: return ...", failure(files))
    end)

    it("is for libraries alone, and for the time of loading", function()
      local files = { ["scripts/policies/p.lua"] = 'local a = require("policies.p")' }
      assert.matches("scripts/policies/p.lua:1: there is no module 'policies.p'", failure(files))
      local gen = begin({
        ["scripts/policies/p.lua"] =
          'return tide.policy { route = function(name) return require(name) end }\n',
        ["scripts/policies/q.lua"] =
          'local a = require("lib.a")\nreturn tide.policy { route = function() return a end }',
        ["scripts/lib/a.lua"] = "return 3",
        ["scripts/lib/b.lua"] = "return 4",
      })
      assert.equal(3, route_of(gen, "p")("lib.a"))
      assert.has_error(function() return route_of(gen, "p")("lib.b") end)
    end)
  end)
end)
