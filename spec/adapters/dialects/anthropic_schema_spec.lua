local fake = require("spec.support.fake_core")

local close

describe("dialects.anthropic-messages.schema", function()
  before_each(function()
    fake.install()
    close = require("dialects.anthropic-messages.schema").close
  end)

  it("leaves the bytes of a schema that is closed alone", function()
    local text = '{ "type":"object" , "properties" : {"b":{"type":"string","enum":["}","]"]},'
      .. '"a":{"type":["number","null"]}},"required":["b","a"], "additionalProperties":false}'
    local closed, facts = close(text)
    assert.equal(text, closed)
    assert.same({ 0, 1 }, { facts.optional, facts.unions })
    assert.is_nil(facts.is_open)
  end)

  it("closes every object, its members in their order", function()
    assert.equal('{"type":"object","properties":{"z":{"type":"array","items":{"properties":{},'
      .. '"additionalProperties":false}},"a":{"anyOf":[{"type":"object",'
      .. '"additionalProperties":false},{"type":"null"}]}},"required":["z"],'
      .. '"additionalProperties":false}',
      (close('{"type":"object","properties":{"z":{"type":"array","items":{"properties":{}}},'
        .. '"a":{"oneOf":[{"type":"object"},{"type":"null"}]}},"required":["z"]}')))
  end)

  it("tells constraints that are not enforced in the description", function()
    local closed, facts = close('{"type":"string","minLength":2,"format":"uri","description":"A"}')
    assert.equal('{"type":"string","format":"uri","description":"A (minLength: 2)"}', closed)
    assert.same({ "minLength" }, facts.lost)
    assert.equal('{"type":"array","items":{"type":"integer","description":"(minimum: -1.5)"},'
      .. '"minItems":1,"description":"(maxItems: 3)"}',
      (close('{"type":"array","items":{"type":"integer","minimum":-1.5},"minItems":1,'
        .. '"maxItems":3}')))
    assert.equal('{"type":"string","description":"(format: \\"x\\")"}',
      (close('{"type":"string","format":"x"}')))
  end)

  it("counts what may be missing and what may be one of several", function()
    local _, facts = close('{"type":"object","properties":{"a":{"anyOf":[{},{}]},"b":{},"c":{}},'
      .. '"required":["b"]}')
    assert.same({ 2, 1 }, { facts.optional, facts.unions })
  end)

  it("sees objects that stay open", function()
    for _, text in ipairs({
      '{"type":"object","additionalProperties":true}',
      '{"type":"object","properties":{"a":{"type":"object","additionalProperties":{}}}}',
      '{"type":"object","patternProperties":{"^a":{}}}',
    }) do
      assert.is_true(select(2, close(text)).is_open)
    end
  end)

  it("sees schemas that lead back to themselves", function()
    local function recursive(text) return select(2, close(text)).is_recursive end
    assert.is_true(recursive('{"type":"object","properties":{"a":{"$ref":"#"}}}'))
    assert.is_true(recursive('{"$ref":"#/$defs/A","$defs":{"A":{"items":{"$ref":"#/$defs/B"}},'
      .. '"B":{"anyOf":[{"$ref":"#/$defs/A"}]}}}'))
    assert.is_false(recursive('{"properties":{"a":{"$ref":"#/definitions/A"},'
      .. '"b":{"$ref":"#/definitions/A"}},"definitions":{"A":{"type":"string"}}}'))
  end)

  it("takes whatever JSON comes", function()
    for _, text in ipairs({
      "true", "{}", " { } ", "[]", "3", '"a"', '{"properties":3}', '{"properties":[]}',
      '{"items":[{},true]}', '{"anyOf":{}}', '{"required":3,"properties":{"a":1}}', '{"$ref":3}',
      '{"a\\"b":"c\\\\","type":[]}', '{"description":null,"minimum":1}', '{"enum":[{"a":[1,"]"]}]}',
    }) do
      assert.has_no.errors(function()
        local closed = close(text)
        assert.is_not_nil((require("core").decode(closed)))
      end)
    end
  end)
end)
