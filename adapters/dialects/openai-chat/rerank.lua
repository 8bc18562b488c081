-- Ranking documents, as Jina began it and many servers beside OpenAI's protocol have it: /rerank
-- with `results`. Traits say what a provider has otherwise, see adapters/dialects/README.md. Pure.
local core = require("core")
local rerank = require("tide.rerank")

local M = {}

function M.decode_request(body) return rerank.request(body) end

-- Objects go to those who take them; pictures to those who may.
local function documents_for(rq, call)
  local traits = call.traits or {}
  if traits.rerank_objects then return rq.documents, rq.rank_fields end
  local list = core.array({})
  for i, document in ipairs(rq.documents) do
    list[i] = rerank.has_media(document) and document or rerank.text(document, rq.rank_fields)
  end
  return list
end

-- What a client wants to see again it gets from what it sent.
function M.encode_request(rq, call)
  local documents, fields = documents_for(rq, call)
  if rq.max_tokens_per_doc then call.warn("max_tokens_per_doc") end
  return {
    model = call.model, query = rq.query, documents = documents, rank_fields = fields,
    top_n = rq.top_n,
  }
end

-- Voyage has them in `data`, some servers in a bare list.
local function list_in(body)
  if body.results ~= nil then return body.results end
  if body.data ~= nil then return body.data end
  return body[1] ~= nil and body or nil
end

function M.decode_answer(body, call)
  local results, err = rerank.results(list_in(body), call)
  if not results then return nil, err end
  local function text(value) return type(value) == "string" and value or nil end
  return {
    id = text(body.id), model = text(body.model), results = results,
    usage = rerank.usage(body.usage, body.meta),
  }
end

local function usage_of(usage)
  if not (usage.input or usage.total) then return nil end
  return {
    prompt_tokens = usage.input, total_tokens = usage.total or usage.input, cost = usage.cost,
  }
end

function M.encode_answer(answer, call)
  local results, usage = core.array({}), answer.usage or {}
  for i, result in ipairs(answer.results) do
    results[i] = {
      index = result.index, relevance_score = result.score,
      document = rerank.document(result, call.rq),
    }
  end
  return {
    id = answer.id or "rerank-" .. call.id, object = "list", model = answer.model or call.model,
    results = results, usage = usage_of(usage),
    meta = usage.search_units and { billed_units = { search_units = usage.search_units } } or nil,
  }
end

return M
