local fake = require("spec.support.fake_core")

-- What is wrong with adapters/odd.lua: { "error 3: text", ... } in order.
local function found(text, config)
  fake.install({ config = config, files = { ["adapters/odd.lua"] = text } })
  local loaded = require("tide.adapters").load(nil, nil, { odd = true })
  local problems = require("tide.check_problems").new()
  package.loaded["tide.check_files"] = { one = function() end } -- which needs the real compiler
  require("tide.adapter_contract").check("odd", loaded.files.odd, loaded.adapters.odd, problems)
  package.loaded["tide.check_files"] = nil
  local list = {}
  for i, item in ipairs(problems.items) do
    list[i] = item.severity .. " " .. item.line .. ": " .. item.message
  end
  return list
end

local function adapter(fields)
  return "return tide.adapter {\n  extends = 'openai', base_url = 'https://x.example',\n"
    .. "  auth = { type = 'bearer', secret = 'ODD' },\n  " .. fields .. "\n}\n"
end

local function provider(text, config)
  found(text, config)
  local loaded = require("tide.adapters").load(nil, nil, { odd = true })
  return require("tide.adapter_contract").provider("odd", loaded.adapters.odd, "sk-key")
end

describe("tide.adapter_contract", function()
  it("finds nothing in a sound adapter", function()
    assert.same({}, found(adapter("params = { drop = { 'seed' } },")))
    assert.same({}, found(adapter("config = { region = 'string!' }, "
      .. "query = { r = '{region}' },")))
  end)

  it("finds keys in plain text", function()
    local function finds(pattern, fields)
      assert.matches("^error 4: .*" .. pattern, table.concat(found(adapter(fields)), "\n"))
    end
    finds("carries a key", "headers = { ['x-api-key'] = 'short' },")
    finds("looks like a key", "query = { k = 'gsk_0123456789abcdef' },")
    finds("looks like a key", "headers = { x = 'a0b1c2d3e4f5a0b1c2d3e4f5a0b1c2d3' },")
    assert.same({}, found(adapter("headers = { ['x-version'] = '2025-01-01' },")))
  end)

  it("finds placeholders that nobody fills in", function()
    assert.matches("{regoin} is no field of `config` .did you mean 'region'",
      found(adapter("config = { region = 'string!' }, query = { r = '{regoin}' },"))[1])
  end)

  it("finds hooks that are never called, and what is left unsaid", function()
    assert.matches("error 4: on_end without on_event",
      found(adapter("on_end = function() end,"))[1])
    local list = found("return tide.adapter { extends = 'openai' }")
    assert.matches("warning 1: .*no `base_url`", list[1])
    assert.matches("warning 1: .*no `auth`", list[2])
  end)

  it("makes up the fields that a provider must have", function()
    local text = adapter("config = { region = 'string!', depth = 'number!', x = 'string?' },")
    assert.same({ region = "check", depth = 1, keys = { "sk-key" } }, provider(text))
    assert.same({ region = "eu", depth = 2, x = "y", keys = { "sk-key" } }, provider(text, {
      providers = { mine = { extends = "odd", region = "eu", depth = 2, x = "y" } },
    }))
  end)

  it("fills in what an address has", function()
    local text = "return tide.adapter { extends = 'openai', base_url = 'https://{host}.example',\n"
      .. "  config = { host = 'string?' }, auth = { type = 'none' } }"
    assert.equal("check", provider(text).host)
  end)
end)
