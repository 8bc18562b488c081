-- OpenAI, taken for a provider that knows nothing but responses.
return tide.adapter { name = "responses_only", extends = "openai", dialects = { "openai-responses" } }
