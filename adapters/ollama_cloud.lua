-- Ollama's own service, with a key of ollama.com.
return tide.adapter {
  name = "ollama_cloud",
  extends = "ollama",
  base_url = "https://ollama.com",
  auth = { type = "bearer", secret = "OLLAMA_API_KEY" },
}
