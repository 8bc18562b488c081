-- LM Studio's server on this machine.
return tide.adapter {
  name = "lmstudio",
  extends = "openai",
  base_url = "http://127.0.0.1:1234/v1",
  auth = { type = "bearer" },
}
