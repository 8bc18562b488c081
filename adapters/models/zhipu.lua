-- What is known of the models of zhipu, one a line: made by import.py from figures of litellm
-- (2026-08-06) and genai-prices (2026-08-21). USD per million tokens, per picture and per second.
return tide.models {
  date = "2026-08-21",
  models = {
    ["glm-4-32b-0414-128k"] = { context = 128000, max_output = 32000, input = 0.1, output = 0.1, caps = { "tools" } },
    ["glm-4-air"] = { context = 128000, input = 0.069, output = 0.069, cached = 0.034 },
    ["glm-4-airx"] = { context = 8000, input = 1.379, output = 1.379 },
    ["glm-4-assistant"] = { context = 128000, input = 0.69, output = 0.69 },
    ["glm-4-flashx-250414"] = { context = 128000, input = 0.014, output = 0.014, cached = 0.007 },
    ["glm-4-long"] = { context = 1000000, input = 0.138, output = 0.138, cached = 0.069 },
    ["glm-4-plus"] = { context = 128000, input = 0.69, output = 0.69, cached = 0.345 },
    ["glm-4.5"] = { context = 128000, max_output = 32000, input = 0.6, output = 2.2, caps = { "tools" } },
    ["glm-4.5-air"] = { context = 128000, max_output = 32000, input = 0.2, output = 1.1, caps = { "tools" } },
    ["glm-4.5-airx"] = { context = 128000, max_output = 32000, input = 1.1, output = 4.5, caps = { "tools" } },
    ["glm-4.5-flash"] = { context = 128000, max_output = 32000, caps = { "tools" } },
    ["glm-4.5-x"] = { context = 128000, max_output = 32000, input = 2.2, output = 8.9, caps = { "tools" } },
    ["glm-4.5v"] = { context = 128000, max_output = 32000, input = 0.6, output = 1.8, caps = { "tools", "vision" } },
    ["glm-4.6"] = { context = 200000, max_output = 128000, input = 0.6, output = 2.2, cached = 0.11, caps = { "cache", "reasoning", "tools" } },
    ["glm-4.7"] = { context = 200000, max_output = 128000, input = 0.6, output = 2.2, cached = 0.11, caps = { "cache", "reasoning", "tools" } },
    ["glm-4.7-flash"] = { context = 200000, max_output = 128000, caps = { "cache", "reasoning", "tools" } },
    ["glm-4.7-flashx"] = { context = 200000, input = 0.069, output = 0.414, cached = 0.014 },
    ["glm-5"] = { context = 200000, max_output = 128000, input = 1, output = 3.2, cached = 0.2, caps = { "cache", "reasoning", "tools" } },
    ["glm-5-code"] = { context = 200000, max_output = 128000, input = 1.2, output = 5, cached = 0.3, caps = { "cache", "reasoning", "tools" } },
    ["glm-5-turbo"] = { context = 200000, input = 0.69, output = 3.034, cached = 0.166 },
    ["glm-5.1"] = { context = 200000, max_output = 128000, input = 1.4, output = 4.4, cached = 0.26, caps = { "cache", "reasoning", "tools" } },
    ["glm-5.2"] = { context = 1000000, input = 1.103, output = 3.862, cached = 0.276 },
  },
}
