local fake = require("spec.support.fake_core")

local guarded

local function functions(value, is_user, outlets)
  local source = { path = "adapters/x.lua", is_user = is_user }
  return guarded.functions(value, source, outlets)
end

describe("tide.guarded", function()
  before_each(function()
    fake.install()
    guarded = require("tide.guarded")
  end)

  it("calls what the program carries as it is", function()
    local own = function() end
    assert.equal(own, functions({ a = own }, false, { a = 0 }).a)
    assert.is_nil(functions({ b = 5 }, false, { a = 0, b = 0 }).b)
  end)

  it("raises the failure of a user's function as a table that it knows", function()
    local wrapped = functions({ a = function() error("oh") end }, true, { a = 0 }).a
    local ok, raised = pcall(wrapped)
    assert.is_false(ok)
    assert.equal("script", guarded.failure(raised).kind)
    assert.matches("oh", guarded.text_of(raised))
    assert.is_nil(guarded.failure("oh"))
    assert.is_nil(guarded.failure({ err = 1 }))
  end)

  it("hands on what was said when the function has ended, as copies", function()
    local order, kept = {}, nil
    local wrapped = functions({
      say = function(first, out, last)
        kept = { delta = first .. last }
        out("text", kept)
        order[#order + 1] = "said"
        kept.delta = "changed too late"
        return "done"
      end,
    }, true, { say = 2 }).say
    local result = wrapped("a", function(name, fields)
      order[#order + 1] = name .. " " .. fields.delta
      assert.not_equal(kept, fields)
    end, "b")
    assert.equal("done", result)
    assert.same({ "said", "text ab" }, order)
  end)

  it("takes the function that is told in any place", function()
    local list = {}
    local function out(word) list[#list + 1] = word end
    functions({ f = function(say) say("one") end }, true, { f = 1 }).f(out)
    functions({ f = function(_, _, say) say("three") end }, true, { f = 3 }).f(1, 2, out)
    assert.same({ "one", "three" }, list)
  end)

  it("reads no metatable of a user's", function()
    local bitten = false
    local trap = setmetatable({ own = { deep = 1 } }, { __index = function() bitten = true end })
    local result = functions({ f = function() return trap end }, true, { f = 0 }).f()
    assert.same({ own = { deep = 1 } }, result)
    assert.is_nil(result.other)
    assert.is_false(bitten)
  end)

  it("ends where a table holds itself", function()
    local loop = {}
    loop.loop = loop
    local ok, raised = pcall(functions({ f = function() return loop end }, true, { f = 0 }).f)
    assert.is_false(ok)
    assert.matches("nested too deeply", guarded.text_of(raised))
  end)
end)
