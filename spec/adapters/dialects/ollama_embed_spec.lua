local translation = require("spec.support.translation")

describe("embeddings of the dialect ollama:", function()
  local ollama, embed, raw

  local function new(options)
    options = options or {}
    options.op = "embed"
    ollama = translation.new("ollama", options)
    embed = ollama.dialect.operations.embed
    raw = { input = true, embedding = true, embeddings = true }
  end

  before_each(function() new({ client_dialect = "ollama" }) end)

  local function request(text)
    return embed.decode_request(ollama.core.decode(text, raw), ollama.call)
  end

  local function encoded(value)
    return ollama.core.decode(ollama.core.encode(value))
  end

  local function texts(...)
    local inputs = {}
    for i, text in ipairs({ ... }) do inputs[i] = { type = "text", text = text } end
    return inputs
  end

  it("reads a text, or several", function()
    local rq = request('{"model":"m","input":"a","truncate":false,"dimensions":7,'
      .. '"options":{"num_ctx":9,"seed":null},"keep_alive":"5m"}')
    assert.same({
      inputs = texts("a"), single = true, truncate = "none", dimensions = 7,
      ext = { ["options.num_ctx"] = 9, keep_alive = "5m" },
    }, rq)
    rq = request('{"input":["a","b"],"options":{},"keep_alive":null}')
    assert.same({ inputs = texts("a", "b"), single = false }, rq)
  end)

  it("reads the older form", function()
    new({ client_dialect = "ollama", endpoint = "embeddings" })
    assert.same({ inputs = texts("a"), single = true }, request('{"model":"m","prompt":"a"}'))
    local _, problem = request('{"prompt":["a"]}')
    assert.equal("prompt", problem.param)
    local _, nothing = request('{"prompt":""}')
    assert.same({ embedding = {} }, nothing.reply)
  end)

  it("answers nothing to nothing", function()
    for _, text in ipairs({ "{}", '{"input":""}', '{"input":[]}', '{"input":null}' }) do
      local _, problem = request(text)
      assert.same({ model = "asked", embeddings = {} }, problem.reply)
    end
  end)

  it("says what is wrong", function()
    for text, param in pairs({
      ['{"input":7}'] = "input", ['{"input":[7]}'] = "input", ['{"input":{"a":1}}'] = "input",
      ['{"input":"a","truncate":1}'] = "truncate",
    }) do
      local rq, problem = request(text)
      assert.is_nil(rq)
      assert.equal(param, problem.param)
    end
  end)

  it("asks a server", function()
    assert.same({ model = "m", input = "a" }, encoded(embed.encode_request(
      { inputs = texts("a"), single = true }, ollama.call)))
    assert.same({
      model = "m", input = { "a", "b" }, truncate = false, dimensions = 7,
      options = { num_ctx = 9 },
    }, encoded(embed.encode_request({
      inputs = { { type = "text", text = "a" },
        { type = "mixed", content = { { type = "text", text = "b" } } } },
      truncate = "none", dimensions = 7, ext = { ["options.num_ctx"] = 9, keep_alive = "5m" },
    }, ollama.call)))
    assert.same({}, ollama.warned)
    embed.encode_request({ inputs = { { type = "text", text = "a", title = "t" } },
      task = "query", user = "u", truncate = "start" }, ollama.call)
    assert.same({ "input_type", "user", "title", "truncate" }, ollama.warned)
    local body, problem = embed.encode_request({ inputs = { { type = "tokens", tokens = {} } } },
      ollama.call)
    assert.is_nil(body)
    assert.matches("texts, not lists of tokens", problem.message)
  end)

  local function answer(text)
    return embed.decode_answer(ollama.core.decode(text, raw), ollama.call)
  end

  it("reads vectors without looking into them", function()
    local said = answer('{"model":"e","embeddings":[[0.5,3],[1,2]],"prompt_eval_count":8}')
    assert.same({ "e", { input = 8, total = 8 } }, { said.model, said.usage })
    assert.same({ "[0.5,3]", "[1,2]" }, { said.vectors[1].raw, said.vectors[2].raw })
    assert.is_nil(answer('{"embeddings":[[1]]}').usage)
    assert.equal("[1]", answer('{"embedding":[1]}').vectors[1].raw)
    for _, text in ipairs({ "{}", '{"embeddings":[]}', '{"embeddings":7}',
      '{"embeddings":[7]}' }) do
      local _, problem = answer(text)
      assert.equal("protocol", problem.kind)
    end
  end)

  it("answers a client", function()
    local said = { model = "e", usage = { input = 8 }, vectors = {
      ollama.core.raw("[0.10,2e-3]"), ollama.core.raw("[1]") } }
    local text = ollama.core.encode(embed.encode_answer(said, ollama.call))
    assert.truthy(text:find('"embeddings":[[0.10,2e-3],[1]]', 1, true))
    assert.truthy(text:find('"prompt_eval_count":8', 1, true))
    new({ client_dialect = "ollama", endpoint = "embeddings" })
    said.vectors = { ollama.core.raw("[0.10]") }
    assert.equal('{"embedding":[0.10]}', ollama.core.encode(embed.encode_answer(said, ollama.call)))
  end)
end)
