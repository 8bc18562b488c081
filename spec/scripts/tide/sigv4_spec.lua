local fake = require("spec.support.fake_core")

local core, sigv4

local ADAPTER = [[return tide.adapter {
  extends = "openai", base_url = "https://aws.example", config = { region = "string?" },
  auth = { type = "sigv4", service = "bedrock", secret = "AWS_BEARER",
           keys = { "AWS_ID", "AWS_SECRET", "AWS_TOKEN?" } } }]]

local function build(entry, env, adapter)
  local config = { providers = { aws = entry } }
  core = fake.install({
    config = config, env = env, files = { ["adapters/aws.lua"] = adapter or ADAPTER },
  })
  sigv4 = require("tide.sigv4")
  return require("tide.providers").build(config, require("tide.adapters").load().adapters)
end

local function credential_of(...)
  return assert(build(...)).aws.credentials[1]
end

local function pair(more)
  local key = { access_key_id = "AKID", secret_access_key = { "secret" } }
  for name, value in pairs(more or {}) do key[name] = value end
  return key
end

local function endpoint_of(credential)
  local provider = credential.provider
  return require("tide.address").of(provider, credential, "chat", provider.adapter.dialect, false,
    "m")
end

describe("keys that sign", function()
  it("are those of the configuration", function()
    local key = pair({ session_token = { "token" }, name = "team" })
    local credential = credential_of({ region = "eu-west-1", keys = { key } })
    assert.same({
      access_key_id = "AKID", secret_access_key = key.secret_access_key,
      session_token = key.session_token, region = "eu-west-1", service = "bedrock",
    }, credential.signer.spec)
    assert.equal("team", credential.label)
    local endpoint = endpoint_of(credential)
    assert.equal(credential.signer, endpoint.signer)
    for _, line in ipairs(endpoint.headers) do assert.not_equal("authorization", line[1]) end
  end)

  it("are those of the environment, where the adapter is at its own address", function()
    local env = { AWS_ID = "a", AWS_SECRET = "b" }
    local spec = credential_of({ region = "r" }, env).signer.spec
    assert.is_truthy(spec.access_key_id and spec.secret_access_key)
    assert.is_nil(spec.session_token)
    env.AWS_TOKEN = "c"
    assert.is_truthy(credential_of({ region = "r" }, env).signer.spec.session_token)
    assert.is_nil(credential_of({ region = "r", base_url = "https://other.example" }, env).signer)
  end)

  it("give way to a single key, which is a bearer token", function()
    local env = { AWS_ID = "a", AWS_SECRET = "b", AWS_BEARER = "c" }
    local credential = credential_of({}, env)
    assert.is_nil(credential.signer)
    assert.equal("authorization", endpoint_of(credential).headers[1][1])
    assert.equal("Bearer ", endpoint_of(credential).headers[1][2])
    credential = credential_of({ keys = { { value = { "k" } } } })
    assert.same({ "k" }, endpoint_of(credential).headers[1][3])
  end)

  it("are missed by what has to be set", function()
    build({ region = "r" }, { AWS_ID = "a" })
    assert.same({
      "warn provider aws has no key: AWS_ID and AWS_SECRET, or AWS_BEARER is not set",
    }, core.logged)
  end)

  it("need a token that the adapter does not call optional", function()
    local adapter = ADAPTER:gsub("AWS_TOKEN%?", "AWS_TOKEN")
    local env = { AWS_ID = "a", AWS_SECRET = "b" }
    assert.is_nil(credential_of({ region = "r" }, env, adapter).signer)
    env.AWS_TOKEN = "c"
    assert.is_truthy(credential_of({ region = "r" }, env, adapter).signer)
  end)

  it("are refused where they cannot be meant", function()
    local function problem(entry)
      local providers, err = build(entry)
      assert.is_nil(providers)
      return err.path .. ": " .. err.message
    end
    assert.equal("providers.aws.region: needs `region`, which its signatures have",
      problem({ keys = { pair() } }))
    assert.equal("providers.aws.keys.2: either a key or access_key_id and secret_access_key, "
      .. "not both", problem({ region = "r", keys = { pair(), pair({ value = {} }) } }))
    assert.equal("providers.aws.keys.1: takes a key, not a pair of keys to sign with",
      problem({ extends = "openai", keys = { pair() } }))
  end)

  it("are named by adapters in order", function()
    local function problem(auth)
      fake.install({ files = { ["adapters/odd.lua"] =
        "return tide.adapter { extends = 'openai', auth = { type = 'sigv4', " .. auth .. " } }" } })
      return select(2, require("tide.adapters").load()).message
    end
    assert.matches("needs a `service`", problem("keys = { 'A', 'B' }"))
    for _, keys in ipairs({ "'A'", "'A', 'B', 'C', 'D'", "'A?', 'B'", "'A', 'B?'" }) do
      assert.matches("names the variables", problem("service = 's', keys = { " .. keys .. " }"))
    end
  end)
end)

describe("a refusal of a signature", function()
  local call, lane, now

  before_each(function()
    local credential = credential_of({ region = "r", keys = { pair() } })
    call, lane, now = {}, { credential = credential }, core.time()
  end)

  local function judge(code, ahead, more)
    local http_date = require("tide.http_date")
    local summary = {
      status = 403, body = "{}",
      headers = { ["x-amzn-errortype"] = code, date = ahead and http_date.write(now + ahead) },
    }
    for name, value in pairs(more or {}) do summary[name] = value end
    local verdict = { status = summary.status, kind = "bad_request", action = "client" }
    return sigv4.judge(call, lane, verdict, summary)
  end

  it("closes the credential", function()
    for _, code in ipairs({
      "UnrecognizedClientException", "ExpiredTokenException:http://internal/",
      "com.amazon.coral.service#InvalidSignatureException", "MissingAuthenticationTokenException",
    }) do
      local verdict = judge(code, 0)
      assert.same({ "auth", "credential" }, { verdict.kind, verdict.action })
    end
    local verdict = judge(nil, 0, { body = '{"__type":"UnrecognizedClientException"}' })
    assert.same({ "auth", "credential" }, { verdict.kind, verdict.action })
  end)

  it("leaves other refusals as they are", function()
    for _, code in ipairs({ "AccessDeniedException", "ValidationException", "RequestExpired" }) do
      assert.equal("client", judge(code, 0).action)
    end
    assert.equal("client", judge(nil, 7200).action)
    assert.equal("client", judge("AccessDeniedException", 7200).action)
    assert.equal("client", judge("InvalidSignatureException", 7200, { status = 500 }).action)
    assert.equal("client", judge(nil, 0, { body = "<html>" }).action)
  end)

  it("by another clock is tried again by that clock, once in a request", function()
    assert.equal("again", judge("InvalidSignatureException", 7200).action)
    assert.equal(7200, lane.credential.signer:offset())
    assert.equal("credential", judge("InvalidSignatureException", 7300).action)
    call = {}
    assert.equal("again", judge("RequestExpired", -600, { status = 400 }).action)
    assert.equal(-600, lane.credential.signer:offset())
  end)

  it("is tried again by what another request has learned meanwhile", function()
    lane.credential.signer:set_offset(7200)
    assert.equal("again", judge("InvalidSignatureException", 7200).action)
  end)

  it("by a clock that is right again forgets the difference", function()
    lane.credential.signer:set_offset(7200)
    assert.equal("again", judge("InvalidSignatureException", 0).action)
    assert.equal(0, lane.credential.signer:offset())
  end)

  it("is final where the clocks agree or nobody tells the time", function()
    assert.equal("credential", judge("InvalidSignatureException", 59).action)
    assert.equal("credential", judge("InvalidSignatureException", nil).action)
    assert.equal(0, lane.credential.signer:offset())
  end)

  it("of a bearer token closes it, too", function()
    lane.credential.signer = nil
    assert.equal("credential", judge("InvalidSignatureException", 7200).action)
  end)
end)
