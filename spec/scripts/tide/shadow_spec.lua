local fake = require("spec.support.fake_core")

describe("shadow", function()
  local core, shadow

  before_each(function()
    core = fake.install()
    fake.answer_inner(core, {}, {}, {})
    shadow = require("tide.shadow")
  end)

  local function start(spec, options)
    local req = fake.request(options or { body = '{"model":"m"}' })
    shadow.start("gen", { req = req }, "app", spec)
    return req
  end

  it("copies the body to another target, for the same client", function()
    local req = start({ target = "a/b" })
    local asked = core.asked[1]
    assert.equal('{"model":"m"}', asked.body)
    assert.equal("/v1/chat/completions", asked.path)
    assert.same({ gen = "gen", client = "app", shadow = "a/b" }, asked.context)
    assert.equal(req, asked.parent)
    assert.is_true(asked.discard)
  end)

  it("copies a share of the requests", function()
    start({ target = "a/b", ratio = 0 })
    assert.equal(0, #core.asked)
    start({ target = "a/b", ratio = 1 })
    assert.equal(1, #core.asked)
  end)

  it("copies neither copies nor what scripts ask", function()
    start({ target = "a/b" }, { body = "{}", depth = 1 })
    assert.equal(0, #core.asked)
  end)

  it("leaves long bodies alone", function()
    start({ target = "a/b" }, { body = ("x"):rep(1024 * 1024 + 1) })
    assert.equal(0, #core.asked)
  end)
end)
