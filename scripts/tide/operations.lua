-- What may be asked of a model, besides lists. Pure.
local M = {}

--- Names, as `ops` of an adapter and `paths` of a dialect have them.
M.names = { "chat", "complete", "embed", "count", "rerank", "moderate" }

--- The same as a set.
M.known = {}
for _, name in ipairs(M.names) do M.known[name] = true end

--- What a model that cannot do it does not offer, for people.
M.words = {
  chat = "chats", complete = "completions", embed = "embeddings", count = "counts of tokens",
  rerank = "reranking", moderate = "moderation",
}

--- The functions that translate an operation from and to a dialect: those of the dialect itself for
-- chat, else those in its `operations`; nil where it has none.
-- @treturn table|nil { request, raw, speaks, serves, endpoint, decode_request, encode_request,
--   decode_answer, encode_answer }
function M.of(dialect, name)
  if name == "chat" then return dialect end
  return dialect.operations and dialect.operations[name]
end

--- Stands for a protocol of an adapter's own: its hooks `encode` and `decode` know it.
M.own = { speaks = true }

return M
