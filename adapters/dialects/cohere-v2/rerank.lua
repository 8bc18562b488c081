-- Cohere's /v2/rerank: documents are texts, results have their index and nothing of them. Pure.
local core = require("core")
local rerank = require("tide.rerank")

local M = {}

function M.decode_request(body) return rerank.request(body) end

function M.encode_request(rq, call)
  local documents, problem = rerank.texts(rq)
  if not documents then return nil, problem end
  return {
    model = call.model, query = rq.query, documents = documents, top_n = rq.top_n,
    max_tokens_per_doc = rq.max_tokens_per_doc,
  }
end

function M.decode_answer(body, call)
  local results, err = rerank.results(body.results, call)
  if not results then return nil, err end
  return {
    id = type(body.id) == "string" and body.id or nil, results = results,
    usage = rerank.usage(body.usage, body.meta),
  }
end

local function meta_of(usage)
  return {
    api_version = { version = "2" },
    billed_units = usage.search_units and { search_units = usage.search_units } or nil,
    tokens = usage.input and { input_tokens = usage.input } or nil,
  }
end

function M.encode_answer(answer, call)
  local results = core.array({})
  for i, result in ipairs(answer.results) do
    results[i] = { index = result.index, relevance_score = result.score }
  end
  return { id = answer.id or call.id, results = results, meta = meta_of(answer.usage or {}) }
end

return M
