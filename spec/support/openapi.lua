-- Checks values against the schemas of an OpenAPI document: as much of YAML and of JSON Schema as
-- OpenAI's own needs. Schemas are read when they are asked for.
local M = {}

-- ---- YAML ---------------------------------------------------------------------------------------

local parse_block

local function indent_of(line) return #line:match("^ *") end

local function is_empty(line) return line:find("^%s*$") ~= nil end

local function next_line(lines, at)
  while lines[at] and (is_empty(lines[at]) or lines[at]:find("^%s*#")) do at = at + 1 end
  return at
end

local function scalar(text)
  local quoted = text:match('^"(.*)"$') or text:match("^'(.*)'$")
  if quoted then return quoted end
  if text == "true" then return true end
  if text == "false" then return false end
  if text == "[]" or text == "{}" then return {} end
  return tonumber(text) or text
end

-- A text in lines of its own, or one that goes on in deeper lines: what it says does not matter.
local function skip_deeper(lines, at, indent)
  while lines[at] and (is_empty(lines[at]) or indent_of(lines[at]) > indent) do at = at + 1 end
  return at
end

local function parse_value(lines, at, rest, indent)
  if rest:find("^[|>]") then return "text", skip_deeper(lines, at + 1, indent) end
  if rest ~= "" then
    local after = skip_deeper(lines, at + 1, indent)
    return scalar(rest), after
  end
  local below = next_line(lines, at + 1)
  local line = lines[below]
  if not line then return nil, below end
  local deeper = indent_of(line)
  if deeper > indent or (deeper == indent and line:find("^%s*%-")) then
    return parse_block(lines, below, deeper)
  end
  return nil, below
end

local function parse_list(lines, at, indent)
  local list = {}
  while lines[at] and indent_of(lines[at]) == indent and lines[at]:find("^%s*%- ?") do
    local rest = lines[at]:match("^%s*%-%s*(.*)$")
    if rest:find("^[%w_$][%w_.$-]*:$") or rest:find("^[%w_$][%w_.$-]*: ") then
      lines[at] = (" "):rep(indent + 2) .. rest
      list[#list + 1], at = parse_block(lines, at, indent + 2)
    else
      list[#list + 1], at = parse_value(lines, at, rest, indent)
    end
    at = next_line(lines, at)
  end
  return list, at
end

local function parse_map(lines, at, indent)
  local map = {}
  while lines[at] and indent_of(lines[at]) == indent do
    local key, rest = lines[at]:match("^%s*([^:]-):%s*(.*)$")
    if not key then break end
    key = key:match('^"(.*)"$') or key:match("^'(.*)'$") or key
    map[key], at = parse_value(lines, at, rest, indent)
    at = next_line(lines, at)
  end
  return map, at
end

function parse_block(lines, at, indent)
  if lines[at]:find("^%s*%-") then return parse_list(lines, at, indent) end
  return parse_map(lines, at, indent)
end

-- ---- the document -------------------------------------------------------------------------------

local Document = {}
Document.__index = Document

-- The lines of each schema: they stand four blanks deep below "  schemas:".
function M.open(path)
  local file = io.open(path)
  if not file then return nil end
  local sections, section, inside = {}, nil, false
  for line in file:lines() do
    if line:find("^  %S") then inside = line == "  schemas:" end
    local name = inside and line:match("^    (%w+):%s*$")
    if name then
      section = { line }
      sections[name] = section
    elseif inside and section then
      section[#section + 1] = line
    end
  end
  file:close()
  return setmetatable({ sections = sections, schemas = {} }, Document)
end

function Document:schema(name)
  if not self.schemas[name] then
    local lines = assert(self.sections[name], "the document has no schema " .. name)
    self.schemas[name] = parse_block(lines, 1, 4)[name]
  end
  return self.schemas[name]
end

-- ---- checking -----------------------------------------------------------------------------------

local TYPES = {
  string = function(value) return type(value) == "string" end,
  number = function(value) return type(value) == "number" end,
  integer = function(value) return type(value) == "number" and value % 1 == 0 end,
  boolean = function(value) return type(value) == "boolean" end,
  object = function(value, null) return type(value) == "table" and value ~= null end,
  array = function(value, null)
    return type(value) == "table" and value ~= null and (#value > 0 or next(value) == nil)
  end,
}

local check

local resolved

function resolved(self, schema)
  local ref = schema["$ref"]
  return ref and resolved(self, self:schema(ref:match("[^/]+$"))) or schema
end

-- The alternatives whose `type` is the value's; all of them where none says so.
local function candidates(self, value, list)
  if type(value) ~= "table" or type(value.type) ~= "string" then return list end
  local found = {}
  for _, schema in ipairs(list) do
    local properties = resolved(self, schema).properties or {}
    for _, name in ipairs(properties.type and properties.type.enum or {}) do
      if name == value.type then found[#found + 1] = schema end
    end
  end
  return #found > 0 and found or list
end

local function check_any(self, value, list, place)
  list = candidates(self, value, list)
  local best
  for _, schema in ipairs(list) do
    local problem = check(self, value, schema, place)
    if not problem then return nil end
    if not best or #problem > #best then best = problem end
  end
  return best
end

local function check_properties(self, value, schema, place)
  for _, name in ipairs(schema.required or {}) do
    if value[name] == nil then return place .. "." .. name .. " is missing" end
  end
  for name, inner in pairs(schema.properties or {}) do
    if value[name] ~= nil then
      local problem = check(self, value[name], inner, place .. "." .. name)
      if problem then return problem end
    end
  end
end

local function check_enum(value, enum, place)
  for _, allowed in ipairs(enum) do
    if value == allowed then return nil end
  end
  return place .. " is none of the allowed values: " .. tostring(value)
end

local function check_type(self, value, schema, place)
  local kind = schema.type
  if kind == "null" then return value ~= self.null and place .. " is not null" or nil end
  if kind and not TYPES[kind](value, self.null) then
    return place .. " is no " .. kind .. " but " .. tostring(value)
  end
end

local function check_all(self, value, list, place)
  for _, schema in ipairs(list) do
    local problem = check(self, value, schema, place)
    if problem then return problem end
  end
end

local function check_items(self, value, items, place)
  for i, item in ipairs(value) do
    local problem = check(self, item, items, place .. "[" .. (i - 1) .. "]")
    if problem then return problem end
  end
end

local function check_alternatives(self, value, schema, place)
  local list = schema.anyOf or schema.oneOf
  return schema.allOf and check_all(self, value, schema.allOf, place)
    or list and check_any(self, value, list, place) or nil
end

local function check_inside(self, value, schema, place)
  if type(value) ~= "table" or value == self.null then return nil end
  return check_properties(self, value, schema, place)
    or schema.items and check_items(self, value, schema.items, place) or nil
end

function check(self, value, schema, place)
  schema = resolved(self, schema)
  return check_type(self, value, schema, place)
    or schema.enum and check_enum(value, schema.enum, place)
    or check_alternatives(self, value, schema, place)
    or check_inside(self, value, schema, place)
end

--- What is wrong with a value, nil when it is as the schema says.
-- @param null what stands for JSON null
function Document:problem(value, name, null)
  self.null = null
  return check(self, value, { ["$ref"] = name }, name)
end

return M
