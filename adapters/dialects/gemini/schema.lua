-- Schemas of Google's older kind, a subset of OpenAPI 3.0 with upper-case types, from and to JSON
-- Schema. What need not change keeps its bytes. Pure.
local core = require("core")

local M = {}

-- ---- to JSON Schema -----------------------------------------------------------------------------

local TYPES = {
  STRING = "string", NUMBER = "number", INTEGER = "integer", BOOLEAN = "boolean", ARRAY = "array",
  OBJECT = "object", NULL = "null",
}

-- What text alone cannot mend: OpenAPI's own words, snake_case, and counts written as texts.
local SPECIAL = {
  '"nullable"', '"propertyOrdering"', '"property_ordering"', '"any_of"', '"example"',
  '"m[ia][nx]_%l', '"m[ia][nx]%u%a*"%s*:%s*"', '"format"%s*:%s*"enum"',
}

local RENAMED = {
  any_of = "anyOf", min_items = "minItems", max_items = "maxItems", min_length = "minLength",
  max_length = "maxLength", min_properties = "minProperties", max_properties = "maxProperties",
  additional_properties = "additionalProperties",
}

local COUNTS = {
  minItems = true, maxItems = true, minLength = true, maxLength = true, minProperties = true,
  maxProperties = true,
}

local LEFT_OUT = { nullable = true, propertyOrdering = true, property_ordering = true,
  example = true }

local plain

local function plain_list(list)
  local result = core.array({})
  for i, item in ipairs(list) do result[i] = plain(item) end
  return result
end

local function plain_members(schemas)
  local result = {}
  for name, schema in pairs(schemas) do result[name] = plain(schema) end
  return result
end

local function plain_items(value)
  return value[1] ~= nil and plain_list(value) or plain(value)
end

local READERS = {
  properties = plain_members, ["$defs"] = plain_members, definitions = plain_members,
  anyOf = plain_list, oneOf = plain_list, allOf = plain_list, items = plain_items,
  additionalProperties = plain_items,
}

local function plain_value(name, value)
  if name == "type" and type(value) == "string" then return TYPES[value] or value end
  if COUNTS[name] then return tonumber(value) or value end
  local read = READERS[name]
  return read and type(value) == "table" and value ~= core.null and read(value) or value
end

local function make_nullable(schema)
  if type(schema.type) == "string" then
    schema.type = core.array({ schema.type, "null" })
  elseif type(schema.anyOf) == "table" then
    schema.anyOf[#schema.anyOf + 1] = { type = "null" }
  end
  if type(schema.enum) == "table" then schema.enum[#schema.enum + 1] = core.null end
end

function plain(schema)
  if type(schema) ~= "table" or schema == core.null then return schema end
  local result = {}
  for name, value in pairs(schema) do
    if not LEFT_OUT[name] and not (name == "format" and value == "enum") then
      name = RENAMED[name] or name
      result[name] = plain_value(name, value)
    end
  end
  if schema.nullable == true then make_nullable(result) end
  return result
end

local function is_special(text)
  for _, pattern in ipairs(SPECIAL) do
    if text:find(pattern) then return true end
  end
  return false
end

--- JSON Schema from a schema of either kind.
-- @param schema raw value
function M.to_json_schema(schema)
  local text = schema.raw
  if is_special(text) then
    local value = core.decode(text)
    if type(value) == "table" then return core.raw(core.encode(plain(value))) end
    return schema
  end
  local changed, count = text:gsub('("type"%s*:%s*")(%u+)(")', function(before, word, after)
    return TYPES[word] and before .. TYPES[word] .. after
  end)
  return count > 0 and changed ~= text and core.raw(changed) or schema
end

-- ---- to the subset of OpenAPI -------------------------------------------------------------------

local KEPT = {
  type = true, format = true, title = true, description = true, nullable = true, enum = true,
  items = true, minItems = true, maxItems = true, properties = true, required = true,
  minimum = true, maximum = true, minLength = true, maxLength = true, pattern = true, anyOf = true,
  propertyOrdering = true,
}

-- Left out without a word: they do not limit what is valid.
local SILENT = {
  ["$schema"] = true, ["$id"] = true, ["$comment"] = true, ["$defs"] = true, definitions = true,
  default = true, examples = true, example = true, additionalProperties = true, readOnly = true,
  writeOnly = true, deprecated = true, strict = true,
}

local FORMATS = {
  ["date-time"] = true, enum = true, float = true, double = true, int32 = true, int64 = true,
}

-- References are replaced by what they name, so many levels deep and up to so many schemas in all:
-- a recursive one, or one that doubles at every level, ends there.
local DEEPEST, MOST = 32, 4000

local reduce

local function look_up(reference, context)
  if type(reference) ~= "string" or reference:sub(1, 2) ~= "#/" then return nil end
  local value = context.root
  for step in reference:sub(3):gmatch("[^/]+") do
    step = step:gsub("~1", "/"):gsub("~0", "~")
    value = type(value) == "table" and value[step] or nil
  end
  return type(value) == "table" and value or nil
end

local function reduce_list(list, context, depth)
  local result = core.array({})
  for _, item in ipairs(list) do
    if type(item) == "table" then result[#result + 1] = reduce(item, context, depth + 1) end
  end
  return result
end

-- ["string", "null"] is a nullable string; several types are alternatives.
local function set_types(result, types)
  local named = {}
  for _, word in ipairs(types) do
    if word == "null" then result.nullable = true else named[#named + 1] = word end
  end
  if #named == 1 then
    result.type = named[1]
  elseif #named > 1 then
    result.anyOf = core.array({})
    for i, word in ipairs(named) do result.anyOf[i] = { type = word } end
  end
end

local function set_enum(result, values)
  local texts = core.array({})
  for _, value in ipairs(values) do
    if value == core.null then
      result.nullable = true
    elseif type(value) == "string" then
      texts[#texts + 1] = value
    end
  end
  if #texts > 0 then result.enum = texts end
end

-- Alternatives of which one is null are the other ones, nullable.
local function set_alternatives(result, list, context, depth)
  local others = {}
  for _, item in ipairs(list) do
    if type(item) == "table" and item.type == "null" then
      result.nullable = true
    else
      others[#others + 1] = item
    end
  end
  local reduced = reduce_list(others, context, depth)
  if #reduced ~= 1 then
    result.anyOf = #reduced > 0 and reduced or nil
    return
  end
  for name, value in pairs(reduced[1]) do
    if result[name] == nil then result[name] = value end
  end
end

local function merge_all(result, list, context, depth)
  for _, item in ipairs(reduce_list(list, context, depth)) do
    for name, value in pairs(item) do
      if name == "properties" and type(result.properties) == "table" then
        for key, schema in pairs(value) do result.properties[key] = schema end
      elseif name == "required" and type(result.required) == "table" then
        for _, key in ipairs(value) do result.required[#result.required + 1] = key end
      else
        result[name] = value
      end
    end
  end
end

local WRITERS = {}

function WRITERS.type(result, value)
  if type(value) == "table" then set_types(result, value) else result.type = value end
end

function WRITERS.enum(result, value) set_enum(result, value) end

function WRITERS.const(result, value) set_enum(result, { value }) end

function WRITERS.anyOf(result, value, context, depth)
  set_alternatives(result, value, context, depth)
end
WRITERS.oneOf = WRITERS.anyOf

function WRITERS.allOf(result, value, context, depth) merge_all(result, value, context, depth) end

function WRITERS.properties(result, value, context, depth)
  local properties = {}
  for name, schema in pairs(value) do
    properties[name] = type(schema) == "table" and reduce(schema, context, depth + 1) or {}
  end
  if next(properties) ~= nil then result.properties = properties end
end

function WRITERS.items(result, value, context, depth)
  if type(value) == "table" then result.items = reduce(value, context, depth + 1) end
end

function WRITERS.format(result, value)
  if FORMATS[value] then result.format = value end
end

-- The order of evaluation decides who wins, so it is a fixed one.
local SCALAR = { type = true, const = true, format = true }
local ORDER = {
  "type", "enum", "const", "format", "properties", "items", "anyOf", "oneOf", "allOf",
}

-- Keywords that are copied or cannot be said at all.
local function copy_rest(result, schema, context)
  for name, value in pairs(schema) do
    if KEPT[name] and not WRITERS[name] and result[name] == nil then
      result[name] = value
    elseif not (KEPT[name] or WRITERS[name] or SILENT[name]) then
      context.dropped[name] = true
    end
  end
end

function reduce(schema, context, depth)
  context.left = context.left - 1
  if depth > DEEPEST or context.left < 0 then return { type = "object" } end
  local target = schema["$ref"] and look_up(schema["$ref"], context)
  if target then return reduce(target, context, depth + 1) end
  local result = {}
  for _, name in ipairs(ORDER) do
    local value = schema[name]
    if type(value) == "table" and value ~= core.null or value ~= nil and SCALAR[name] then
      WRITERS[name](result, value, context, depth)
    end
  end
  copy_rest(result, schema, context)
  return result
end

--- A schema of the older kind.
-- @param schema raw value with JSON Schema
-- @tparam table dropped names of the keywords that it cannot say are added here
-- @treturn table|nil nil for one that asks for nothing: an object without properties
function M.to_openapi(schema, dropped)
  local value = core.decode(schema.raw)
  if type(value) ~= "table" then return nil end
  local result = reduce(value, { root = value, dropped = dropped, left = MOST }, 0)
  if (result.type == nil or result.type == "object") and not result.properties
    and not result.anyOf then
    return nil
  end
  return result
end

return M
