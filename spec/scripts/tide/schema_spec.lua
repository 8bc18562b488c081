local schema

local SHAPE = {
  fields = {
    name = "string",
    id = "string|number",
    drop = { list = "string" },
    rename = { map = "string" },
    op = { either = "boolean", fields = { path = "string" } },
  },
  later = { query = true },
}

describe("tide.schema", function()
  before_each(function()
    require("spec.support.fake_core").install()
    schema = require("tide.schema")
  end)

  it("accepts what the shape allows", function()
    assert.is_nil(schema.check({
      name = "a", id = 1, drop = { "x" }, rename = { a = "b" }, op = { path = "/" },
    }, SHAPE))
    assert.is_nil(schema.check({ op = false }, SHAPE))
  end)

  it("names an unknown field with what was probably meant", function()
    local found = schema.check({ naem = "a" }, SHAPE)
    assert.equal("naem", found.field)
    assert.equal("unknown field 'naem' (did you mean 'name'?)", found.message)
  end)

  it("says where a nested field is wrong", function()
    local found = schema.check({ op = { pth = "/" } }, SHAPE)
    assert.equal("op: unknown field 'pth' (did you mean 'path'?)", found.message)
  end)

  it("tells later fields from mistakes", function()
    local found = schema.check({ query = {} }, SHAPE)
    assert.equal("'query' is not a field of this version", found.message)
  end)

  it("names the type that it wants", function()
    assert.equal("id: must be a string or number, not a boolean",
      schema.check({ id = true }, SHAPE).message)
    assert.equal("drop.1: must be a string, not a number",
      schema.check({ drop = { 7 } }, SHAPE).message)
    assert.matches("must be a list", schema.check({ drop = { a = "b" } }, SHAPE).message)
  end)
end)
