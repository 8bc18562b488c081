-- Reading Google's JSON: members come in camelCase or in snake_case, null means absent, counts may
-- be texts, and bytes are base64 of either alphabet. Pure.
local core = require("core")

local M = {}

local null = core.null
local snakes = {}

local function snake(name)
  local text = name:gsub("%u", function(letter) return "_" .. letter:lower() end)
  snakes[name] = text
  return text
end

--- A member by its camelCase name, in whichever case it was written; nil when absent or null.
function M.get(of, name)
  local value = of[name]
  if value == nil then value = of[snakes[name] or snake(name)] end
  if value ~= null then return value end
end

local get = M.get

--- An object that is no array and no raw value, or nil.
function M.object(of, name)
  local value = get(of, name)
  if type(value) == "table" and not core.is_raw(value) then return value end
end

local NONE = {}

local function only_objects(list)
  local result = {}
  for _, item in ipairs(list) do
    if type(item) == "table" and item ~= null then result[#result + 1] = item end
  end
  return result
end

--- A list of objects, read only: what is none is left out, one object is a list of it. {} when
-- absent.
function M.objects(of, name)
  local value = get(of, name)
  if type(value) ~= "table" or core.is_raw(value) then return NONE end
  if value[1] == nil and next(value) ~= nil then return { value } end
  for i = 1, #value do
    local item = value[i]
    if type(item) ~= "table" or item == null then return only_objects(value) end
  end
  return value
end

function M.text(of, name)
  local value = get(of, name)
  if type(value) == "string" then return value end
end

--- A number, which Google's JSON may hold as a text.
function M.number(of, name)
  local value = get(of, name)
  local kind = type(value)
  if kind == "number" or kind == "string" then return tonumber(value) end
end

function M.flag(of, name)
  local value = get(of, name)
  if type(value) == "boolean" then return value end
end

function M.texts(of, name)
  local value, result = get(of, name), {}
  if type(value) == "string" then return { value } end
  if type(value) ~= "table" or core.is_raw(value) then return nil end
  for _, item in ipairs(value) do
    if type(item) == "string" then result[#result + 1] = item end
  end
  return #result > 0 and result or nil
end

--- A raw value, whether it was kept raw or has been decoded.
function M.raw(of, name)
  local value = get(of, name)
  if type(value) ~= "table" then return nil end
  return core.is_raw(value) and value or core.raw(core.encode(value))
end

--- Base64 as the other protocols want it: the standard alphabet, padded.
function M.base64(text)
  if text:find("-", 1, true) or text:find("_", 1, true) then
    text = text:gsub("[-_]", { ["-"] = "+", ["_"] = "/" })
  end
  local over = #text % 4
  return over > 1 and text .. ("="):rep(4 - over) or text
end

--- Names as they occur in a body, for `raw_members`.
function M.both_cases(names)
  local result = {}
  for _, name in ipairs(names) do
    result[#result + 1] = name
    local other = snake(name)
    if other ~= name then result[#result + 1] = other end
  end
  return result
end

return M
