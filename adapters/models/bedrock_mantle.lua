-- What is known of the models of bedrock_mantle, one a line: made by import.py from figures of litellm
-- (2026-08-06) and genai-prices (2026-08-21). USD per million tokens, per picture and per second.
return tide.models {
  date = "2026-08-21",
  models = {
    ["google.gemma-4-26b-a4b"] = { context = 256000, max_output = 256000, input = 0.13, output = 0.4, caps = { "reasoning", "tools", "vision" } },
    ["google.gemma-4-31b"] = { context = 256000, max_output = 256000, input = 0.14, output = 0.4, caps = { "reasoning", "tools", "vision" } },
    ["google.gemma-4-e2b"] = { context = 128000, max_output = 128000, input = 0.04, output = 0.08, caps = { "reasoning", "tools", "vision" } },
    ["openai.gpt-5.4"] = { context = 272000, max_output = 128000, input = 2.75, output = 16.5, cached = 0.275, caps = { "cache", "json", "reasoning", "tools", "vision" } },
    ["openai.gpt-5.5"] = { context = 272000, max_output = 128000, input = 5.5, output = 33, cached = 0.55, caps = { "cache", "json", "reasoning", "tools", "vision" } },
    ["openai.gpt-5.6-luna"] = { context = 272000, max_output = 128000, input = 0.22, output = 1.32, cached = 0.022, cache_write = 0.275, caps = { "cache", "json", "reasoning", "tools", "vision" } },
    ["openai.gpt-5.6-sol"] = { context = 272000, max_output = 128000, input = 5.5, output = 33, cached = 0.55, cache_write = 6.875, caps = { "cache", "json", "reasoning", "tools", "vision" } },
    ["openai.gpt-5.6-terra"] = { context = 272000, max_output = 128000, input = 2.2, output = 13.2, cached = 0.22, cache_write = 2.75, caps = { "cache", "json", "reasoning", "tools", "vision" } },
    ["openai.gpt-oss-120b"] = { context = 131072, max_output = 32768, input = 0.15, output = 0.6, caps = { "json", "reasoning", "tools" } },
    ["openai.gpt-oss-20b"] = { context = 131072, max_output = 32768, input = 0.075, output = 0.3, caps = { "json", "reasoning", "tools" } },
    ["openai.gpt-oss-safeguard-120b"] = { context = 131072, max_output = 65536, input = 0.15, output = 0.6, caps = { "json", "reasoning", "tools" } },
    ["openai.gpt-oss-safeguard-20b"] = { context = 131072, max_output = 65536, input = 0.075, output = 0.3, caps = { "json", "reasoning", "tools" } },
    ["xai.grok-4.3"] = { context = 131072, max_output = 16384, input = 1.25, output = 2.5, cached = 0.2, caps = { "json", "reasoning", "tools", "vision" } },
  },
}
