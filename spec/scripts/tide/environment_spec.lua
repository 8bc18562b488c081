local fake = require("spec.support.fake_core")

local function environment(safe)
  local core = fake.install({ config = {} })
  for name, value in pairs(safe or {}) do core[name] = value end
  return require("tide.environment").new({})
end

describe("tide.environment", function()
  it("gives a file the functions that cannot run for ever", function()
    local function find() end
    local env = environment({ safe_string = { find = find }, safe_table = { sort = find } })
    assert.equal(find, env.string.find)
    assert.equal(find, env.table.sort)
    assert.is_nil(env.table.foreach)
  end)

  it("gives every file tables of its own", function()
    local safe = { find = function() end }
    local one = environment({ safe_string = safe })
    one.string.find, one.table.sort, one.math.huge = 1, 2, 3
    local other = require("tide.environment").new({})
    assert.equal(safe.find, other.string.find)
    assert.equal("function", type(table.sort))
    assert.equal(math.huge, other.math.huge)
  end)

  it("loads a part of a shipped dialect when it is called", function()
    environment()
    local name = "dialects.gemini.members"
    package.loaded[name] = nil
    local env = require("tide.environment").new({}, nil, true)
    local number = env.require(name).number
    assert.is_nil(package.loaded[name])
    assert.equal(7, number({ totalTokens = 7 }, "totalTokens"))
    assert.is_truthy(package.loaded[name])
  end)

  it("gives every file its own copy of the gateway's modules", function()
    local env = environment()
    env.require("tide.canonical").wrap = "spoilt"
    assert.equal("function", type(env.require("tide.canonical").wrap))
    assert.equal("function", type(require("tide.canonical").wrap))
    assert.has_error(function() return env.require("tide.gateway") end)
  end)

  it("has no way to bytecode", function()
    assert.is_nil(environment().string.dump)
    assert.has_error(function() return environment().loadstring end)
  end)
end)
