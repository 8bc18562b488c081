local fake = require("spec.support.fake_core")

local dialect

describe("the dialect openai-chat", function()
  before_each(function()
    fake.install()
    dialect = require("tide.adapters").load().dialects["openai-chat"]
  end)

  it("writes an error as OpenAI does, every field present", function()
    assert.equal('{"error":{"code":null,"message":"no","param":"model","type":"t"}}',
      dialect.error_body({ message = "no", type = "t", param = "model" }))
  end)

  it("writes an error event", function()
    assert.equal('data: {"error":{"code":"timeout","message":"line\\nbreak","type":"t"}}\n\n',
      dialect.error_event({ message = "line\nbreak", type = "t", code = "timeout" }))
  end)

  it("ends a stream with [DONE]", function()
    assert.equal("data: [DONE]\n\n", dialect.terminal_bytes)
    assert.same({ { data = "[DONE]" } }, dialect.watch.rules.terminal)
  end)

  it("T-03 does not take a role for content", function()
    for _, path in ipairs(dialect.watch.rules.content) do
      assert.is_nil(path:find("role", 1, true))
    end
  end)
end)
