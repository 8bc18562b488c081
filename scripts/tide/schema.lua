-- Checks tables that people write against a description of what they may hold.
--
-- A shape is "string", "string|table" (types joined by |), "any", or one of
--   { fields = { name = shape }, later = { name = true } }   a record; others are unknown fields
--   { list = shape }   { map = shape }                       every element, every value
-- each of which may also say `either = "boolean"`: that type is fine as well.
local suggest = require("tide.suggest")

local M = {}

local check

local function problem(path, field, text)
  return { field = field, message = (path == "" and "" or path .. ": ") .. text }
end

local function has_type(value, types)
  if types == "any" then return true end
  local actual = type(value)
  for name in types:gmatch("[^|]+") do
    if name == actual then return true end
  end
  return false
end

local function join(path, name)
  return path == "" and tostring(name) or path .. "." .. tostring(name)
end

local function check_fields(value, shape, path)
  for name, item in pairs(value) do
    local expected = shape.fields[name]
    if not expected then
      local text = "'" .. tostring(name) .. "' is not a field of this version"
      if not (shape.later and shape.later[name]) then
        local hint = suggest.hint(tostring(name), suggest.names(shape.fields))
        text = "unknown field '" .. tostring(name) .. "'" .. hint
      end
      return problem(path, tostring(name), text)
    end
    local found = check(item, expected, join(path, name), tostring(name))
    if found then return found end
  end
end

local function check_items(value, shape, path, field)
  local expected = shape.list or shape.map
  for name, item in pairs(value) do
    if shape.list and type(name) ~= "number" then
      local text = "must be a list, found the field '" .. tostring(name) .. "'"
      return problem(path, tostring(name), text)
    end
    local inner = type(name) == "string" and name or field
    local found = check(item, expected, join(path, name), inner)
    if found then return found end
  end
end

function check(value, shape, path, field)
  local types = type(shape) == "string" and shape or "table"
  if type(shape) == "table" and shape.either and has_type(value, shape.either) then return nil end
  if not has_type(value, types) then
    local wanted = types:gsub("|", " or ")
    return problem(path, field, "must be a " .. wanted .. ", not a " .. type(value))
  end
  if type(shape) == "string" then return nil end
  if shape.fields then return check_fields(value, shape, path) end
  return check_items(value, shape, path, field)
end

--- Returns nil when `value` fits, else { field = the name to look for, message = }.
-- @param value what a person wrote
-- @param shape see above
function M.check(value, shape)
  return check(value, shape, "", nil)
end

--- Raises { field =, message = }. A table: `return tide.adapter {...}` is a tail call, no frame is
-- left from which error() could take the line. The loader finds the line of `field` in the source.
function M.refuse(field, message)
  error({ field = field, message = message }, 0)
end

-- Which function has checked a table: a bare `return { ... }` at the end of a file has none.
local checked_by = setmetatable({}, { __mode = "k" })

--- What tide.adapter and the like do first: raises unless `value` is a table that fits.
-- @tparam string name of the function, for people
function M.demand(value, shape, name)
  if type(value) ~= "table" then M.refuse(nil, name .. " needs a table") end
  local found = M.check(value, shape)
  if found then M.refuse(found.field, found.message) end
  if value.api and value.api ~= 1 then
    M.refuse("api", "api must be 1, the only one that this version knows")
  end
  checked_by[value] = name
end

--- The name that demand() was given for this table, or nil.
function M.checked_by(value)
  return checked_by[value]
end

return M
