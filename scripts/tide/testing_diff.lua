-- Where two values differ, for people.
local core = require("core")

local M = {}

local LONGEST = 200 -- bytes of a value that are shown

local show

local function show_key(key)
  if type(key) == "string" and key:find("^[%a_][%w_]*$") then return key end
  return "[" .. show(key) .. "]"
end

local RANK = { number = 1, string = 2 }

local function sorted_keys(value)
  local keys = {}
  for key in pairs(value) do keys[#keys + 1] = key end
  table.sort(keys, function(a, b)
    if type(a) == type(b) and RANK[type(a)] then return a < b end
    return (RANK[type(a)] or 3) < (RANK[type(b)] or 3)
  end)
  return keys
end

local function show_table(value, open)
  if open[value] then return "{ itself }" end
  open[value] = true
  local parts = {}
  for _, key in ipairs(sorted_keys(value)) do
    local is_item = type(key) == "number" and key == #parts + 1
    parts[#parts + 1] = (is_item and "" or show_key(key) .. " = ") .. show(value[key], open)
  end
  open[value] = nil
  return #parts == 0 and "{}" or "{ " .. table.concat(parts, ", ") .. " }"
end

function show(value, open)
  if value == core.null then return "null" end
  if type(value) == "string" then return (("%q"):format(value):gsub("\\\n", "\\n")) end
  if type(value) == "number" then return ("%.14g"):format(value) end
  if type(value) == "table" then return show_table(value, open or {}) end
  return tostring(value)
end

--- A value as Lua would write it, cut where it is long.
function M.show(value)
  local text = show(value)
  return #text <= LONGEST and text or text:sub(1, LONGEST) .. "..."
end

local function path_to(path, key)
  if type(key) == "string" and key:find("^[%a_][%w_]*$") then return path .. "." .. key end
  return path .. "[" .. M.show(key) .. "]"
end

local compare

local function compare_tables(got, expected, path, open)
  if open[got] == expected then return nil end
  open[got] = expected
  local keys = {}
  for key in pairs(expected) do keys[key] = true end
  for key in pairs(got) do keys[key] = true end
  for _, key in ipairs(sorted_keys(keys)) do
    local found = compare(got[key], expected[key], path_to(path, key), open)
    if found then return found end
  end
end

local function are_tables(a, b)
  return type(a) == "table" and type(b) == "table" and a ~= core.null and b ~= core.null
end

function compare(got, expected, path, open)
  if rawequal(got, expected) then return nil end
  if are_tables(got, expected) then return compare_tables(got, expected, path, open) end
  return { path = path, got = M.show(got), expected = M.show(expected) }
end

--- The first place where they differ, or nil when they do not.
-- @treturn table|nil { path = ".attempts[2]" ("" for the values themselves), got = text,
--   expected = text }
function M.find(got, expected)
  return compare(got, expected, "", {})
end

return M
