-- What is known of the models of cerebras, one a line: made by import.py from figures of litellm
-- (2026-08-06) and genai-prices (2026-08-21). USD per million tokens, per picture and per second.
return tide.models {
  date = "2026-08-21",
  models = {
    ["gpt-oss-120b"] = { context = 131072, max_output = 32768, input = 0.35, output = 0.75, caps = { "json", "reasoning", "tools" } },
    ["llama-3.3-70b"] = { context = 128000, max_output = 128000, input = 0.85, output = 1.2, caps = { "tools" } },
    ["llama3.1-70b"] = { context = 128000, max_output = 128000, input = 0.6, output = 0.6, caps = { "tools" } },
    ["llama3.1-8b"] = { context = 128000, max_output = 128000, input = 0.1, output = 0.1, caps = { "tools" } },
    ["qwen-3-32b"] = { context = 128000, max_output = 128000, input = 0.4, output = 0.8, caps = { "reasoning", "tools" } },
    ["zai-glm-4.6"] = { context = 128000, max_output = 128000, input = 2.25, output = 2.75, caps = { "reasoning", "tools" }, retires = "2026-01-20" },
    ["zai-glm-4.7"] = { context = 128000, max_output = 128000, input = 2.25, output = 2.75, caps = { "reasoning", "tools" } },
  },
}
