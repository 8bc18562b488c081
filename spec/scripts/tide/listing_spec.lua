local fake = require("spec.support.fake_core")
local toy = require("spec.support.toy_dialect")

local gateway

local function get(path, headers, query)
  local req = fake.request({ method = "GET", path = path, headers = headers, query = query })
  gateway.serve(req)
  assert.is_truthy(req.recorded)
  return req:json(), req.replied.status
end

local ANTHROPIC = { ["anthropic-version"] = "2023-06-01" }

describe("tide.listing", function()
  before_each(function()
    local models = {}
    for i = 1, 30 do models["m" .. 100 + i] = "mock/gpt" end
    fake.install({
      config = { providers = { mock = { models = { "gpt" } } }, models = models },
      files = toy.files(),
    })
    gateway = require("tide.gateway")
    assert(gateway.load())
  end)

  it("lists all of them in OpenAI's shape", function()
    local list = get("/v1/models")
    assert.equal("list", list.object)
    assert.equal(31, #list.data)
    assert.equal("mock/gpt", list.data[31].id)
  end)

  it("lists in Anthropic's shape for its SDK, page by page", function()
    local list = get("/v1/models", ANTHROPIC)
    assert.equal(20, #list.names)
    assert.same({ true, "m101", "m120" }, { list.has_more, list.first_id, list.last_id })
    list = get("/v1/models", ANTHROPIC, "after_id=m120&limit=20")
    assert.equal(11, #list.names)
    assert.same({ false, "m121", "mock/gpt" }, { list.has_more, list.first_id, list.last_id })
    list = get("/v1/models", ANTHROPIC, "after_id=mock%2Fgpt")
    assert.same({ {}, false, fake.null, fake.null },
      { list.names, list.has_more, list.first_id, list.last_id })
  end)

  it("goes backwards from a model", function()
    local list = get("/v1/models", ANTHROPIC, "before_id=m110&limit=3")
    assert.same({ "m107", "m108", "m109" }, list.names)
    assert.is_true(list.has_more)
    assert.is_false(get("/v1/models", ANTHROPIC, "before_id=m103&limit=3").has_more)
  end)

  it("lists in Gemini's shape, page by page", function()
    local list = get("/v1beta/models", nil, "pageSize=30")
    assert.equal(30, #list.names)
    list = get("/v1beta/models", nil, "pageSize=30&pageToken=" .. list.nextPageToken)
    assert.same({ "mock/gpt" }, list.names)
    assert.is_nil(list.nextPageToken)
    assert.equal(31, #get("/v1/models", { ["x-goog-api-client"] = "google-genai-sdk" }).names)
  end)

  it("takes odd sizes and cursors for none", function()
    assert.equal(31, #get("/v1beta/models", nil, "pageSize=99999&pageToken=x").names)
    assert.equal(1, #get("/v1beta/models", nil, "pageSize=-5").names)
    assert.equal(20, #get("/v1/models", ANTHROPIC, "limit=many&after_id=gone").names)
  end)

  it("shows one model in each shape", function()
    assert.equal("model", get("/v1/models/m101").object)
    assert.equal("m101", get("/v1/models/m101", ANTHROPIC).name)
    assert.equal("mock/gpt", get("/v1beta/models/mock/gpt").name)
  end)

  it("T-37 refuses an unknown one in each dialect", function()
    local said, status = get("/v1beta/models/nope")
    assert.same({ 404, "gemini", "no_target" }, { status, said.toy, said.kind })
    said, status = get("/v1/models/nope", ANTHROPIC)
    assert.same({ 404, "anthropic-messages" }, { status, said.toy })
  end)
end)
