-- Texts with {placeholders}: base_url, paths and the query of adapters. `{region}` is a field of
-- the provider's configuration, `{region|us-east-1}` with what stands for a missing one: the name
-- of another field, or the text itself. `{model}` is the target's model, percent-encoded.
local M = {}

local PLACEHOLDER = "{([%w_]+)(|?)([^{}]*)}"

local function encode_char(c)
  return string.format("%%%02X", c:byte())
end

--- Percent-encoded, for one step of a path or a value of a query. "@" stands there unencoded, as
-- Vertex writes it in names of models.
function M.encode(text)
  return (text:gsub("[^%w%-._~@]", encode_char))
end

--- True when `text` has the placeholder; what is no text has none.
function M.has(text, name)
  if type(text) ~= "string" then return false end
  for first, _, otherwise in text:gmatch(PLACEHOLDER) do
    if first == name or otherwise == name then return true end
  end
  return false
end

--- The names of the placeholders of a text, in order.
function M.names(text)
  local names = {}
  for name in (text or ""):gmatch(PLACEHOLDER) do names[#names + 1] = name end
  return names
end

--- Fills in.
-- @tparam string text
-- @tparam table values name = text or number
-- @tparam table|nil known names of which a value may be missing, for `{a|b}`
-- @treturn string|nil
-- @treturn nil|string the name of the placeholder that has no value
function M.fill(text, values, known)
  local missing
  local filled = text:gsub(PLACEHOLDER, function(name, bar, otherwise)
    local value = values[name]
    if value == nil and bar ~= "" then
      value = values[otherwise]
      if value == nil and not (known and known[otherwise] ~= nil) then value = otherwise end
    end
    if value == nil then missing = missing or name end
    return value ~= nil and tostring(value) or ""
  end)
  if missing then return nil, missing end
  return filled
end

return M
