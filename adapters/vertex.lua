-- Google's Vertex AI. `credentials` is the file of a service account; an access token as a key will
-- do for an hour.
local families = require("dialects.gemini.families")

local MODEL = "/v1/projects/{project}/locations/{location|global}/publishers/google/models/{model}"

-- Locations that are continents have names of another kind.
local CONTINENTS = { eu = true, us = true }

-- Embeddings have a protocol of their own here, but for the newest models.
local function embedders(list)
  local result = {
    {
      models = { "gemini-embedding-2*" },
      ops = { embed = { path = MODEL .. ":embedContent", batch = 1 } },
      traits = { embed = "content", embed_task = "prefix" },
    },
    {
      models = { "gemini-embedding*" }, ops = { embed = { batch = 1 } },
      traits = { embed = "predict" },
    },
    { models = { "*embedding*" }, traits = { embed = "predict" } },
  }
  for _, family in ipairs(list) do result[#result + 1] = family end
  return result
end

return tide.adapter {
  name = "vertex",
  extends = "gemini",
  config = { project = "string!", location = "string?", credentials = "string?" },
  base_url = function(config)
    local location = config.location or "global"
    if location == "global" then return "https://aiplatform.googleapis.com" end
    if CONTINENTS[location] then
      return "https://aiplatform." .. location .. ".rep.googleapis.com"
    end
    return "https://" .. location .. "-aiplatform.googleapis.com"
  end,
  auth = { type = "gcp" },
  ops = {
    chat = {
      path = MODEL .. ":generateContent", stream_path = MODEL .. ":streamGenerateContent?alt=sse",
    },
    count = { path = MODEL .. ":countTokens" },
    embed = { path = MODEL .. ":predict", translate = true, batch = 250 },
  },
  families = embedders(families.list({ labels = true, service_tier = false })),
  models = {
    ["gemini-3.5-flash"] = { reasoning = true, context = 1048576 },
    ["gemini-3.1-pro-preview"] = { reasoning = true, context = 1048576 },
    ["gemini-2.5-pro"] = { reasoning = true, context = 1048576 },
    ["gemini-2.5-flash"] = { reasoning = true, context = 1048576 },
    ["gemini-2.5-flash-lite"] = { reasoning = true, context = 1048576 },
    ["gemini-embedding-001"] = {}, ["gemini-embedding-2"] = {},
    ["text-multilingual-embedding-002"] = {},
  },
}
