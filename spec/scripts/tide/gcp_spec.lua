local fake = require("spec.support.fake_core")

describe("gcp", function()
  local core, gcp, provider, secrets

  -- A wait runs what was begun in the background, as nothing else happens here.
  local function install()
    core = fake.install()
    secrets = {}
    function core.add_secret(text, seconds) secrets[#secrets + 1] = { text, seconds } end
    function core.sign_rs256(key, text)
      if key.broken then return nil, { kind = "auth", message = "the private key cannot sign" } end
      core.signed = text
      return "signature"
    end
    function core.gate()
      return {
        wait = function()
          while core.in_background[1] do table.remove(core.in_background, 1)() end
          return true
        end,
        open = function() end,
      }
    end
    gcp = require("tide.gcp")
    provider = { name = "vertex", values = {}, account = {
      client_email = "me@example.com", private_key_id = "k1", private_key = {},
      token_uri = "https://token.example/token",
    } }
  end

  before_each(install)

  local function credential() return { provider = provider } end
  local function answers(...) for _, answer in ipairs({ ... }) do
    core.answers[#core.answers + 1] = answer
  end end

  local function token(name, seconds)
    return { status = 200, body = core.encode({ access_token = name, expires_in = seconds }) }
  end

  local function refused(status, body) return { status = status, body = body } end

  it("changes a signed claim for a token", function()
    answers(token("ya29.first", 3599))
    assert.equal("Bearer ya29.first", gcp.authorize(credential()))
    local asked = core.fetched[1]
    assert.equal("https://token.example/token", asked.url)
    assert.equal("POST", asked.method)
    local assertion = asked.body:match(
      "^grant_type=urn%%3Aietf%%3Aparams%%3Aoauth%%3Agrant%-type%%3Ajwt%-bearer&assertion=(.+)$")
    local head, claims = core.signed:match("^([^.]+)%.([^.]+)$")
    assert.equal(core.signed .. "." .. core.base64.encode_url("signature"), assertion)
    assert.same({ alg = "RS256", typ = "JWT", kid = "k1" },
      core.decode(core.base64.decode(head)))
    local now = math.floor(core.time())
    assert.same({
      iss = "me@example.com", aud = "https://token.example/token", iat = now, exp = now + 3600,
      scope = "https://www.googleapis.com/auth/cloud-platform",
    }, core.decode(core.base64.decode(claims)))
    assert.equal("ya29.first", secrets[1][1])
  end)

  it("asks Google where the file says nothing", function()
    provider.account.token_uri = nil
    answers(token("t", 3599))
    gcp.authorize(credential())
    assert.equal("https://oauth2.googleapis.com/token", core.fetched[1].url)
  end)

  it("keeps a token until five minutes before its end", function()
    answers(token("first", 3600), token("second", 3600))
    gcp.authorize(credential())
    core.clock = core.clock + 3299
    assert.equal("Bearer first", gcp.authorize(credential()))
    core.clock = core.clock + 1
    assert.equal("Bearer second", gcp.authorize(credential()))
    assert.equal(2, #core.fetched)
  end)

  it("has a token for each account", function()
    answers(token("first", 3600), token("second", 3600))
    gcp.authorize(credential())
    provider.account.private_key_id = "k2"
    assert.equal("Bearer second", gcp.authorize(credential()))
  end)

  it("uses the old token as long as there is no new one", function()
    answers(token("first", 3600), refused(503, "busy"), refused(503, "busy"))
    gcp.authorize(credential())
    core.clock = core.clock + 3400
    assert.equal("Bearer first", gcp.authorize(credential()))
    core.clock = core.clock + 300
    local none, err = gcp.authorize(credential())
    assert.is_nil(none)
    assert.same({ kind = "upstream_5xx",
      message = "https://token.example/token gave no token: status 503" }, err)
  end)

  local FAILURES = {
    { "a refusal", { status = 400, body = '{"error":"invalid_grant","error_description":"No."}' },
      "auth", "status 400, invalid_grant: No." },
    { "an answer that is none", { status = 200, body = "<html>" }, "upstream_5xx", "status 200" },
    { "a token that is none", { status = 200, body = '{"access_token":"a\\nb"}' }, "upstream_5xx",
      "status 200" },
    { "a throttle", { status = 429, body = "" }, "rate_limited", "status 429" },
    { "a request that is not sent", { refused = { kind = "bad_request", message = "no URL" } },
      "bad_request", "no URL" },
  }

  for _, case in ipairs(FAILURES) do
    it("says what was wrong: " .. case[1], function()
      answers(case[2])
      local none, err = gcp.authorize(credential())
      assert.is_nil(none)
      assert.equal(case[3], err.kind)
      assert.truthy(err.message:find(case[4], 1, true), err.message)
    end)
  end

  it("says so when the network failed", function()
    core.answers[1] = { pieces = {}, err = { kind = "connect", message = "refused" } }
    local _, err = gcp.authorize(credential())
    assert.same({ kind = "connect", message =
      "https://token.example/token gave no token: refused" }, err)
  end)

  it("says so when the key cannot sign, or when there is none", function()
    provider.account.private_key.broken = true
    local _, err = gcp.authorize(credential())
    assert.same({ kind = "auth", message = "the private key cannot sign" }, err)
    provider.account = nil
    _, err = gcp.authorize(credential())
    assert.equal("auth", err.kind)
    assert.truthy(err.message:find("vertex has no credentials", 1, true))
  end)

  it("asks nobody in a test of scripts", function()
    provider.account = { is_fake = true }
    assert.equal("Bearer none", gcp.authorize(credential()))
    assert.equal(0, #core.fetched)
  end)

  describe("after a 401", function()
    local call, lane

    local function verdict()
      return { action = "credential", kind = "auth", status = 401 }
    end

    before_each(function()
      answers(token("first", 3600), token("second", 3600))
      lane = { credential = credential() }
      call = { token = gcp.authorize(lane.credential) }
    end)

    it("asks for a new token, once in a request", function()
      assert.equal("again", gcp.judge(call, lane, verdict()).action)
      call.token = gcp.authorize(lane.credential)
      assert.equal("Bearer second", call.token)
      assert.equal("credential", gcp.judge(call, lane, verdict()).action)
    end)

    it("keeps a token that another request has asked for meanwhile", function()
      gcp.judge({ token = "Bearer first" }, lane, verdict())
      assert.equal("Bearer second", gcp.authorize(lane.credential))
      assert.equal("again", gcp.judge(call, lane, verdict()).action)
      assert.equal("Bearer second", gcp.authorize(lane.credential))
    end)

    it("leaves everything else alone", function()
      local other = { action = "next", kind = "overloaded", status = 503 }
      assert.equal("next", gcp.judge(call, lane, other).action)
      assert.equal("credential",
        gcp.judge(call, { credential = { provider = {} } }, verdict()).action)
    end)
  end)

  it("makes a verdict of a failure", function()
    assert.equal("credential", gcp.failed({ kind = "auth", message = "x" }).action)
    assert.equal("next", gcp.failed({ kind = "connect", message = "x" }).action)
    assert.equal("gone", gcp.failed({ kind = "canceled", message = "x" }).action)
  end)

  describe("while loading", function()
    it("reads the file", function()
      provider.values.credentials, provider.account = "key.json", nil
      function core.service_account(path) return { path = path } end
      assert.is_true(gcp.prepare(provider, function(path) return "/conf/" .. path end))
      assert.equal("/conf/key.json", provider.account.path)
    end)

    it("names the field when the file is wrong, and needs none", function()
      provider.values.credentials = "key.json"
      function core.service_account() return nil, { kind = "auth", message = "no file" } end
      local _, err = gcp.prepare(provider, function(path) return path end)
      assert.same({ field = "credentials", message = "no file" }, err)
      provider.values.credentials = nil
      assert.is_true(gcp.prepare(provider))
    end)
  end)
end)
