-- Ollama's own service, with a key of ollama.com.
return tide.adapter {
  name = "ollama_cloud",
  extends = "ollama",
  dialects = { "ollama", "openai-chat" },
  base_url = "https://ollama.com",
  auth = { type = "bearer", secret = "OLLAMA_API_KEY" },
}
