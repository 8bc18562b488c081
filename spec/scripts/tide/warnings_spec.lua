local fake = require("spec.support.fake_core")

describe("warnings", function()
  local warnings

  before_each(function()
    fake.install({})
    warnings = require("tide.warnings")
  end)

  local function text_of(...)
    local list = warnings.list()
    for _, name in ipairs({ ... }) do list:add(name) end
    return list:take()
  end

  it("name each thing once, and what comes later by itself", function()
    local list = warnings.list()
    list:add("seed")
    list:add("top_k")
    list:add("seed")
    assert.equal("dropped seed, top_k", list:take())
    assert.is_nil(list:take())
    list:add("user")
    assert.equal("dropped user", list:take())
  end)

  it("fit into a header, whatever a client has written", function()
    assert.equal("dropped a b  c", text_of("a\nb\0,c"))
    local long = text_of(("y"):rep(100000))
    assert.truthy(#long < 100 and long:find("yyy%.%.%.$"))
    local cut = text_of(("y"):rep(63) .. ("\195\164"):rep(9))
    assert.equal("dropped " .. ("y"):rep(63) .. "...", cut)
    local list = warnings.list()
    for i = 1, 10000 do list:add("member" .. i) end
    local text = list:take()
    assert.truthy(#text < 4000 and text:find("member40, and more$"))
    list:add("another")
    assert.is_nil(list:take())
  end)

  it("are at most as many lines as a head takes", function()
    local lines = {}
    local call = { req = { set_header = function(_, _, line) lines[#lines + 1] = line end } }
    for i = 1, 1000 do warnings.say(call, { target = "a/m" .. i }, "dropped seed") end
    assert.equal("a/m1 dropped seed", lines[1])
    assert.truthy(#lines < 20)
    warnings.say(call, { target = "a/m1" }, nil)
  end)
end)
