-- What scripts may read of gateway.lua: its values, never its secrets.
local M = {}

-- What the loader itself has put into the document.
local HIDDEN = { defaults = true, zero = true, file = true, folder = true }

local SCALARS = { string = true, number = true, boolean = true }

-- Secrets are userdata and stay behind.
local function copy(value)
  if SCALARS[type(value)] then return value end
  if type(value) ~= "table" then return nil end
  local result = {}
  for key, item in pairs(value) do result[key] = copy(item) end
  return result
end

local function find(table, path)
  for _, name in ipairs(path) do
    if type(table) ~= "table" then return nil end
    table = table[name]
  end
  return table
end

local function split(text)
  local path = {}
  for name in text:gmatch("[^.]+") do path[#path + 1] = tonumber(name) or name end
  return path
end

--- The value of a field, or its default, or nil.
-- @tparam table config the document
-- @tparam string first "retry.max"; with more arguments each is one name, dots and all
function M.get(config, first, ...)
  local path = select("#", ...) > 0 and { first, ... } or split(first)
  if HIDDEN[path[1]] then return nil end
  local value = find(config, path)
  if value == nil then value = find(config.defaults, path) end
  return copy(value)
end

return M
