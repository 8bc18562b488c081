-- Voyage AI: ranks documents and embeds texts, and has no chat. Ranks stand in `data`.
return tide.adapter {
  name = "voyage",
  extends = "openai",
  base_url = "https://api.voyageai.com/v1",
  auth = { type = "bearer", secret = "VOYAGE_API_KEY" },
  ops = {
    chat = false, complete = false,
    rerank = { path = "/rerank", translate = true },
  },
  params = { rename = { top_n = "top_k" }, inject_stream = false },
  models = { ["rerank-2.5"] = {}, ["rerank-2.5-lite"] = {} },
}
