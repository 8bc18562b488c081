-- What is known of the models of deepseek, one a line: made by import.py from figures of litellm
-- (2026-08-06) and genai-prices (2026-08-21). USD per million tokens, per picture and per second.
return tide.models {
  date = "2026-08-21",
  models = {
    ["deepseek-chat"] = { context = 131072, max_output = 8192, input = 0.28, output = 0.42, cached = 0.028, caps = { "cache", "json", "tools" } },
    ["deepseek-coder"] = { context = 128000, max_output = 4096, input = 0.14, output = 0.28, caps = { "cache", "tools" } },
    ["deepseek-r1"] = { context = 65536, max_output = 8192, input = 0.55, output = 2.19, caps = { "cache", "reasoning", "tools" } },
    ["deepseek-reasoner"] = { context = 131072, max_output = 65536, input = 0.28, output = 0.42, cached = 0.028, caps = { "cache", "json", "reasoning" } },
    ["deepseek-v3"] = { context = 65536, max_output = 8192, input = 0.27, output = 1.1, cached = 0.07, caps = { "cache", "tools" } },
    ["deepseek-v3.1-terminus"] = { input = 0.27, output = 0.95, cached = 0.13 },
    ["deepseek-v3.2"] = { context = 163840, max_output = 163840, input = 0.28, output = 0.4, caps = { "cache", "reasoning", "tools" } },
    ["deepseek-v3.2-exp"] = { input = 0.27, output = 0.41 },
    ["deepseek-v4-flash"] = { context = 1000000, max_output = 8192, input = 0.14, output = 0.28, cached = 0.0028, caps = { "cache", "json", "reasoning", "tools" } },
    ["deepseek-v4-pro"] = { context = 1000000, max_output = 8192, input = 0.435, output = 0.87, cached = 0.003625, caps = { "cache", "json", "reasoning", "tools" } },
  },
}
