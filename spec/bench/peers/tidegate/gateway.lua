return {
  listen = "127.0.0.1:@PORT@",
  workers = 1,
  providers = {
    upstream = {
      extends = "openai", base_url = "http://127.0.0.1:@MOCK@/v1", keys = { "sk-bench" },
    },
  },
  models = { ["mock-1"] = { "upstream/mock-1" } },
}
