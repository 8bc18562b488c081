-- Ollama on this machine, or where base_url says. It takes chats of OpenAI's and Anthropic's
-- clients as well, but leaves out without a word what it does not know of them
-- (max_completion_tokens, tool_choice, instructions of the role developer), and fetches no picture;
-- which paths it has depends on its version. So all are told in its own words, but completions,
-- which nobody translates.
return tide.adapter {
  name = "ollama",
  dialects = { "ollama", "openai-chat" },
  ops = {
    chat = { paths = { ["openai-chat"] = false } },
    embed = { paths = { ["openai-chat"] = false } },
    complete = { paths = { ["openai-chat"] = "/v1/completions" } },
  },
  base_url = "http://127.0.0.1:11434",
  auth = { type = "bearer" },
  -- A model may have to be loaded first, which takes as long as thinking does.
  families = {
    {
      models = { "gpt-oss*" }, reasoning = true,
      traits = { thinking = "level", thinking_off = false, levels = { "low", "medium", "high" } },
    },
    -- To be asked to think is an error for those that cannot.
    {
      models = {
        "llama*", "codellama*", "llava*", "bakllava*", "mistral*", "mixtral*", "ministral*",
        "devstral*", "codestral*", "gemma", "gemma:*", "gemma2*", "gemma3*", "codegemma*", "phi",
        "phi:*", "phi3*", "phi4", "phi4:*", "phi4-mini", "phi4-mini:*", "qwen", "qwen:*", "qwen2*",
        "qwen3-coder*", "qwen3*instruct*", "command-r*", "granite-code*", "olmo2*", "smollm*",
        "tinyllama*", "starcoder*", "deepseek-coder*", "deepseek-v2*", "deepseek-v3",
        "deepseek-v3:*", "moondream*", "minicpm-v*", "kimi-k2", "kimi-k2:*",
      },
      reasoning = true, traits = { thinking = false },
    },
    { models = { "*" }, reasoning = true },
  },
  errors = {
    map = {
      context_length_exceeded = "context_length", model_not_found = "no_target",
      unsupported_capability = "bad_request", usage_limit = "quota", server_busy = "overloaded",
    },
  },
}
