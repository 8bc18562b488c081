-- The first target is limited, the second says nothing: the client gets one clean answer all the
-- same, of the third.
return {
  listen = "127.0.0.1:8080",
  providers = { mock = {} },
  models = {
    assistant = {
      targets = { "mock/error-429", "mock/empty", "mock/gpt" },
      retry = { max = 3 },
      timeout = { first_token = 10 },
    },
  },
}
