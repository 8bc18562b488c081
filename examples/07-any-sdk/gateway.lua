-- Clients keep their SDK and the names that they use; which model answers is decided here. With
-- keys in .env any of these can be the real thing: "anthropic/claude-sonnet-4-5", not "mock/fast".
return {
  listen = "127.0.0.1:8080",
  providers = { mock = {} },
  models = {
    ["gpt-4o"] = "mock/fast",
    ["claude-sonnet-4-5"] = "mock/fast",
    ["gemini-2.5-flash"] = "mock/fast",
  },
}
