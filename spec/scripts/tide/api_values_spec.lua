local fake = require("spec.support.fake_core")

describe("tide.api_values", function()
  local core, add

  local function new(script)
    local tide = {}
    add(tide, script or { path = "scripts/policies/x.lua", name = "x", kind = "policy" })
    return tide
  end

  local function install(config, env)
    core = fake.install({ config = config, env = env })
    add = require("tide.api_values")
  end

  before_each(function() install({}) end)

  it("writes log lines with script and fields", function()
    new().log.warn("careful", { left = 3 })
    assert.same({ {
      level = "warn", script = "scripts/policies/x.lua", generation = 0, message = "careful",
      fields = { left = 3 },
    } }, core.notes)
  end)

  it("gives lines the generation of their request, else the one that serves", function()
    local log = new().log
    require("tide.current").gen = { number = 3 }
    log.info("of a timer")
    function core.context() return { gen = { number = 2 } } end
    log.info("of a request")
    assert.same({ 3, 2 }, { core.notes[1].generation, core.notes[2].generation })
  end)

  it("has the four levels", function()
    local log = new().log
    for _, level in ipairs({ "debug", "info", "warn", "error" }) do log[level]("x") end
    assert.same({ "debug", "info", "warn", "error" }, {
      core.notes[1].level, core.notes[2].level, core.notes[3].level, core.notes[4].level,
    })
  end)

  it("blames the caller's line for a message or fields of another type", function()
    local tide = new()
    local run = load("local tide = ...\n\ntide.log.info({})", "=script")
    local ok, message = pcall(run, tide)
    assert.is_false(ok)
    assert.equal("script:3: a log line needs a message, a string", message)
    assert.has_error(function() tide.log.info("x", "y") end)
  end)

  it("gives only the variables that are granted", function()
    install({ scripts = { env = { "HOME", "UNSET" } } }, { HOME = "/root", PATH = "/bin" })
    local tide = new()
    assert.equal("/root", tide.env("HOME"))
    assert.is_nil(tide.env("UNSET"))
    local ok, message = pcall(load("local tide = ...\nlocal x = tide.env('HOMA')", "=script"), tide)
    assert.is_false(ok)
    assert.equal("script:2: tide.env: 'HOMA' is not granted: gateway.lua needs scripts = "
      .. "{ env = { \"HOMA\" } } (did you mean 'HOME'?)", message)
    assert.has_error(function() tide.env("PATH") end)
    assert.has_error(function() tide.env() end)
  end)

  it("gives only the secrets that are granted, and a variable is no secret", function()
    install({ scripts = { env = { "A" }, secrets = { "B" } } }, { A = "a", B = "b" })
    local tide = new()
    assert.same({ secret = "b" }, tide.secret("B"))
    assert.has_error(function() tide.secret("A") end)
    assert.has_error(function() tide.env("B") end)
  end)

  it("gives each script tables of its own", function()
    core.limit.bucket = print
    local one, other = new(), new()
    one.limit.bucket, one.json.decode, one.log.info = nil, nil, nil
    assert.equal(print, other.limit.bucket)
    assert.is_function(other.json.decode)
    assert.is_function(other.log.info)
    assert.equal(print, core.limit.bucket)
  end)

  it("reads the configuration of its own generation", function()
    install({ pick = "ordered" })
    assert.equal("ordered", new().config("pick"))
    assert.equal("fastest", new({ path = "x", config = { pick = "fastest" } }).config("pick"))
    assert.has_error(function() new().config() end)
  end)

  it("keeps state by key and version", function()
    local tide = new()
    local state = tide.state("seen", 1, function() return { n = 1 } end)
    state.n = 2
    assert.equal(state, new().state("seen", 1))
  end)

  it("keeps members raw, and refuses raw text that is no JSON", function()
    local json = new().json
    local value = json.decode('{"schema":{"z":1, "a":2}}', { schema = true })
    assert.equal('{"z":1, "a":2}', value.schema.raw)
    assert.is_true(json.is_raw(value.schema))
    assert.equal('{"schema":{"z":1, "a":2}}', json.encode(value))
    assert.equal('{"a":[3]}', json.encode({ a = json.raw(" [3] ") }))
    local none, err = json.raw("{")
    assert.is_nil(none)
    assert.equal("bad_request", err.kind)
  end)
end)
