-- Cohere: Command, Embed and Rerank, by API v2.

-- Models that do not think; those that were there before tools could be forced.
local PLAIN = { thinking = false }
local OLDER = { thinking = false, tool_choice = false }

return tide.adapter {
  name = "cohere",
  dialect = "cohere-v2",
  base_url = "https://api.cohere.com",
  auth = { type = "bearer", secret = "COHERE_API_KEY" },
  ops = { chat = {}, rerank = {}, embed = { batch = 96 } },
  params = {
    clamp = {
      temperature = { 0, 1 }, p = { 0.01, 0.99 }, k = { 0, 500 }, frequency_penalty = { 0, 1 },
      presence_penalty = { 0, 1 },
    },
  },
  families = {
    { models = { "command-r7b*" }, traits = PLAIN },
    { models = { "command-r", "command-r-*", "command-light*", "command-nightly*", "command",
      "c4ai-*" }, traits = OLDER },
    { models = { "command-a-0*", "command-a-vision*", "command-a-translate*", "*aya*" },
      traits = PLAIN },
    { models = { "command-*" }, reasoning = true },
  },
  errors = {
    map = { TOO_MANY_TOKENS = "context_length", TIMEOUT = "timeout" },
    -- 498: the key; 499: they hung up.
    status = { [498] = "auth", [499] = "timeout" },
    match = {
      { status = 400, contains = "too many tokens", kind = "context_length" },
      { status = 429, contains = "API calls / month", kind = "quota" },
      { status = 429, contains = "billing", kind = "quota" },
    },
  },
  models = {
    ["command-a-plus-05-2026"] = { reasoning = true },
    ["command-a-reasoning-08-2025"] = { reasoning = true, context = 288768 },
    ["command-a-vision-07-2025"] = {}, ["command-a-03-2025"] = { context = 288000 },
    ["command-r7b-12-2024"] = {}, ["embed-v4.0"] = {}, ["rerank-v4.0-pro"] = {},
    ["rerank-v3.5"] = {},
  },
}
