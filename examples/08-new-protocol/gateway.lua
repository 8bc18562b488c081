return {
  listen = "127.0.0.1:8080",
  providers = { mock = {} }, -- adapters/lantern.lua is one without being named
}
