-- What is known of the models of minimax, one a line: made by import.py from figures of litellm
-- (2026-08-06) and genai-prices (2026-08-21). USD per million tokens, per picture and per second.
return tide.models {
  date = "2026-08-21",
  models = {
    ["M2-her"] = { context = 64000, input = 0.3, output = 1.2 },
    ["MiniMax-M2"] = { context = 200000, max_output = 8192, input = 0.3, output = 1.2, cached = 0.03, cache_write = 0.375, caps = { "cache", "reasoning", "tools" } },
    ["MiniMax-M2.1"] = { context = 1000000, max_output = 8192, input = 0.3, output = 1.2, cached = 0.03, cache_write = 0.375, caps = { "cache", "reasoning", "tools" } },
    ["MiniMax-M2.1-highspeed"] = { context = 204800, input = 0.6, output = 2.4, cached = 0.03, cache_write = 0.375 },
    ["MiniMax-M2.1-lightning"] = { context = 1000000, max_output = 8192, input = 0.3, output = 2.4, cached = 0.03, cache_write = 0.375, caps = { "cache", "reasoning", "tools" } },
    ["MiniMax-M2.5"] = { context = 1000000, max_output = 8192, input = 0.3, output = 1.2, cached = 0.03, cache_write = 0.375, caps = { "cache", "reasoning", "tools" } },
    ["MiniMax-M2.5-highspeed"] = { context = 204800, input = 0.6, output = 2.4, cached = 0.03, cache_write = 0.375 },
    ["MiniMax-M2.5-lightning"] = { context = 1000000, max_output = 8192, input = 0.3, output = 2.4, cached = 0.03, cache_write = 0.375, caps = { "cache", "reasoning", "tools" } },
    ["MiniMax-M2.7"] = { context = 204800, input = 0.3, output = 1.2, cached = 0.06, cache_write = 0.375 },
    ["MiniMax-M2.7-highspeed"] = { context = 204800, input = 0.6, output = 2.4, cached = 0.06, cache_write = 0.375 },
    ["MiniMax-M3"] = { context = 1000000, max_output = 128000, input = 0.3, output = 1.2, cached = 0.06, tiers = { { above = 512000, input = 0.6, output = 2.4, cached = 0.12 } }, caps = { "cache", "reasoning", "tools", "vision" } },
    ["minimax-01"] = { input = 0.2, output = 1.1 },
    ["minimax-m1"] = { input = 0.4, output = 2.2 },
    ["minimax-m3"] = { context = 1000000, input = 0.3, output = 1.2, cached = 0.06, tiers = { { above = 512000, input = 0.6, output = 2.4, cached = 0.12 } } },
  },
}
