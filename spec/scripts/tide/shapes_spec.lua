local fake = require("spec.support.fake_core")

describe("shapes", function()
  local core, shapes

  before_each(function()
    core = fake.install({})
    shapes = require("tide.shapes")
  end)

  local function problem(shape, text, raw)
    local found = shapes.problem(shape, core.decode(text, raw))
    return found and found.message
  end

  it("name the place of what is something else", function()
    local shape = shapes.object({
      name = shapes.text, list = shapes.list(shapes.object({ n = shapes.number })),
      either = shapes.by_type("a string or a list", {
        string = shapes.text, table = shapes.list(shapes.text),
      }),
      on = shapes.boolean,
    }, { "name" })
    for text, message in pairs({
      ['{"name":3}'] = "name must be a string", ["{}"] = "name must be there",
      ['{"name":null}'] = "name must be there", ["[1]"] = " must be an object",
      ['{"name":"a","list":{"x":1}}'] = "list must be a list",
      ['{"name":"a","list":[{},3]}'] = "list[1] must be an object",
      ['{"name":"a","list":[{"n":"x"}]}'] = "list[0].n must be a number",
      ['{"name":"a","either":3}'] = "either must be a string or a list",
      ['{"name":"a","either":["b",3]}'] = "either[1] must be a string",
      ['{"name":"a","on":0}'] = "on must be true or false",
    }) do
      assert.equal(message, problem(shape, text))
    end
    for _, text in ipairs({
      '{"name":"a","list":[{"n":1},null],"either":"b","on":true,"other":[3]}',
      '{"name":"","list":null,"either":[]}', '{"name":"a","list":{}}',
    }) do
      assert.is_nil(problem(shape, text))
    end
  end)

  it("see raw values from outside", function()
    local raw = { schema = true }
    local shape = shapes.object({ schema = shapes.object({ x = shapes.text }) })
    assert.is_nil(problem(shape, '{"schema":{"x":3}}', raw))
    assert.equal("schema must be an object", problem(shape, '{"schema":[3]}', raw))
    shape = shapes.object({ schema = shapes.list(shapes.text) })
    assert.is_nil(problem(shape, '{"schema":[3]}', raw))
    assert.equal("schema must be a list", problem(shape, '{"schema":{}}', raw))
  end)
end)
