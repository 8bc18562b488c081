-- A provider that speaks OpenAI's dialect, with two quirks of its own.
return tide.adapter {
  name = "harbour", extends = "openai",
  base_url = "http://127.0.0.1:9000/v1",
  auth = { type = "bearer", secret = "HARBOUR_API_KEY" },
  params = { rename = { max_completion_tokens = "max_tokens" }, drop = { "user" } },
}
