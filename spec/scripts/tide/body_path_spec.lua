local fake = require("spec.support.fake_core")

describe("the path of a body without its request", function()
  local body_path, core

  before_each(function()
    core = fake.install()
    body_path = require("tide.body_path")
  end)
  after_each(fake.remove)

  local function of(text)
    return body_path.of(assert(core.decode(text)))
  end

  it("is that of the API that alone has such members", function()
    for text, path in pairs({
      ['{"model":"m","messages":[{"role":"user","content":"a"}]}'] = "/v1/chat/completions",
      ['{"model":"m","messages":[{"role":"user","content":[{"type":"text"}]}]}'] =
        "/v1/chat/completions",
      ['{"model":"m","system":"s","messages":[]}'] = "/v1/messages",
      ['{"model":"m","input":"a","instructions":"b"}'] = "/v1/responses",
      ['{"model":"m","input":[{"role":"user","content":"a"}]}'] = "/v1/responses",
      ['{"model":"m","contents":[]}'] = "/v1beta/models/m:generateContent",
      ['{"model":"a/b:c","messages":[{"role":"user","content":[{"text":"a"}]}]}'] =
        "/model/a%2Fb%3Ac/converse",
      ['{"modelId":"m","messages":[],"inferenceConfig":{}}'] = "/model/m/converse",
      ['{"model":"m","messages":[],"options":{}}'] = "/api/chat",
      ['{"model":"m","messages":[{"role":"user","content":"a","images":["x"]}]}'] = "/api/chat",
      ['{"model":"m","messages":[],"documents":["a"]}'] = "/v2/chat",
      ['{"model":"m","prompt":"a"}'] = "/v1/completions",
      ['{"model":"m","prompt":"a","keep_alive":0}'] = "/api/generate",
      ['{"model":"m","input":["a"]}'] = "/v1/embeddings",
      ['{"model":"m","input":[[1,2]]}'] = "/v1/embeddings",
      ['{"model":"m","input":"a","truncate":true}'] = "/api/embed",
      ['{"model":"m","texts":["a"]}'] = "/v2/embed",
      ['{"model":"m","images":["a"]}'] = "/v2/embed",
      ['{"model":"models/m","content":{}}'] = "/v1beta/models/m:embedContent",
      ['{"requests":[{"model":"models/m"}]}'] = "/v1beta/models/m:batchEmbedContents",
      ['{"model":"m","query":"a","documents":["a"]}'] = "/v1/rerank",
      ['{"model":"m","query":"a","documents":["a"],"max_tokens_per_doc":9}'] = "/v2/rerank",
      ['{"model":"omni-moderation-latest","input":"a"}'] = "/v1/moderations",
      ['{"input":[{"type":"text","text":"a"}]}'] = "/v1/moderations",
      ["{}"] = "/v1/chat/completions",
    }) do
      assert.equal(path, of(text), text)
    end
  end)

  it("cannot be told where the model that stands in it is missing", function()
    for _, text in ipairs({
      '{"contents":[]}', '{"requests":[]}', '{"messages":[],"toolConfig":{}}',
    }) do
      local path, why = of(text)
      assert.is_nil(path)
      assert.matches("stands in its path", why)
    end
  end)
end)
