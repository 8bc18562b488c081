local fake = require("spec.support.fake_core")

describe("custom_tools", function()
  local core, custom

  before_each(function()
    core = fake.install()
    custom = require("tide.custom_tools")
  end)

  it("describes the format of the input", function()
    local grammar = core.raw('{"syntax":"lark"}')
    assert.equal("d\nThe input follows this format: " .. grammar.raw,
      custom.description({ description = "d", grammar = grammar }))
    assert.equal("The input follows this format: " .. grammar.raw,
      custom.description({ grammar = grammar }))
    assert.equal("d", custom.description({ description = "d" }))
  end)

  local RQ = { tools = { { type = "custom", name = "patch" }, { type = "function", name = "f" } } }

  -- What an encoder sees of a call whose arguments come in these pieces.
  local function told(name, kind, ...)
    local seen = {}
    local sink = custom.restoring(function(event) seen[#seen + 1] = event end, RQ)
    sink({ type = "tool_start", i = 1, id = "c", name = name, kind = kind })
    for _, piece in ipairs({ ... }) do sink({ type = "tool_args", i = 1, delta = piece }) end
    sink({ type = "tool_end", i = 1 })
    local deltas = {}
    for i = 2, #seen - 1 do deltas[i - 1] = seen[i].delta end
    return table.concat(deltas), seen[1].kind, #deltas
  end

  it("tells a call of a custom tool as one, piece by piece", function()
    local text, kind, count = told("patch", nil, '{"in', 'put": "a', "b", 'c"}')
    assert.equal("abc", text)
    assert.equal("custom", kind)
    assert.equal(3, count)
  end)

  it("gives the very text wherever its pieces are cut", function()
    local text = 'a\n"\\ \226\130\172 \t/\1 end'
    local whole = '{ "input" : "a\\n\\"\\\\ \\u20ac \\t\\/\\u0001 end" }'
    for at = 0, #whole do
      assert.equal(text, (told("patch", nil, whole:sub(1, at), whole:sub(at + 1))), at)
    end
    local bytes = {}
    for i = 1, #whole do bytes[i] = whole:sub(i, i) end
    assert.equal(text, (told("patch", nil, unpack(bytes))))
  end)

  it("takes what a model writes that does not keep to the schema", function()
    assert.equal("x", (told("patch", nil, '{"more":1,"input":"x"}')))
    assert.equal('{"patch":"x"}', (told("patch", nil, '{"patch":', '"x"}')))
    assert.equal("just text", (told("patch", nil, "just text")))
    assert.equal("", (told("patch", nil, "{}")))
    assert.equal("", (told("patch")))
  end)

  it("leaves other calls alone, and those that are custom already", function()
    assert.equal('{"input":"x"}', (told("f", nil, '{"input":"x"}')))
    assert.equal('{"input":"x"}', (told("patch", "custom", '{"input":"x"}')))
  end)

  it("costs nothing where the client has no custom tools", function()
    local sink = function() end
    assert.equal(sink, custom.restoring(sink, { tools = { { type = "function", name = "f" } } }))
    assert.equal(sink, custom.restoring(sink, nil))
  end)
end)
