-- The mock's ranking: how alike a document's words, and parts of words, are to those of the query.
local core = require("core")
local embed = require("tide.mock_embed")
local rerank = require("tide.rerank")
local text = require("tide.mock_text")

local M = {}

local DIMENSIONS = 256

-- From 0 to 1: the cosine of the two vectors, which are of length 1.
local function likeness(a, b)
  local sum = 0
  for i, value in ipairs(a) do sum = sum + value * b[i] end
  return math.max(0, math.min(sum, 1))
end

local function by_score(a, b)
  if a.score ~= b.score then return a.score > b.score end
  return a.index < b.index
end

local function ranked(rq)
  local query, list, tokens = embed.vector(rq.query, DIMENSIONS), {}, text.count(rq.query)
  for i, document in ipairs(rq.documents) do
    local said = rerank.text(document, rq.rank_fields)
    tokens = tokens + text.count(said)
    list[i] = { index = i - 1, score = likeness(query, embed.vector(said, DIMENSIONS)) }
  end
  table.sort(list, by_score)
  return list, tokens
end

--- POST /v1/rerank. Returns { body = text }, or nil and what is wrong.
function M.rerank(call, request)
  local rq, problem = rerank.request(request)
  if not rq then return nil, problem end
  local list, tokens = ranked(rq)
  local results = core.array({})
  for i = 1, rq.top_n or #list do
    results[i] = {
      index = list[i].index, relevance_score = tonumber(("%.6f"):format(list[i].score)),
      document = rerank.document(list[i], rq),
    }
  end
  return {
    body = core.encode({
      id = "rerank-mock-" .. text.hex(call.body), object = "list", model = call.model,
      results = results, usage = { prompt_tokens = tokens, total_tokens = tokens },
    }),
  }
end

return M
