-- What a client's body says about the request, in whichever dialect: for `req` of scripts and for
-- counts of tokens. The body must have been scanned by its form's `all_fields`.
local core = require("core")

local M = {}

-- A schema may be long; what is short says itself that it is about plain text.
local SHORT = 100

local function given(value)
  if value ~= core.null then return value end
end

-- The position of the first of these names that the body has, else of the first one; 0 for none.
local function place(req, positions)
  if not positions then return 0 end
  for _, position in ipairs(positions) do
    if req:raw(position, 1) then return position end
  end
  return positions[1]
end

-- True for one that is a text.
local function is_text(req, position)
  return position > 0 and req:raw(position, 1) == '"'
end

local function text_at(req, positions, most)
  return positions and req:raw(place(req, positions), most)
end

-- A member of an object that may be long, without decoding one that does not have it.
local function member(text, ...)
  for i = 1, text and select("#", ...) or 0 do
    local name = select(i, ...)
    if text:find('"' .. name .. '"', 1, true) then
      local object = core.decode(text)
      local value = type(object) == "table" and given(object[name])
      if value then return value end
    end
  end
  return nil
end

--- What the body asks of a model.
-- @param req the request
-- @tparam table form of body_form.of()
-- @treturn number tokens of the prompt, estimated
-- @treturn number|nil how many the answer may have
-- @treturn number messages
-- @treturn boolean whether there are tools
-- @treturn boolean pictures
-- @treturn boolean audio
function M.prompt(req, form)
  local at = form.at
  local messages, said, limits = place(req, at.messages), place(req, at.prompt), at.max_out
  local prompt, max_out, count, has_tools, has_images, has_audio = req:prompt(
    messages, said, place(req, at.input), place(req, at.tools), place(req, at.images),
    limits and limits[1] or 0, limits and limits[2] or 0, place(req, at.system))
  if at.config then
    max_out = tonumber(member(text_at(req, at.config), "maxOutputTokens", "max_output_tokens",
      "maxTokens", "num_predict"))
    if max_out and max_out < 0 then max_out = nil end -- as much as it likes
  end
  local is_one = is_text(req, messages) or form.is_chat and is_text(req, said)
  if count == 0 and is_one then count = 1 end -- a conversation of one message, in short
  return prompt, max_out, count, has_tools, has_images, has_audio
end

-- ---- does it want JSON? -------------------------------------------------------------------------

local function openai_format(req, at)
  local text = text_at(req, at.format, SHORT)
  if not text or text == "null" then return false end
  if #text == SHORT then return true end
  local format = core.decode(text)
  return type(format) ~= "table" or format.type ~= "text"
end

local function is_json_type(format)
  return type(format) == "table" and given(format.type) ~= nil and format.type ~= "text"
end

local JSON_MODE = {
  ["openai-chat"] = openai_format, ["cohere-v2"] = openai_format,
  ["openai-responses"] = function(req, at)
    return is_json_type(member(text_at(req, at.format), "format"))
  end,
  ["anthropic-messages"] = function(req, at)
    local new, old = at.format[1], at.format[2]
    return is_json_type(member(req:raw(new), "format")) or is_json_type(core.decode(req:raw(old)
      or "null"))
  end,
  ollama = function(req, at)
    local first = (text_at(req, at.format, 3) or ""):sub(1, 2)
    return first:find('^["{]') ~= nil and first ~= '""'
  end,
  gemini = function(req, at)
    return member(text_at(req, at.config), "responseMimeType", "response_mime_type")
      == "application/json"
  end,
  ["bedrock-converse"] = function(req, at)
    return is_json_type(member(text_at(req, at.format), "textFormat"))
  end,
}

--- True when the answer is to be JSON.
function M.is_json_mode(req, form)
  local look = JSON_MODE[form.dialect]
  return look ~= nil and look(req, form.at)
end

--- Whom the client names as its user, or nil.
function M.user(req, form)
  local text = text_at(req, form.at.user)
  local value = text and core.decode(text)
  if type(value) == "table" then value = value.user_id end
  return type(value) == "string" and value or nil
end

return M
