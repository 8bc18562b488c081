local fake = require("spec.support.fake_core")

describe("ranking documents", function()
  local core, rerank, warned

  before_each(function()
    core = fake.install()
    rerank = require("tide.rerank")
    warned = {}
  end)

  local function request(text) return rerank.request(core.decode(text)) end

  it("reads a request", function()
    local rq = request([[{"model":"m","query":{"text":"q"},"documents":["a",{"text":"b"}],
      "top_n":9,"rank_fields":["text",7],"return_documents":true,"max_tokens_per_doc":5,
      "truncation":false,"priority":null}]])
    assert.same({
      op = "rerank", model = "m", query = "q", documents = { "a", { text = "b" } }, top_n = 2,
      rank_fields = { "text" }, return_documents = true, max_tokens_per_doc = 5,
      ext = { truncation = false },
    }, rq)
    assert.equal(1, request('{"query":"q","documents":["a","b"],"top_k":1}').top_n)
  end)

  it("makes text of objects: of one member that, of several a line for each", function()
    assert.equal("a", rerank.text("a"))
    assert.equal("b", rerank.text({ text = "b" }))
    assert.equal("n: 3\nt: x", rerank.text({ t = "x", n = 3, none = core.null }))
    assert.equal("t: x\nn: 3", rerank.text({ t = "x", n = 3 }, { "t", "n" }))
    assert.equal("x", rerank.text({ t = "x", n = 3 }, { "t" }))
  end)

  it("knows pictures", function()
    assert.is_true(rerank.has_media({ image = "https://a" }))
    assert.is_true(rerank.has_media({ content = { {} } }))
    assert.is_false(rerank.has_media({ content = "text" }))
    local texts, problem = rerank.texts({ documents = { "a", { image = "https://a" } } })
    assert.is_nil(texts)
    assert.equal("documents[1]", problem.param)
  end)

  local function results(list, top_n)
    return rerank.results(core.decode(list), {
      rq = { documents = { "a", "b", "c" }, top_n = top_n },
      warn = function(what) warned[#warned + 1] = what end,
    })
  end

  it("keeps the provider's order and scores, and no more than were asked for", function()
    local text = '[{"index":2,"relevance_score":7},{"index":0,"score":-1,"document":{}}]'
    assert.same({ { index = 2, score = 7 } }, results(text, 1))
    assert.same({ { index = 2, score = 7 }, { index = 0, score = -1 } }, results(text))
    assert.same({ "ranks of 1 documents" }, warned)
  end)

  it("finds ranks that cannot be", function()
    for text, why in pairs({
      ["7"] = "no list", ["null"] = "no list", ['{"a":1}'] = "no list", ["[]"] = "no document",
      ['[{"index":3,"score":1}]'] = "3 of 3", ['[{"index":-1,"score":1}]'] = "-1 of 3",
      ['[{"index":"0","score":1}]'] = "0 of 3", ['[{"index":0}]'] = "without a score",
      ['[{"index":0,"score":1},{"index":0,"score":1}]'] = "twice", ["[7]"] = "nil of 3",
    }) do
      local list, err = results(text)
      assert.is_nil(list)
      assert.equal("protocol", err.kind)
      assert.truthy(err.message:find(why, 1, true), err.message)
    end
  end)

  it("counts tokens, or searches, whoever tells them", function()
    assert.same({ input = 5, total = 5 }, rerank.usage({ total_tokens = 5 }))
    assert.same({ input = 4, total = 5, cost = 0.1 },
      rerank.usage({ total_tokens = 5, prompt_tokens = 4, cost = 0.1 }))
    assert.same({ search_units = 2 }, rerank.usage(nil, { billed_units = { search_units = 2 } }))
    local meta = { tokens = { input_tokens = 3 } }
    assert.same({ input = 3, total = 3 }, rerank.usage(core.null, meta))
    assert.is_nil(rerank.usage(nil, nil))
  end)

  it("gives a document back as it was sent, if it is wanted", function()
    local rq = { documents = { "a", { text = "b", n = 1 } } }
    assert.is_nil(rerank.document({ index = 0 }, rq))
    assert.same({ text = "a" }, rerank.document({ index = 0, document = { text = "?" } }, rq))
    rq.return_documents = true
    assert.same({ text = "b", n = 1 }, rerank.document({ index = 1 }, rq))
    rq.return_documents = false
    assert.is_nil(rerank.document({ index = 0, document = { text = "?" } }, rq))
  end)
end)
