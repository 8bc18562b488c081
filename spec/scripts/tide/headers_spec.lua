local headers = require("tide.headers")

describe("headers", function()
  it("are names and values without control characters", function()
    assert.is_nil(headers.problem("X-A", "b"))
    assert.matches("is no name", headers.problem("x a", "b"))
    assert.matches("is no name", headers.problem(1, "b"))
    assert.matches("control", headers.problem("x-a", "b\r\nc: d"))
    assert.matches("control", headers.problem("x-a", 7))
  end)

  it("say nothing about the connection and the framing", function()
    for _, name in ipairs({ "Host", "connection", "Content-Length", "Transfer-Encoding", "TE" }) do
      assert.matches("the gateway itself", headers.problem(name, "x"))
    end
  end)

  it("to a provider carry no key, and nothing about the body", function()
    assert.is_nil(headers.upstream_problem("x-a", "b"))
    for _, name in ipairs({ "Authorization", "x-api-key", "api-key", "Cookie", "Content-Type" }) do
      assert.matches("to a provider", headers.upstream_problem(name, "x"))
      assert.is_nil(headers.problem(name, "x"))
    end
    assert.matches("control", headers.upstream_problem("x-a", "\n"))
  end)

  it("become lines in a fixed order, without the one for the key", function()
    assert.equal("a: 1\r\nb: 2\r\n", headers.lines({ b = "2", a = "1" }))
    assert.equal("a: 1\r\n", headers.lines({ ["X-Key"] = "2", a = "1" }, "x-key"))
    assert.equal("", headers.lines({}))
  end)
end)
