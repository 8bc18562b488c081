-- A JSON schema as Anthropic enforces it: objects closed, constraints that it does not know told in
-- the description. Works on the text, so that members keep their order and their bytes. Pure.
local core = require("core")

local M = {}

-- ---- reading JSON text that is known to be valid ------------------------------------------------

local function skip_string(text, at)
  at = at + 1
  while true do
    at = text:find('["\\]', at)
    if text:byte(at) == 34 then return at + 1 end
    at = at + 2
  end
end

-- Returns where the value that begins at `at` ends, exclusive.
local function skip_value(text, at)
  local first = text:byte(at)
  if first == 34 then return skip_string(text, at) end
  if first ~= 123 and first ~= 91 then return (text:find("[,%]}%s]", at)) or #text + 1 end
  local depth = 0
  repeat
    at = text:find('[%[%]{}"]', at)
    local mark = text:byte(at)
    if mark == 34 then
      at = skip_string(text, at)
    else
      depth = depth + ((mark == 123 or mark == 91) and 1 or -1)
      at = at + 1
    end
  until depth == 0
  return at
end

-- The texts of the items of an array.
local function items_of(text)
  local list, at = {}, text:find("[^%s]", 2)
  while text:byte(at) ~= 93 do
    local stop = skip_value(text, at)
    list[#list + 1] = text:sub(at, stop - 1)
    at = text:find("[^%s,]", stop)
  end
  return list
end

-- The members of an object, in order: { key = JSON text, name =, value = JSON text }.
local function members_of(text)
  local list, at = {}, text:find("[^%s]", 2)
  while text:byte(at) ~= 125 do
    local stop = skip_string(text, at)
    local key = text:sub(at, stop - 1)
    local first = text:find("[^%s:]", stop)
    local last = skip_value(text, first)
    list[#list + 1] = { key = key, name = core.decode(key), value = text:sub(first, last - 1) }
    at = text:find("[^%s,]", last)
  end
  return list
end

local function is_object(text)
  return text:byte(1) == 123
end

-- ---- what a schema may say ----------------------------------------------------------------------

local UNKNOWN = {
  minimum = true, maximum = true, exclusiveMinimum = true, exclusiveMaximum = true,
  multipleOf = true, minLength = true, maxLength = true, maxItems = true, uniqueItems = true,
  minProperties = true, maxProperties = true, contains = true, minContains = true,
  maxContains = true, patternProperties = true, propertyNames = true,
}

local FORMATS = {
  ["date-time"] = true, time = true, date = true, duration = true, email = true, hostname = true,
  uri = true, ipv4 = true, ipv6 = true, uuid = true,
}

local function is_known(member)
  if UNKNOWN[member.name] then return false end
  if member.name == "minItems" then return (tonumber(member.value) or 0) <= 1 end
  if member.name == "format" then return FORMATS[core.decode(member.value)] or false end
  return true
end

local close -- of a schema's text; below

-- ---- members that hold schemas ------------------------------------------------------------------

local function close_map(text, facts, is_definitions)
  if not is_object(text) then return text end
  local parts = {}
  for i, member in ipairs(members_of(text)) do
    local outer = facts.inside
    if is_definitions then facts.inside = member.name end
    parts[i] = member.key .. ":" .. close(member.value, facts)
    facts.inside = outer
  end
  return "{" .. table.concat(parts, ",") .. "}"
end

local function close_list(text, facts)
  if text:byte(1) ~= 91 then return close(text, facts) end
  local parts = {}
  for i, item in ipairs(items_of(text)) do parts[i] = close(item, facts) end
  return "[" .. table.concat(parts, ",") .. "]"
end

local function close_definitions(text, facts) return close_map(text, facts, true) end

local function close_union(text, facts)
  facts.unions = facts.unions + 1
  return close_list(text, facts)
end

local HOLDERS = {
  properties = close_map, ["$defs"] = close_definitions, definitions = close_definitions,
  items = close_list, prefixItems = close_list, allOf = close_list, anyOf = close_union,
  oneOf = close_union, ["not"] = close_list,
}

-- ---- one schema ---------------------------------------------------------------------------------

local function by_name(members)
  local map = {}
  for _, member in ipairs(members) do map[member.name] = member end
  return map
end

local function note_ref(value, facts)
  local name = core.decode(value)
  if type(name) ~= "string" then return end
  local target = name:match("^#/%$?def[%a]*/(.+)$") or name
  local from = facts.refs[facts.inside] or {}
  facts.refs[facts.inside] = from
  from[target] = true
end

local function count_members(map, facts)
  if map.type and map.type.value:byte(1) == 91 then facts.unions = facts.unions + 1 end
  if not (map.properties and is_object(map.properties.value)) then return end
  local required = {}
  local list = map.required and core.decode(map.required.value)
  for _, name in ipairs(type(list) == "table" and list or {}) do required[name] = true end
  for _, member in ipairs(members_of(map.properties.value)) do
    if not required[member.name] then facts.optional = facts.optional + 1 end
  end
end

-- Whether objects of this schema have members that it does not name.
local function note_open(map, facts)
  local more = map.additionalProperties
  if more and more.value ~= "false" then facts.is_open, facts.is_changed = true, true end
  if map.patternProperties then facts.is_open = true end
end

local function describes_object(map)
  if map.properties then return true end
  return map.type ~= nil and map.type.value:find('"object"', 1, true) ~= nil
end

local function describe(parts, map, notes)
  if #notes == 0 then return end
  local said = map.description and core.decode(map.description.value)
  local text = (type(said) == "string" and said ~= "" and said .. " " or "")
    .. "(" .. table.concat(notes, ", ") .. ")"
  parts[#parts + 1] = '"description":' .. core.encode(text)
end

local function add_member(parts, member, facts)
  local key, value = member.key, member.value
  local hold = HOLDERS[member.name]
  if hold then value = hold(value, facts) end
  if member.name == "$ref" then note_ref(value, facts) end
  if member.name == "oneOf" then key, facts.is_changed = '"anyOf"', true end
  if member.name == "additionalProperties" then value = "false" end
  parts[#parts + 1] = key .. ":" .. value
end

local function notes_of(members, facts)
  local notes = {}
  for _, member in ipairs(members) do
    if not is_known(member) then
      notes[#notes + 1] = member.name .. ": " .. member.value
      facts.is_changed = true
      if not facts.known_lost[member.name] then facts.lost[#facts.lost + 1] = member.name end
      facts.known_lost[member.name] = true
    end
  end
  return notes
end

function close(text, facts)
  if not is_object(text) then return text end
  local members = members_of(text)
  local map, parts, notes = by_name(members), {}, notes_of(members, facts)
  note_open(map, facts)
  count_members(map, facts)
  for _, member in ipairs(members) do
    local is_told = member.name == "description" and #notes > 0
    if is_known(member) and not is_told then add_member(parts, member, facts) end
  end
  describe(parts, map, notes)
  if describes_object(map) and not map.additionalProperties then
    parts[#parts + 1], facts.is_changed = '"additionalProperties":false', true
  end
  return "{" .. table.concat(parts, ",") .. "}"
end

-- A definition that leads back to itself.
local function is_recursive(refs)
  local state = {}
  local function visit(name)
    if state[name] then return state[name] == "open" end
    state[name] = "open"
    for target in pairs(refs[name] or {}) do
      if visit(target) then return true end
    end
    state[name] = "done"
    return false
  end
  for name in pairs(refs) do
    if visit(name) then return true end
  end
  return false
end

--- A schema as the API enforces it.
-- @tparam string text valid JSON
-- @treturn string
-- @treturn table { optional = members that may be missing, unions =, lost = list of constraints
--   that only the description tells, is_open = has members without a name, is_recursive = }
function M.close(text)
  local facts = {
    optional = 0, unions = 0, lost = {}, known_lost = {}, refs = {}, inside = "#",
  }
  local closed = close(text:match("^%s*(.-)%s*$"), facts)
  facts.is_recursive = is_recursive(facts.refs)
  return facts.is_changed and closed or text, facts
end

return M
