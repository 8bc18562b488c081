local translation = require("spec.support.translation")

-- The four functions of a dialect's embeddings, with what surrounds them.
local function open(name, options)
  local self = translation.new(name, options)
  local op = self.dialect.operations.embed
  local raw = {}
  for _, member in ipairs(op.raw_members or {}) do raw[member] = true end
  self.call.header = function() return nil end
  local one = { call = self.call, warned = self.warned, core = self.core }
  function one.read(text)
    return op.decode_request(self.core.decode(text, raw), self.call)
  end
  function one.write(rq)
    local body, problem = op.encode_request(rq, self.call)
    return body and self.core.decode(self.core.encode(body)), problem
  end
  function one.answered(text) return op.decode_answer(self.core.decode(text, raw), self.call) end
  function one.told(answer, rq)
    self.call.rq = rq
    return self.core.decode(self.core.encode(op.encode_answer(answer, self.call)))
  end
  return one
end

local function text(said) return { type = "text", text = said } end

local function image(more)
  local part = { type = "image", data = "AAAA", mime = "image/png" }
  for name, value in pairs(more or {}) do part[name] = value end
  return part
end

local BOTH = { type = "mixed", content = { text("a"), image() } }

describe("embeddings of openai-chat", function()
  local it_is

  before_each(function() it_is = open("openai-chat") end)

  it("are asked for with texts, one or several, and with tokens", function()
    assert.same({ inputs = { text("a") }, single = true, format = "base64", user = "u" },
      it_is.read('{"model":"m","input":"a","encoding_format":"base64","user":"u"}'))
    assert.same({ inputs = { text("a"), text("b") }, single = false, dimensions = 3 },
      it_is.read('{"input":["a","b"],"dimensions":3,"encoding_format":null}'))
    local rq = it_is.read('{"input":[1, 22]}')
    assert.is_true(rq.single)
    assert.equal("[1,22]", (it_is.core.encode(rq.inputs[1].tokens):gsub("%s", "")))
    assert.equal(2, #it_is.read('{"input":[[1],[2,3]]}').inputs)
  end)

  it("keep what they do not know, and what a vector is for", function()
    local rq = it_is.read('{"input":"a","input_type":"search_query","odd":1,"nothing":null}')
    assert.equal("query", rq.task)
    assert.same({ odd = 1 }, rq.ext)
    assert.equal("search_query", it_is.write(rq).input_type)
    it_is.call.traits = { embed_tasks = { query = "query" } }
    assert.equal("query", it_is.write(rq).input_type)
    assert.same({}, it_is.warned)
  end)

  it("are refused for what is wrong with them", function()
    for body, param in pairs({
      ['{"input":"a","encoding_format":"int8"}'] = "encoding_format",
      ['{"input":"a","dimensions":1.5}'] = "dimensions",
      ['{"input":"a","dimensions":"x"}'] = "dimensions",
      ['{}'] = "input", ['{"input":[["a"]]}'] = "input", ['{"input":[{}]}'] = "input",
      ['{"input":[[]]}'] = "input", ['{"input":[1,2.5]}'] = "input",
    }) do
      local rq, problem = it_is.read(body)
      assert.is_nil(rq, body)
      assert.equal(param, problem.param, body)
    end
  end)

  it("ask a provider in its own words", function()
    local rq = { inputs = { text("a") }, single = true, format = "base64", dimensions = 3 }
    assert.same({ model = "m", input = "a", encoding_format = "base64", dimensions = 3 },
      it_is.write(rq))
    it_is.call.traits = { embed_base64 = false, embed_tokens = false, embed_truncate = "cut" }
    assert.same({ model = "m", input = "a", dimensions = 3 }, it_is.write(rq))
    rq.truncate = "none"
    assert.is_false(it_is.write(rq).cut)
    local _, problem = it_is.write({ inputs = { { type = "tokens", tokens = {} } } })
    assert.matches("not lists of tokens", problem.message)
    _, problem = it_is.write({ inputs = { BOTH } })
    assert.equal("input", problem.param)
    assert.same({}, it_is.warned)
    it_is.call.traits = {}
    it_is.write({ inputs = { { type = "text", text = "a", title = "t" } }, task = "query",
      truncate = "end" })
    assert.same({ "title", "input_type", "truncate" }, it_is.warned)
  end)

  it("stand where their index says", function()
    local answer = it_is.answered('{"data":[{"index":1,"embedding":[2]},'
      .. '{"index":0,"embedding":"AA"}],' .. '"usage":{"total_tokens":4}}')
    assert.same({ base64 = "AA" }, answer.vectors[1])
    assert.equal("[2]", answer.vectors[2].raw)
    assert.equal(4, answer.usage.input)
    for _, body in ipairs({ "{}", '{"data":[7]}', '{"data":[{"embedding":null}]}',
      '{"data":[{"index":1,"embedding":[1]},{"index":1,"embedding":[2]}]}' }) do
      local none, problem = it_is.answered(body)
      assert.is_nil(none, body)
      assert.equal("protocol", problem.kind)
    end
  end)

  it("are told as numbers or as base64, with null for counts that nobody knows", function()
    local answer = { vectors = { it_is.core.raw("[0.5, 1]"), { base64 = "AACAPw==" }, { 0.25 } } }
    local told = it_is.told(answer, {})
    assert.same({ { 0.5, 1 }, { 1 }, { 0.25 } }, { told.data[1].embedding, told.data[2].embedding,
      told.data[3].embedding })
    assert.equal(it_is.core.null, told.usage.prompt_tokens)
    told = it_is.told(answer, { format = "base64" })
    assert.same({ "AAAAPwAAgD8=", "AACAPw==", "AACAPg==" }, { told.data[1].embedding,
      told.data[2].embedding, told.data[3].embedding })
  end)
end)

describe("embeddings of gemini", function()
  it("are asked for one by one, or many at once, in either case of names", function()
    local it_is = open("gemini", { endpoint = "batchEmbed" })
    local rq = it_is.read('{"requests":[{"content":{"parts":[{"text":"a"}]},'
      .. '"taskType":"CLUSTERING","title":"t"},{"content":{"parts":[{"text":"b"},'
      .. '{"inline_data":{"mime_type":"image/png",'
      .. '"data":"AAAA"}}]},"task_type":"CLUSTERING","output_dimensionality":null,"odd":1}]}')
    assert.equal("clustering", rq.task)
    assert.equal("t", rq.inputs[1].title)
    assert.equal("mixed", rq.inputs[2].type)
    assert.same({ "requests[1].odd" }, it_is.warned)
    it_is = open("gemini")
    rq = it_is.read('{"content":{"parts":[{"text":"a"}]},'
      .. '"embedContentConfig":{"autoTruncate":false}}')
    assert.is_true(rq.single)
    assert.equal("none", rq.truncate)
  end)

  it("are refused when their requests differ, or say nothing", function()
    local it_is = open("gemini", { endpoint = "batchEmbed" })
    local a = '{"content":{"parts":[{"text":"a"}]},"outputDimensionality":'
    for _, body in ipairs({ '{"requests":[' .. a .. "3}," .. a .. '4}]}', '{"requests":[]}', "{}",
      '{"requests":[{}]}', '{"requests":[{"content":{"parts":[]}}]}',
      '{"requests":[{"content":{"parts":[{"text":""}]}}]}' }) do
      assert.is_nil((it_is.read(body)), body)
    end
  end)

  it("ask for a batch, with words of Google's or words before the text", function()
    local it_is = open("gemini")
    local rq = { inputs = { { type = "text", text = "a", title = "t" } }, task = "document",
      dimensions = 3 }
    assert.same({ requests = { { model = "models/m", content = { parts = { { text = "a" } } },
      taskType = "RETRIEVAL_DOCUMENT", title = "t", outputDimensionality = 3 } } }, it_is.write(rq))
    it_is.call.traits = { embed_task = "prefix" }
    local sent = it_is.write(rq).requests[1]
    assert.equal("title: t | text: a", sent.content.parts[1].text)
    assert.is_nil(sent.taskType)
    sent = it_is.write({ inputs = { text("a"), BOTH }, task = "query" })
    assert.equal("task: search result | query: a", sent.requests[2].content.parts[1].text)
    assert.equal("AAAA", sent.requests[2].content.parts[2].inlineData.data)
    it_is.write({ inputs = { text("a") }, user = "u", truncate = "end", task = "other" })
    assert.same({ "user", "truncate", "input_type" }, it_is.warned)
  end)

  it("ask Vertex in the shape of the model", function()
    local it_is = open("gemini")
    local rq = { inputs = { text("a") }, task = "query", dimensions = 3, truncate = "none" }
    it_is.call.traits = { embed = "predict" }
    assert.same({ instances = { { content = "a", task_type = "RETRIEVAL_QUERY" } },
      parameters = { outputDimensionality = 3, autoTruncate = false } }, it_is.write(rq))
    local _, problem = it_is.write({ inputs = { BOTH } })
    assert.equal("input", problem.param)
    it_is.call.traits = { embed = "content" }
    assert.same({ content = { parts = { { text = "a" } } }, embedContentConfig = {
      taskType = "RETRIEVAL_QUERY", outputDimensionality = 3, autoTruncate = false } },
      it_is.write(rq))
    local answer = it_is.answered('{"predictions":[{"embeddings":{"values":[1],'
      .. '"statistics":{"token_count":2}}},{"embeddings":{"values":[2],"statistics":'
      .. '{"token_count":3}}}]}')
    assert.same({ 5, "[2]" }, { answer.usage.input, answer.vectors[2].raw })
  end)

  it("are told alone or in a list", function()
    local it_is = open("gemini")
    local answer = { vectors = { it_is.core.raw("[1]") }, usage = { input = 4 } }
    local usage = { promptTokenCount = 4, totalTokenCount = 4 }
    assert.same({ embedding = { values = { 1 } }, usageMetadata = usage },
      it_is.told(answer, { single = true }))
    assert.same({ embeddings = { { values = { 1 } } }, usageMetadata = usage },
      it_is.told(answer, {}))
  end)
end)

describe("embeddings of cohere-v2", function()
  local it_is

  before_each(function() it_is = open("cohere-v2") end)

  it("are asked for with texts, pictures or both", function()
    local rq = it_is.read('{"texts":["a"],"images":[],"input_type":"search_query",'
      .. '"truncate":"NONE","embedding_types":["float","int8"],"output_dimension":3,'
      .. '"max_tokens":9}')
    assert.same({ { text("a") }, "query", "none", { "int8" }, 3, { max_tokens = 9 } },
      { rq.inputs, rq.task, rq.truncate, rq.kinds, rq.dimensions, rq.ext })
    rq = it_is.read('{"images":["data:image/png;base64,AAAA"],"input_type":"image"}')
    assert.same({ image() }, rq.inputs)
    assert.is_nil(rq.task)
    rq = it_is.read('{"inputs":[{"content":[{"type":"text","text":"a"},{"type":"image_url",'
      .. '"image_url":{"url":"data:image/png;base64,AAAA"}}]}]}')
    assert.same({ BOTH }, rq.inputs)
  end)

  it("are refused for what is wrong with them", function()
    for body, param in pairs({
      ["{}"] = "texts", ['{"texts":[]}'] = "texts", ['{"texts":"a"}'] = "texts",
      ['{"texts":["a"],"images":["b"]}'] = "images", ['{"texts":["a",1]}'] = "texts",
      ['{"texts":["a"],"input_type":"odd"}'] = "input_type", ['{"texts":[""]}'] = "texts",
      ['{"texts":["a"],"embedding_types":["odd"]}'] = "embedding_types",
      ['{"inputs":[{"content":[]}]}'] = "inputs", ['{"inputs":[7]}'] = "inputs",
    }) do
      local rq, problem = it_is.read(body)
      assert.is_nil(rq, body)
      assert.equal(param, problem.param, body)
    end
  end)

  it("ask for texts, pictures or both, and say what for", function()
    assert.same({ model = "m", texts = { "a" }, input_type = "search_document",
      embedding_types = { "float" }, truncate = "END" },
      it_is.write({ inputs = { text("a") }, truncate = "end" }))
    local sent = it_is.write({ inputs = { image() }, task = "query" })
    assert.same({ "image", { "data:image/png;base64,AAAA" } }, { sent.input_type, sent.images })
    sent = it_is.write({ inputs = { text("a"), image() }, task = "clustering" })
    assert.equal("clustering", sent.input_type)
    assert.equal("image_url", sent.inputs[2].content[1].type)
    local _, problem = it_is.write({ inputs = { { type = "image", url = "https://a/b.png" } } })
    assert.matches("not addresses", problem.message)
    it_is.call.client_dialect = "cohere-v2"
    sent = it_is.write({ inputs = { text("a") }, types = { "int8" } })
    assert.same({ "int8" }, sent.embedding_types)
  end)

  it("come by type, or as floats alone", function()
    local answer = it_is.answered('{"id":"x","embeddings":{"float":[[1],[2]],"int8":[[3],[4]]},'
      .. '"meta":{"billed_units":{"input_tokens":5}}}')
    assert.same({ "[2]", "[4]", 5 }, { answer.vectors[2].raw, answer.kinds.int8[2].raw,
      answer.usage.input })
    local told = it_is.told(answer, { types = { "float", "int8" }, inputs = { text("a"), BOTH } })
    assert.same({ { 1 }, { 2 } }, told.embeddings.float)
    assert.same({ { 3 }, { 4 } }, told.embeddings.int8)
    assert.same({ "a" }, told.texts)
    assert.equal("[1]", it_is.answered('{"embeddings":[[1]]}').vectors[1].raw)
    for _, body in ipairs({ "{}", '{"embeddings":[]}', '{"embeddings":{}}', '{"embeddings":7}' }) do
      assert.is_nil((it_is.answered(body)), body)
    end
  end)
end)

describe("embeddings of bedrock-converse", function()
  it("are asked for one at a time, in the words of each maker", function()
    local it_is = open("bedrock-converse")
    it_is.call.traits = { embed = "titan_image" }
    assert.same({ inputImage = "AAAA", embeddingConfig = { outputEmbeddingLength = 3 } },
      it_is.write({ inputs = { image() }, dimensions = 3 }))
    it_is.call.traits = { embed = "nova" }
    local sent = it_is.write({ inputs = { image() }, task = "query", truncate = "start" })
    assert.same({ format = "png", source = { bytes = "AAAA" } }, sent.singleEmbeddingParams.image)
    assert.equal("GENERIC_RETRIEVAL", sent.singleEmbeddingParams.embeddingPurpose)
    it_is.call.traits = { embed = "cohere", embed_sides = true }
    assert.same({ texts = { "a" }, input_type = "search_document", truncate = "RIGHT" },
      it_is.write({ inputs = { text("a") }, truncate = "end" }))
    it_is.call.traits = { embed = "titan", embed_dimensions = false }
    assert.same({ inputText = "a" }, it_is.write({ inputs = { text("a") }, dimensions = 3 }))
    assert.same({ "dimensions" }, it_is.warned)
    local _, problem = it_is.write({ inputs = { image() } })
    assert.equal("input", problem.param)
    it_is.call.traits = {}
    _, problem = it_is.write({ inputs = { text("a") } })
    assert.matches("not known to give embeddings", problem.message)
  end)

  it("are counted by a header where the answer does not", function()
    local it_is = open("bedrock-converse")
    it_is.call.header = function(name) return name == "x-amzn-bedrock-input-token-count" and "7" end
    assert.equal(7, it_is.answered('{"embeddings":[{"embedding":[1]}]}').usage.input)
    assert.equal(2, it_is.answered('{"embedding":[1],"inputTextTokenCount":2}').usage.input)
    assert.is_nil((it_is.answered("{}")))
  end)
end)
