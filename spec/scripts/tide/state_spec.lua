local fake = require("spec.support.fake_core")

describe("tide.state", function()
  local core, state
  local old, new = {}, { is_loading = true } -- scripts that serve, and that are being loaded

  before_each(function()
    core = fake.install()
    state = require("tide.state")
  end)

  local function message_of(...)
    local ok, message = pcall(...)
    assert.is_false(ok)
    return message
  end

  it("is the same table for the same key and version", function()
    local first = state.get(old, "k", 1, function() return { n = 1 } end)
    first.n = 5
    assert.equal(first, state.get(new, "k", 1, function() error("not again") end))
    assert.same({}, state.get(old, "other", 1))
  end)

  it("survives a reload untouched", function()
    local first = state.get(old, "k", 1, function() return { n = 1 } end)
    state.begin()
    assert.equal(first, state.get(new, "k", 1))
    state.commit()
    assert.equal(first, state.get(old, "k", 1))
  end)

  it("migrates a copy, which counts when the generation serves", function()
    local first = state.get(old, "k", 1, function() return { list = { 1, 2 } } end)
    state.begin()
    local second = state.get(new, "k", 2, nil, function(value, version)
      value.list[3] = "from " .. version
      return value
    end)
    assert.same({ list = { 1, 2, "from 1" } }, second)
    assert.same({ list = { 1, 2 } }, first)
    assert.equal(second, state.get(new, "k", 2))
    assert.equal(first, state.get(old, "k", 1)) -- a request of the old generation, meanwhile
    state.commit()
    assert.equal(second, state.get(old, "k", 2))
  end)

  it("forgets what a generation made that never served", function()
    local first = state.get(old, "k", 1, function() return { n = 1 } end)
    state.begin()
    state.get(new, "k", 2, nil, function() return { n = 2 } end)
    state.get(new, "fresh", 1, function() return { n = 3 } end)
    state.abort()
    assert.equal(first, state.get(old, "k", 1))
    assert.same({}, state.get(old, "fresh", 1))
  end)

  it("begins anew without migrate", function()
    state.get(old, "k", 3, function() return { n = 1 } end)
    assert.same({ n = 9 }, state.get(old, "k", 2, function() return { n = 9 } end))
  end)

  it("keeps null, tagged arrays and what is shared inside", function()
    local shared = { 1 }
    state.get(old, "k", 1, function()
      return { null = core.null, list = core.array({}), a = shared, b = shared }
    end)
    local copy
    state.get(old, "k", 2, nil, function(value)
      copy = value
      return value
    end)
    assert.equal(core.null, copy.null)
    assert.equal("[]", core.encode(copy.list))
    assert.equal(copy.a, copy.b)
    assert.not_equal(shared, copy.a)
  end)

  it("refuses code at its place, at load", function()
    local text = message_of(state.get, old, "k", 1, function() return { a = { print } } end)
    assert.truthy(text:find('tide.state("k").a[1] is a function; state is data alone', 1, true))
    text = message_of(state.get, old, "k", 1, function() return { [io.stdout] = 1 } end)
    assert.truthy(text:find("has a key that is a userdata", 1, true))
    text = message_of(state.get, old, "k", 1, function() return setmetatable({}, {}) end)
    assert.truthy(text:find("has a metatable", 1, true))
    text = message_of(state.get, old, "k", 1, function() return 7 end)
    assert.truthy(text:find("must be a table, not a number", 1, true))
  end)

  it("refuses code that was put in later, at the next reload", function()
    local first = state.get(old, "k", 1)
    first.deep = { cache = { fn = print } }
    assert.equal(first, state.get(old, "k", 1))
    state.begin()
    local text = message_of(state.get, new, "k", 1)
    assert.truthy(text:find('tide.state("k").deep.cache.fn is a function', 1, true))
  end)

  it("takes tables that contain themselves", function()
    local first = state.get(old, "k", 1)
    first.self = first
    local second = state.get(old, "k", 2, nil, function(value) return value end)
    assert.equal(second, second.self)
  end)

  it("refuses endless nesting and endless names", function()
    local text = message_of(state.get, old, "k", 1, function()
      local value = {}
      for _ = 1, 100 do value = { value } end
      return value
    end)
    assert.truthy(text:find("nested more than 64 deep", 1, true))
    text = message_of(function()
      for i = 1, 300 do state.get(old, "k" .. i, 1) end
    end)
    assert.truthy(text:find("256 states", 1, true))
  end)

  it("blames the caller's line for wrong arguments", function()
    local text = "local state, script = ...\nlocal x = state.get(script, 'k', 'one')"
    local run = load(text, "=script")
    assert.equal("script:2: tide.state needs a version, a whole number",
      message_of(run, state, old))
    assert.has_error(function() state.get(old, "", 1) end)
    assert.has_error(function() state.get(old, "k", 1, {}) end)
    assert.has_error(function() state.get(old, "k", 1, nil, {}) end)
  end)
end)
