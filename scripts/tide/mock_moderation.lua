-- The mock's moderation: words that stand for what a category is about. It tells apart enough to
-- test what becomes of a text that is flagged, and of one that is not.
local core = require("core")
local text = require("tide.mock_text")

local M = {}

local CATEGORIES = {
  "harassment", "harassment/threatening", "hate", "hate/threatening", "illicit", "illicit/violent",
  "self-harm", "self-harm/instructions", "self-harm/intent", "sexual", "sexual/minors", "violence",
  "violence/graphic",
}

local WORDS = {
  kill = { "violence", "harassment/threatening" }, murder = { "violence" },
  shoot = { "violence" }, stab = { "violence", "violence/graphic" },
  blood = { "violence/graphic" }, gore = { "violence/graphic" }, bomb = { "illicit/violent" },
  drugs = { "illicit" }, steal = { "illicit" }, idiot = { "harassment" },
  stupid = { "harassment" }, hate = { "hate" }, suicide = { "self-harm" },
  porn = { "sexual" }, naked = { "sexual" },
}

local FLAGGED, UNFLAGGED = 0.97, 0.0001

-- The texts of one input, and whether it has a picture.
local function content_of(input)
  if type(input) == "string" then return input, false end
  local texts, has_image = {}, false
  for _, part in ipairs(input) do
    if type(part) == "table" and part.type == "text" and type(part.text) == "string" then
      texts[#texts + 1] = part.text
    elseif type(part) == "table" and part.type == "image_url" then
      has_image = true
    else
      return nil
    end
  end
  return #input > 0 and table.concat(texts, " ") or nil, has_image
end

-- A list of texts are several inputs, a list of parts is one.
local function inputs_of(input)
  if type(input) == "table" and type(input[1]) == "string" then
    for _, item in ipairs(input) do
      if type(item) ~= "string" then return nil end
    end
    return input
  end
  return (type(input) == "string" or type(input) == "table") and { input } or nil
end

local function found_in(said)
  local found = {}
  for word in said:lower():gmatch("%a+") do
    for _, category in ipairs(WORDS[word] or {}) do found[category] = true end
  end
  return found
end

local function judge(said, has_image)
  local found, types = found_in(said), { "text" }
  if has_image then types = said == "" and { "image" } or { "text", "image" } end
  local result = { categories = {}, category_scores = {}, category_applied_input_types = {} }
  for _, name in ipairs(CATEGORIES) do
    result.categories[name] = found[name] or false
    result.category_scores[name] = found[name] and FLAGGED or UNFLAGGED
    result.category_applied_input_types[name] = core.array(types)
  end
  result.flagged = next(found) ~= nil
  return result
end

--- POST /v1/moderations. Returns { body = text }, or nil and what is wrong.
function M.moderate(call, request)
  local inputs, results = inputs_of(request.input), {}
  for i, input in ipairs(inputs or {}) do
    local said, has_image = content_of(input)
    if not said then inputs = nil break end
    results[i] = judge(said, has_image)
  end
  if not inputs then
    return nil, { param = "input", message = "'$.input' is invalid: a text, a list of texts or a "
      .. "list of parts (text, image_url) is expected." }
  end
  return {
    body = core.encode({
      id = "modr-" .. text.hex(call.body), model = call.model, results = core.array(results),
    }),
  }
end

return M
