local fake = require("spec.support.fake_core")

local POLICY = "return tide.policy { route = function(req) return nil end }"
local MIDDLEWARE = "return tide.middleware { before = function(req) end }"

local function load(config, files)
  fake.install({ config = config, files = files })
  return require("tide.scripts").load(config)
end

local function failure(config, files)
  local loaded, err = load(config, files)
  assert.is_nil(loaded)
  return err
end

describe("tide.scripts", function()
  it("loads nothing where nothing is configured", function()
    assert.same({ policies = {}, middleware = {} }, load({}))
  end)

  it("loads the policies that the configuration names, and every one of the user", function()
    local loaded = load({ policy = "a", models = { m = { "x/y", policy = "b" } } }, {
      ["scripts/policies/a.lua"] = POLICY, ["scripts/policies/b.lua"] = POLICY,
      ["scripts/policies/unused.lua"] = POLICY,
    })
    assert.equal("scripts/policies/a.lua", loaded.policies.a.path)
    assert.equal("function", type(loaded.policies.b.route))
    assert.is_truthy(loaded.policies.unused)
  end)

  it("keeps the order of the middleware", function()
    local loaded = load({ middleware = { "z", "a" } }, {
      ["scripts/middleware/a.lua"] = MIDDLEWARE, ["scripts/middleware/z.lua"] = MIDDLEWARE,
    })
    assert.same({ "z", "a" }, { loaded.middleware[1].name, loaded.middleware[2].name })
  end)

  it("refuses a broken file of the user that nothing names", function()
    local err = failure({}, { ["scripts/policies/x.lua"] = "return tide.policy {\n  route = \n}" })
    assert.same({ "scripts/policies/x.lua", 3 }, { err.file, err.line })
  end)

  it("does not take tests for scripts", function()
    assert.same({ policies = {}, middleware = {} },
      load({}, { ["scripts/policies/x_test.lua"] = "not Lua at all" }))
  end)

  it("T-39 names file, line and what was meant for a misspelt hook", function()
    local err = failure({}, {
      ["scripts/policies/x.lua"] = "return tide.policy {\n  route = print,\n  acept = 1,\n}",
    })
    assert.matches("unknown global 'print'", err.message)
    err = failure({}, {
      ["scripts/policies/x.lua"] = "return tide.policy {\n  acept = function() end,\n}",
    })
    assert.same({
      file = "scripts/policies/x.lua", line = 2,
      message = "unknown field 'acept' (did you mean 'accept'?)",
    }, err)
  end)

  it("says that a file does not end with a policy", function()
    for _, text in ipairs({ "return { route = function() end }", "local x = 1", MIDDLEWARE }) do
      local err = failure({}, { ["scripts/policies/x.lua"] = text })
      assert.equal("must end with: return tide.policy { ... }", err.message)
    end
  end)

  it("refuses scripts without a hook, of another api or with another name", function()
    local function message(text)
      return failure({}, { ["scripts/policies/x.lua"] = text }).message
    end
    assert.matches("needs a hook", message("return tide.policy {}"))
    assert.matches("api must be 1", message("return tide.policy { api = 2 }"))
    assert.equal("name must be 'x', as the file is",
      message('return tide.policy { name = "y", route = function() end }'))
    assert.matches("not a field of this version",
      message("return tide.policy { on_load = function() end }"))
    assert.matches("needs `before` or `after`", failure({}, {
      ["scripts/middleware/x.lua"] = "return tide.middleware {}",
    }).message)
  end)

  it("names the setting of a script that does not exist, and what was meant", function()
    local files = {
      ["scripts/policies/cheap.lua"] = POLICY, ["scripts/middleware/guard.lua"] = MIDDLEWARE,
    }
    local err = failure({ policy = "cheep" }, files)
    assert.equal("policy", err.path)
    assert.matches("no policy 'cheep'.*did you mean 'cheap'", err.message)
    err = failure({ models = { m = { targets = { "a/b" }, policy = "x" } } }, files)
    assert.equal("models.m.policy", err.path)
    err = failure({ middleware = { "guard", "gaurd" } }, files)
    assert.equal("middleware.2", err.path)
    assert.matches("did you mean 'guard'", err.message)
  end)
end)
