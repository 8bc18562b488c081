-- tidegate check: the policies in use are asked about a few requests, to see what they answer.
-- Nothing is sent anywhere, and whatever waits for an answer gets an error.
local core = require("core")
local check_problems = require("tide.check_problems")
local decide = require("tide.decide")
local place = require("tide.place")
local suggest = require("tide.suggest")
local template = require("tide.template")

local M = {}

local function message(content) return { role = "user", content = content } end

local TOOL = { type = "function", ["function"] = { name = "now" } }
local PICTURE = { type = "image_url", image_url = { url = "https://example.com/a.png" } }

-- Name, what of a chat is special about it, and where else than to OpenAI's chat it goes.
local SAMPLES = {
  { "a short chat", {} },
  { "a long chat", { messages = { message(("word "):rep(20000)) } } },
  { "a stream", { stream = true } },
  { "a chat with tools", { tools = { TOOL } } },
  { "a chat with a picture", { messages = { message({ PICTURE }) } } },
  { "a chat that asks for JSON", { response_format = { type = "json_object" } } },
  { "an embedding", { messages = false, input = "hi" }, "/v1/embeddings" },
  { "a chat of Anthropic's API", { max_tokens = 9, system = "Be brief." }, "/v1/messages" },
  { "a chat of the Responses API", { messages = false, input = "hi" }, "/v1/responses" },
  {
    "a chat of Gemini's API",
    { messages = false, contents = { { role = "user", parts = { { text = "hi" } } } } },
    "/v1beta/models/%s:generateContent",
  },
  {
    "a chat of Bedrock's API", { messages = { message({ { text = "hi" } }) } },
    "/model/%s/converse",
  },
  { "a chat of Cohere's API", { documents = { "a text" } }, "/v2/chat" },
  { "a chat of Ollama's API", { options = { num_predict = 9 } }, "/api/chat" },
  { "a ranking", { messages = false, query = "hi", documents = { "a text" } }, "/v1/rerank" },
  { "a moderation", { messages = false, input = "hi" }, "/v1/moderations" },
}

local function body_of(model, more)
  local body = { model = model, messages = { message("hi") } }
  for name, value in pairs(more) do body[name] = value or nil end
  return body
end

-- A plan that is wrong is wrong for certain; what raises may have needed an answer.
local function add(problems, found, model, sample)
  local err, policy = found.failure, found.policy
  local text = (err.reason or err.message):gsub("^[^:]+%.lua: ", "")
  local _, chunk = core.source(policy.file)
  local file = chunk:gsub("^@", "")
  problems:add({
    file = err.file and place.whole(err.file, file) or file, line = err.line or policy.line or 1,
    message = "policy " .. policy.name .. " fails for " .. sample .. " with model '" .. model
      .. "': " .. text,
    severity = err.traceback and "warning" or "error",
  })
end

local function try(problems, told, model, sample)
  local name = template.encode(model):gsub("%%", "%%%%")
  local found = decide.request({
    path = (sample[3] or "/v1/chat/completions"):gsub("%%s", name),
    headers = {},
    body = core.encode(body_of(model, sample[2])),
  })
  local failure = found.failure
  if not failure or told[failure.message] then return end
  told[failure.message] = true -- the same fault for one model and one request is enough
  add(problems, found, model, sample[1])
end

-- A model for each policy: those of the configuration, and one that only the top level sees.
local function models_of(config)
  local list = suggest.names(config.models or {})
  local provider = suggest.names(decide.providers())[1]
  if config.policy and provider then list[#list + 1] = provider .. "/any" end
  return list
end

--- Asks (y).
-- @tparam string text JSON: the problems found before, as check_problems.export() has them
-- @treturn number 0
-- @treturn string all problems, likewise
function M.run(text)
  local problems, told = check_problems.import(text), {}
  for _, model in ipairs(models_of(core.config)) do
    for _, sample in ipairs(SAMPLES) do try(problems, told, model, sample) end
  end
  return 0, problems:export()
end

return M
