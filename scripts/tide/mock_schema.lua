-- A value that satisfies a JSON schema, as far as the mock needs: what structured output may use.
local core = require("core")

local M = {}

-- Below this, recursive schemas get the shortest value that they allow.
local DEEP = 6

local FORMATS = {
  date = "2025-01-31", time = "12:00:00Z", ["date-time"] = "2025-01-31T12:00:00Z",
  email = "mock@example.com", uri = "https://example.com/", uuid = string.rep("0", 8)
    .. "-0000-4000-8000-" .. string.rep("0", 12),
  hostname = "example.com", ipv4 = "192.0.2.1", duration = "PT1H",
}

local sample

local function is_table(value)
  return type(value) == "table"
end

-- "#", "#/$defs/Node", "#/definitions/Node"
local function follow(root, reference)
  local node = root
  for step in tostring(reference):gsub("^#", ""):gmatch("[^/]+") do
    step = step:gsub("~1", "/"):gsub("~0", "~")
    node = is_table(node) and node[step] or nil
  end
  return is_table(node) and node or {}
end

local function is_null(schema)
  return is_table(schema) and schema.type == "null"
end

local function choose(options, depth)
  for _, option in ipairs(options) do
    if depth > DEEP == is_null(option) then return option end
  end
  return options[1]
end

local function merge_all(schema)
  local merged = { type = "object", properties = {}, required = {} }
  local parts = { schema }
  for _, part in ipairs(schema.allOf) do parts[#parts + 1] = part end
  for _, part in ipairs(parts) do
    for key, value in pairs(part) do
      if key == "properties" then
        for name, property in pairs(value) do merged.properties[name] = property end
      elseif key == "required" then
        for _, name in ipairs(value) do table.insert(merged.required, name) end
      elseif key ~= "allOf" then
        merged[key] = value
      end
    end
  end
  return merged
end

local function type_of(schema, depth)
  local kind = schema.type
  if is_table(kind) then
    for _, option in ipairs(kind) do
      if depth > DEEP == (option == "null") then return option end
    end
    return kind[1]
  end
  if kind then return kind end
  if schema.properties then return "object" end
  return schema.items and "array" or "string"
end

local function sample_object(context, schema, depth)
  local result, names = {}, {}
  for _, name in ipairs(schema.required or {}) do names[name] = true end
  if depth <= DEEP then
    for name in pairs(schema.properties or {}) do names[name] = true end
  end
  for name in pairs(names) do
    local property = (schema.properties or {})[name] or {}
    result[name] = sample(context, property, depth + 1, name)
  end
  return result
end

local function sample_array(context, schema, depth, name)
  local count = schema.minItems or (depth > DEEP and 0 or 1)
  local result = {}
  for i = 1, math.min(count, 100) do
    local items = (schema.prefixItems or {})[i] or schema.items or {}
    result[i] = sample(context, is_table(items) and items or {}, depth + 1, name)
  end
  return core.array(result)
end

local function sample_number(schema, is_whole)
  local step = schema.multipleOf or (is_whole and 1 or 0.5)
  local value = schema.minimum or 1
  if type(schema.exclusiveMinimum) == "number" then value = schema.exclusiveMinimum + step end
  local highest = schema.maximum
  if type(schema.exclusiveMaximum) == "number" then highest = schema.exclusiveMaximum - step end
  if highest and value > highest then value = highest end
  if is_whole or schema.multipleOf then value = math.ceil(value / step) * step end
  return value
end

local function sample_string(context, schema, name)
  if FORMATS[schema.format] then return FORMATS[schema.format] end
  local text = context.text(name)
  if schema.minLength then
    text = text .. string.rep("x", math.min(schema.minLength, 10000) - #text)
  end
  if schema.maxLength and #text > schema.maxLength then text = text:sub(1, schema.maxLength) end
  return text
end

local SCALARS = {
  string = function(context, schema, _, name) return sample_string(context, schema, name) end,
  number = function(_, schema) return sample_number(schema, false) end,
  integer = function(_, schema) return sample_number(schema, true) end,
  boolean = function() return true end,
  null = function() return core.null end,
  object = sample_object,
  array = sample_array,
}

function sample(context, schema, depth, name)
  if depth > 4 * DEEP then return core.null end
  if schema["$ref"] then
    return sample(context, follow(context.root, schema["$ref"]), depth + 1, name)
  end
  if schema.const ~= nil then return schema.const end
  if is_table(schema.enum) and schema.enum[1] ~= nil then return context.pick(schema.enum) end
  local options = schema.anyOf or schema.oneOf
  if options then return sample(context, choose(options, depth) or {}, depth + 1, name) end
  if schema.allOf then schema = merge_all(schema) end
  local make = SCALARS[type_of(schema, depth)] or SCALARS.string
  return make(context, schema, depth, name)
end

--- A value for `schema`.
-- @tparam table schema decoded
-- @tparam string prompt an enum value that it mentions is taken rather than the first
-- @tparam function text gives the text for a string property of a name
function M.sample(schema, prompt, text)
  local context = { root = schema, text = text }
  function context.pick(values)
    for _, value in ipairs(values) do
      local is_named = type(value) == "string" and prompt:lower():find(value:lower(), 1, true)
      if is_named then return value end
    end
    return values[1]
  end
  return sample(context, schema, 0, "value")
end

return M
