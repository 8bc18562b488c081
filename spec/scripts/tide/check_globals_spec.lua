local check_globals

local function find(text)
  local tide = { json = { encode = print }, log = { info = print }, now = print }
  local env = setmetatable({}, {
    __index = function(_, name)
      local known = {
        tide = tide, pairs = pairs, require = require, string = { find = string.find },
      }
      if known[name] == nil then error("unknown global '" .. name .. "' (did you mean 'x'?)", 2) end
      return known[name]
    end,
  })
  local found = {}
  for i, problem in ipairs(check_globals.find(assert(load(text, "=x")), env)) do
    found[i] = problem.line .. ": " .. problem.message
  end
  return found
end

describe("tide.check_globals", function()
  before_each(function()
    require("spec.support.fake_core").install()
    check_globals = require("tide.check_globals")
  end)

  it("finds nothing in a good file", function()
    assert.same({}, find([[
      local a = tide.json.encode
      local t = { print = 1 }
      t.os = 2
      local function io(os) return os, t.print, ("x"):find("y"), string.find end
      return tide, a, io, pairs, require("lib.x")
    ]]))
  end)

  it("finds misspelt globals in functions that never run", function()
    assert.same({ "3: unknown global 'pirs' (did you mean 'x'?)" }, find([[
      return function()
        return function() for _ in
        pirs({}) do end end
      end]]))
  end)

  it("finds members that the API does not have, at any depth", function()
    assert.same({
      "1: there is no tide.jsn (did you mean 'json'?)",
      "2: there is no tide.json.encod (did you mean 'encode'?)",
      "3: there is no string.fnd (did you mean 'find'?)",
    }, find("local a = tide.jsn.encode\nlocal b = function() tide.json.encod(1) end\n"
      .. "return string.fnd"))
  end)

  it("does not take the member of another value for one of the API", function()
    assert.same({}, find("local t, u = tide, {}; return u.nothing, t.json, tide.now().anything"))
  end)

  it("names what is forbidden, and what there is instead", function()
    local found = find("local x = require 'io'\nreturn os.time(), io, print")
    assert.equal(4, #found)
    assert.truthy(found[1]:find("^1: there is no module 'io'"))
    assert.truthy(found[2]:find("^2: there is no 'io' here"))
    assert.truthy(found[3]:find("tide.time%(%)") and found[4]:find("tide.log.info"))
  end)

  it("finds globals that are set", function()
    assert.same({ "2: 'count' would be a global: write local count" },
      find("local function f()\ncount = 1 end return f"))
  end)

  it("asks whether a module can be required", function()
    local chunk = load("local a = require('lib.a')\nreturn require 'lib.b'")
    local function why_not(name) return name == "lib.b" and "no lib.b" or nil end
    assert.same({ { line = 2, message = "no lib.b" } }, check_globals.find(chunk, _G, why_not))
  end)
end)
