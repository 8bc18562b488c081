local fake = require("spec.support.fake_core")

describe("tide.auth", function()
  local auth

  before_each(function()
    fake.install({ clients = { ["key-of-app"] = "app" } })
    auth = require("tide.auth")
  end)

  local function client(options) return auth.client(fake.request(options)) end

  it("knows clients by their key, wherever it stands", function()
    for _, options in ipairs({
      { headers = { authorization = "Bearer key-of-app" } },
      { headers = { ["x-api-key"] = "key-of-app" } },
      { headers = { ["x-goog-api-key"] = "key-of-app" } },
      { query = "a=1&key=key-of-app" },
    }) do
      assert.equal("app", client(options))
    end
  end)

  it("asks for one with 401", function()
    for _, options in ipairs({ {}, { headers = { authorization = "Bearer nope" } } }) do
      local name, err = client(options)
      assert.is_nil(name)
      assert.same({ 401, "auth", "invalid_api_key" }, { err.status, err.kind, err.code })
    end
  end)

  local SIGNED = { authorization = "AWS4-HMAC-SHA256 Credential=...", ["x-api-key"] = "nope" }

  it("knows clients by their signature", function()
    assert.equal("sdk", client({ headers = SIGNED, signed = "sdk" }))
  end)

  it("refuses a signature in the words of AWS, with 403", function()
    local name, err = client({ headers = SIGNED, signed = {
      kind = "auth", code = "InvalidSignatureException", message = "no match", is_time = false,
    } })
    assert.is_nil(name)
    assert.same({ 403, "auth", "InvalidSignatureException", "no match", "client_error" },
      { err.status, err.kind, err.code, err.message, err.outcome })
    assert.is_nil(err.headers)
  end)

  it("tells the time to a client whose clock is another one", function()
    local _, err = client({ headers = SIGNED, signed = {
      kind = "auth", code = "InvalidSignatureException", message = "expired", is_time = true,
    } })
    assert.equal("Tue, 14 Nov 2023 22:15:00 GMT", err.headers.date)
  end)

  it("takes no signature in the URL", function()
    local name, err = client({ query = "X-Amz-Algorithm=A&X-Amz-Signature=abc" })
    assert.is_nil(name)
    assert.same({ 403, "MissingAuthenticationTokenException" }, { err.status, err.code })
  end)
end)
