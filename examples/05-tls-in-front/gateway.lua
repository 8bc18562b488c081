-- Listens on loopback only; nginx.conf here terminates TLS in front of it.
return {
  listen = "127.0.0.1:8080",
  providers = { mock = {} },
  models = { assistant = "mock/gpt" },
  clients = { { key = secret "APP_KEY", name = "app" } },
}
