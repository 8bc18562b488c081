local fake = require("spec.support.fake_core")

local endpoints

-- Operation, dialect, whether it streams by itself, and the name in the path.
local function post(path)
  local route, id = endpoints.find(path)
  local op = route.POST
  return { op.name, op.dialect, op.stream, id }
end

describe("tide.endpoints", function()
  before_each(function()
    fake.install()
    endpoints = require("tide.endpoints")
  end)

  it("knows the dialect of each path", function()
    assert.same({ "chat", "openai-chat" }, post("/v1/chat/completions"))
    assert.same({ "chat", "openai-responses" }, post("/v1/responses"))
    assert.same({ "chat", "anthropic-messages" }, post("/v1/messages"))
    assert.same({ "count", "anthropic-messages" }, post("/v1/messages/count_tokens"))
  end)

  it("finds model and method in a path of Gemini's", function()
    assert.same({ "chat", "gemini", false, "flash" }, post("/v1beta/models/flash:generateContent"))
    assert.same({ "chat", "gemini", true, "flash" },
      post("/v1beta/models/flash:streamGenerateContent"))
    assert.same({ "count", "gemini", nil, "flash" }, post("/v1beta/models/flash:countTokens"))
    assert.same({ "chat", "gemini", false, "flash" }, post("/v1/models/flash:generateContent"))
  end)

  it("takes slashes and colons in the model's name, encoded or not", function()
    for _, path in ipairs({ "openai/gpt-4o", "openai%2Fgpt-4o", "openai%2fgpt-4o" }) do
      assert.equal("openai/gpt-4o", post("/v1beta/models/" .. path .. ":generateContent")[4])
    end
    assert.equal("ollama/llama3:8b", post("/v1beta/models/ollama/llama3:8b:generateContent")[4])
    assert.equal("a/b", post("/v1beta/models/a%2Fb%3AgenerateContent")[4])
    assert.equal("ollama/llama3:8b",
      endpoints.model_in("/v1/models/ollama/llama3%3A8b:countTokens"))
  end)

  it("takes a name with a slash for a path of its own, as some clients send it", function()
    assert.equal("openai/gpt-4o", post("/v1beta/openai/gpt-4o:streamGenerateContent")[4])
    assert.equal("a/b", endpoints.model_in("/v1beta/a/b:countTokens"))
    assert.is_nil(endpoints.find("/v1beta/flash:generateContent"))
    assert.is_nil(endpoints.find("/v1beta/openai/gpt-4o:embedContents"))
    assert.is_nil(endpoints.find("/v1beta/openai/gpt-4o"))
  end)

  it("shows a model whose name has a colon", function()
    local route, id = endpoints.find("/v1/models/ollama/llama3:8b")
    assert.same({ "show_model", "ollama/llama3:8b" }, { route.GET, id })
    route, id = endpoints.find("/v1beta/models/a%2Fb")
    assert.same({ "show_model", "a/b", "gemini" }, { route.GET, id, route.dialect })
    assert.is_nil(endpoints.find("/v1beta/models/"))
    assert.is_nil(endpoints.find("/v1beta/models/m:embedContents").POST)
  end)

  it("knows in which words an unknown path is refused", function()
    for path, dialect in pairs({
      ["/v1beta/nothing"] = "gemini", ["/v1beta"] = "gemini", ["/v1betamax"] = "openai-chat",
      ["/v1/messages/batches"] = "anthropic-messages", ["/v1/messagesx"] = "openai-chat",
      ["/v1/responses/resp_1"] = "openai-responses", ["/"] = "openai-chat",
    }) do
      assert.equal(dialect, endpoints.dialect_of(path), path)
    end
  end)

  it("knows a stream that is to be one array", function()
    local function is_array(path, query)
      return endpoints.wants_array(fake.request({ path = path, query = query }))
    end
    local stream = "/v1beta/models/m:streamGenerateContent"
    assert.is_true(is_array(stream))
    assert.is_true(is_array(stream, "key=alt=sse"))
    assert.is_true(is_array(stream, "alt=json"))
    assert.is_false(is_array(stream, "key=k&alt=sse"))
    assert.is_false(is_array(stream, "$alt=sse"))
    assert.is_false(is_array("/v1beta/models/m:generateContent"))
  end)
end)
