local fake = require("spec.support.fake_core")

describe("inline", function()
  local core, inline
  local PNG = "\137PNG\r\n\26\n..."
  local BYTES = { needs_bytes = function(part) return part.type == "image" end }

  local function install(media)
    core = fake.install({
      config = {
        media = media,
        defaults = {
          media = { max = 100, total = 150, count = 2, redirects = 1, timeout = 7 },
          timeout = {}, retry = {},
        },
      },
    })
    core.base64 = { encode = function(text) return "<" .. text .. ">" end }
    inline = require("tide.inline")
  end

  before_each(function() install() end)

  local function image(url) return { type = "image", url = url } end

  local function rq_with(...)
    return { model = "m", messages = { { role = "user", content = { ... } } } }
  end

  local function apply(rq, known) return inline.apply(rq, BYTES, {}, known or {}) end

  local function png(more)
    local answer = { status = 200, headers = { ["content-type"] = "image/png" }, body = PNG }
    for name, value in pairs(more or {}) do answer[name] = value end
    return answer
  end

  it("puts the bytes in place of the URL, in a copy", function()
    core.answers = { png() }
    local rq = rq_with({ type = "text", text = "a" }, image("https://a.test/p"))
    local result = assert(apply(rq))
    assert.same({ type = "image", data = "<" .. PNG .. ">", mime = "image/png" },
      result.messages[1].content[2])
    assert.equal("https://a.test/p", rq.messages[1].content[2].url)
    assert.equal("m", result.model)
  end)

  it("asks public addresses alone, but for those of media.allow", function()
    core.answers = { png() }
    apply(rq_with(image("http://10.0.0.1/p")))
    assert.is_true(core.fetched[1].is_public)
    install({ allow = { "http://10.0.0.1" } })
    core.answers = { png() }
    apply(rq_with(image("http://10.0.0.1:80/p")))
    assert.is_false(core.fetched[1].is_public)
  end)

  it("looks at the address behind a redirect anew", function()
    install({ allow = { "http://good.test" } })
    core.answers = {
      { status = 302, headers = { location = "http://169.254.169.254/secret" }, body = "" }, png(),
    }
    apply(rq_with(image("http://good.test/p")))
    assert.is_false(core.fetched[1].is_public)
    assert.equal("http://169.254.169.254/secret", core.fetched[2].url)
    assert.is_true(core.fetched[2].is_public)
  end)

  it("follows no more redirects than media.redirects", function()
    local hop = { status = 307, headers = { location = "/again" }, body = "" }
    core.answers = { hop, hop, hop }
    local _, err = apply(rq_with(image("https://a.test/p")))
    assert.equal("cannot fetch https://a.test/p: too many redirects (media.redirects)", err.message)
    assert.equal("bad_request", err.kind)
  end)

  it("fetches the same URL once, and not again for the next attempt", function()
    core.answers = { png() }
    local known = {}
    local rq = rq_with(image("https://a.test/p"), image("https://a.test/p"))
    apply(rq, known)
    local again = apply(rq, known)
    assert.equal(1, #core.fetched)
    assert.equal("image/png", again.messages[1].content[2].mime)
  end)

  it("looks into the results of tools", function()
    core.answers = { png() }
    local result = apply(rq_with({
      type = "tool_result", id = "t", content = { image("https://a.test/p") },
    }))
    assert.equal("image/png", result.messages[1].content[1].content[1].mime)
    assert.equal("t", result.messages[1].content[1].id)
  end)

  it("leaves a request alone that needs nothing", function()
    local rq = rq_with({ type = "file", url = "https://a.test/f" })
    assert.equal(rq, apply(rq))
    assert.equal(rq, inline.apply(rq, {}, {}, {}))
  end)

  it("recognises what a server does not name", function()
    core.answers = { png({ headers = { ["content-type"] = "application/octet-stream" } }) }
    local result = apply(rq_with(image("https://a.test/p")))
    assert.equal("image/png", result.messages[1].content[1].mime)
  end)

  it("takes no page for a picture", function()
    core.answers = { png({ headers = { ["content-type"] = "text/html; charset=utf-8" } }) }
    local _, err = apply(rq_with(image("https://a.test/p?signature=1")))
    assert.equal("cannot fetch https://a.test/p: it is no image but 'text/html'", err.message)
  end)

  it("says why there is none", function()
    for _, case in ipairs({
      { { status = 404, body = "" }, "the answer has status 404" },
      { png({ body = "" }), "the answer is empty" },
      { { refused = { kind = "bad_request", message = "a is not a public address" } },
        "a is not a public address" },
      { { err = { kind = "too_large", message = "too much" } }, "too much" },
    }) do
      core.answers = { case[1] }
      local _, err = apply(rq_with(image("https://a.test/p")))
      assert.equal("cannot fetch https://a.test/p: " .. case[2], err.message)
      assert.equal("invalid_url", err.code)
    end
  end)

  it("has limits of counts and bytes", function()
    local _, err = apply(rq_with(image("https://a.test/1"), image("https://a.test/2"),
      image("https://a.test/3")))
    assert.matches("3 URLs would have to be fetched.*2 are allowed %(media.count%)", err.message)
    assert.equal(0, #core.fetched)
    core.answers = { png({ body = PNG .. ("x"):rep(80) }), png({ body = PNG .. ("x"):rep(80) }) }
    _, err = apply(rq_with(image("https://a.test/1"), image("https://a.test/2")))
    assert.equal("too_large", err.kind)
    assert.equal(100, core.fetched[1].max_body)
  end)
end)
