-- mygate/gateway.lua
return {
  listen = "127.0.0.1:8080",
  admin = { listen = "127.0.0.1:8081" },
  providers = { mock = {} },
  models = { assistant = "mock/gpt" },
  policy = "by_size",
}
