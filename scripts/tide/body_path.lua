-- Where a body would have been sent, by what each API alone has: for bodies that come without their
-- request. Pure.
local core = require("core")

local M = {}

local function is_text(value)
  return type(value) == "string"
end

local function is_list(value)
  return type(value) == "table" and value ~= core.null and value[1] ~= nil
end

local function has_any(body, names)
  for _, name in ipairs(names) do
    if body[name] ~= nil then return true end
  end
  return false
end

-- Members that only one of the APIs has.
local OF_RESPONSES = {
  "instructions", "max_output_tokens", "stream", "tools", "text", "reasoning", "store",
}
local OF_OLLAMA = { "options", "keep_alive", "think", "format", "raw", "template" }
local OF_COHERE = { "documents", "citation_options", "safety_mode", "strict_tools", "p", "k" }
local OF_CONVERSE = { "inferenceConfig", "toolConfig", "modelId" }

-- ---- conversations ------------------------------------------------------------------------------

-- Blocks of Converse have a name in place of a type.
local function has_blocks(list)
  local block = is_list(list) and list[1]
  return type(block) == "table" and block.type == nil and block.role == nil
end

local function is_converse(body)
  if has_any(body, OF_CONVERSE) or has_blocks(body.system) then return true end
  local first = is_list(body.messages) and body.messages[1]
  return type(first) == "table" and has_blocks(first.content)
end

local function of_converse(body)
  local model = is_text(body.modelId) and body.modelId or body.model
  if not is_text(model) then
    return nil, "the model of a body of Converse stands in its path: add it as \"modelId\""
  end
  local name = model:gsub("[^%w._~-]", function(c) return ("%%%02X"):format(c:byte()) end)
  return "/model/" .. name .. "/converse"
end

local function shows_pictures(messages)
  for _, message in ipairs(is_list(messages) and messages or {}) do
    if type(message) == "table" and message.images ~= nil then return true end
  end
  return false
end

local function of_messages(body)
  if is_converse(body) then return of_converse(body) end
  if has_any(body, OF_OLLAMA) or shows_pictures(body.messages) then return "/api/chat" end
  if has_any(body, OF_COHERE) then return "/v2/chat" end
  return body.system ~= nil and "/v1/messages" or "/v1/chat/completions"
end

local function of_prompt(body)
  local is_ollama = has_any(body, OF_OLLAMA) or has_any(body, { "system", "images" })
  return is_ollama and "/api/generate" or "/v1/completions"
end

-- ---- the rest -----------------------------------------------------------------------------------

local function is_of_responses(body)
  local first = is_list(body.input) and body.input[1]
  if type(first) == "table" and type(first[1]) ~= "number" and first.type ~= "image_url"
    and first.type ~= "text" then
    return true
  end
  return has_any(body, OF_RESPONSES)
end

-- Only a moderation may leave the model out.
local function is_moderation(body)
  return body.model == nil or is_text(body.model) and body.model:find("moderation", 1, true) ~= nil
end

local function of_input(body)
  if is_of_responses(body) then return "/v1/responses" end
  if is_moderation(body) then return "/v1/moderations" end
  local is_ollama = has_any(body, OF_OLLAMA) or type(body.truncate) == "boolean"
  return is_ollama and "/api/embed" or "/v1/embeddings"
end

local function of_gemini(model, method)
  if not is_text(model) then
    return nil, "the model of a body of Gemini's stands in its path: add it as \"model\""
  end
  return "/v1beta/models/" .. model:gsub("^models/", "") .. ":" .. method
end

-- In this order, by the first member that the body has.
local KINDS = {
  { "contents", function(body) return of_gemini(body.model, "generateContent") end },
  { "content", function(body) return of_gemini(body.model, "embedContent") end },
  {
    "requests", function(body)
      local first = is_list(body.requests) and body.requests[1]
      local model = body.model or type(first) == "table" and first.model
      return of_gemini(model, "batchEmbedContents")
    end,
  },
  { "messages", of_messages },
  {
    "query", function(body)
      return body.max_tokens_per_doc ~= nil and "/v2/rerank" or "/v1/rerank"
    end,
  },
  { "input", of_input },
  { "prompt", of_prompt },
  { "texts", function() return "/v2/embed" end },
  { "inputs", function() return "/v2/embed" end },
  { "images", function() return "/v2/embed" end },
}

--- The path of a body.
-- @tparam table body decoded
-- @treturn string|nil path; one of chats where nothing tells
-- @treturn nil|string what the body lacks
function M.of(body)
  for _, kind in ipairs(KINDS) do
    if body[kind[1]] ~= nil then return kind[2](body) end
  end
  return "/v1/chat/completions"
end

return M
