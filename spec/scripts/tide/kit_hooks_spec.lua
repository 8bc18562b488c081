local fake = require("spec.support.fake_core")

local reported

-- The hooks of adapters/odd.lua, watched.
local function watch(text)
  local core = fake.install({ files = { ["adapters/odd.lua"] = text } })
  local loaded = require("tide.adapters").load(nil, nil, { odd = true })
  reported = {}
  local hooks = require("tide.kit_hooks").watch(loaded.adapters.odd, loaded.files, function(problem)
    reported[#reported + 1] = (problem.severity or "error") .. " " .. tostring(problem.line) .. ": "
      .. problem.message
  end)
  return loaded.adapters.odd.hooks, hooks, core
end

local HEAD = "return tide.adapter { base_url = 'http://x', encode = function() end,\n"

local function says(pattern, body)
  local own, hooks = watch(HEAD .. "on_event = function(event, state, emit)\n" .. body .. "\nend }")
  hooks:begin()
  pcall(own.on_event, { data = "x" }, {}, function() end, {})
  assert.matches(pattern, table.concat(reported, "\n"))
  return hooks
end

describe("tide.kit_hooks", function()
  it("lets what is right pass, and remembers who told the finish", function()
    local own, hooks = watch(HEAD .. "on_event = function(event, state, emit)\n"
      .. "emit('text', { delta = 'a' }) emit('finish', { reason = 'stop' }) end }")
    local passed = {}
    own.on_event({ data = "x" }, {}, function(type_) passed[#passed + 1] = type_ end, {})
    assert.same({ "text", "finish" }, passed)
    assert.same({}, reported)
    assert.equal("on_event", hooks.finisher)
    assert.equal(2, select(2, hooks:place("on_event")))
    hooks:begin()
    assert.is_nil(hooks.finisher)
  end)

  it("says what a hook must not emit, with its line", function()
    says("^error 2: on_event emits 'txt', which is no event .did you mean 'text'",
      "emit('txt', { delta = 'a' })")
    says("`delta` is nil, not a string", "emit('text', {})")
    says("`delta` is null, not a string", "emit('text', { delta = tide.json.null })")
    says("without the tool's `name`", "emit('tool_start', { i = 1 })")
    says("`inputs`, which is no count .did you mean 'input'", "emit('usage', { inputs = 1 })")
    says("`input` is a string, not a number", "emit('usage', { input = '1' })")
    says("^warning 2: .*reason eos", "emit('finish', { reason = 'eos' })")
    says("text behind the finish",
      "emit('finish', { reason = 'stop' }) emit('text', { delta = 'a' })")
  end)

  it("says what a hook raises, where it was raised", function()
    local hooks = says("^error 3: on_event fails: .*field 'a'", "local a = event.a.b")
    assert.is_true(hooks.failed)
  end)

  it("says what a hook must not return", function()
    local function returns(pattern, hook, ...)
      local own = watch(HEAD .. "on_event = function() end, " .. hook .. " }")
      own[hook:match("^%l[%l_]*")](...)
      assert.matches(pattern, table.concat(reported, "\n"))
    end
    returns("decode returns a number", "decode = function() return 1 end", {}, {})
    returns("prepare returns a string", "prepare = function() return 'x' end", {}, {})
    returns("on_status returns a boolean",
      "on_status = function() return true end", 400, {}, "", {})
    returns("did you mean 'overloaded'",
      "on_status = function() return { kind = 'overload' } end", 400, {}, "", {})
  end)

  it("names the file of a hook that is inherited", function()
    local core = fake.install({ files = {
      ["adapters/base.lua"] = HEAD .. "\non_event = function() end }",
      ["adapters/odd.lua"] = "return tide.adapter { extends = 'base', base_url = 'http://x' }",
    } })
    local loaded = require("tide.adapters").load(nil, nil, { odd = true })
    local hooks = require("tide.kit_hooks").watch(loaded.adapters.odd, loaded.files, core.log)
    local file, line = hooks:place("on_event")
    assert.equal("adapters/base.lua", file)
    assert.equal(3, line)
  end)
end)
