-- Voyage AI: ranks documents and embeds texts, and has no chat. Ranks stand in `data`.
return tide.adapter {
  name = "voyage",
  extends = "openai",
  base_url = "https://api.voyageai.com/v1",
  auth = { type = "bearer", secret = "VOYAGE_API_KEY" },
  ops = {
    chat = false, complete = false,
    embed = { path = "/embeddings", translate = true, batch = 1000 },
    rerank = { path = "/rerank", translate = true },
  },
  params = {
    rename = { top_n = "top_k", dimensions = "output_dimension" }, drop = { "user" },
    inject_stream = false,
  },
  families = {
    {
      models = { "*" },
      traits = {
        embed_tokens = false, embed_truncate = "truncation",
        embed_tasks = { query = "query", document = "document" },
      },
    },
  },
  models = {
    ["voyage-3.5"] = {}, ["voyage-3.5-lite"] = {}, ["voyage-3-large"] = {}, ["voyage-code-3"] = {},
    ["rerank-2.5"] = {}, ["rerank-2.5-lite"] = {},
  },
}
