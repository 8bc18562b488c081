return {
  listen = "127.0.0.1:8080",
  admin = { listen = "127.0.0.1:8081", token = secret "TIDEGATE_ADMIN_TOKEN" },
  providers = { mock = {} },
  models = { assistant = "mock/gpt" },
  clients = {
    { key = secret "APP_KEY", name = "app" },
    { key = secret "CRON_KEY", name = "cron" },
  },
  log = { file = "gateway.log" },
}
