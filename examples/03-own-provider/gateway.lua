return {
  listen = "127.0.0.1:8080",
  providers = {
    harbour = {}, -- adapters/harbour.lua beside this file; its key is in HARBOUR_API_KEY
    annexe = { extends = "openai", base_url = "http://127.0.0.1:9001/v1" }, -- no file is needed
  },
  models = { assistant = { "harbour/tide-1", "annexe/tide-1" } },
}
