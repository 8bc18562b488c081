return {
  listen = "127.0.0.1:8080",
  providers = { mock = {} }, -- answers without a key and without a network
  models = { assistant = "mock/gpt" },
}
