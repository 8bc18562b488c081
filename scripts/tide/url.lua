-- The little that the Lua side reads of URLs: percent-encoding and one query parameter.
local M = {}

local function byte(hex)
  return string.char(tonumber(hex, 16))
end

--- Resolves %XX.
function M.decode(text)
  return (text:gsub("%%(%x%x)", byte))
end

--- The value of a query parameter, or nil. `query` is without its '?'.
function M.parameter(query, name)
  for key, value in query:gmatch("([^&=]+)=([^&]*)") do
    if key == name then return M.decode((value:gsub("+", " "))) end
  end
end

local function without_dots(path)
  local parts = {}
  for part in (path .. "/"):gmatch("([^/]*)/") do
    if part == ".." then
      if #parts > 1 then parts[#parts] = nil end
    elseif part ~= "." then
      parts[#parts + 1] = part
    end
  end
  local last = path:match("[^/]*$")
  if last == "." or last == ".." then parts[#parts + 1] = "" end
  return table.concat(parts, "/")
end

--- Where a Location leads (RFC 3986 section 5.2), without its fragment.
-- @tparam string base an absolute URL
-- @tparam string location
function M.join(base, location)
  location = location:gsub("#.*$", "")
  if location:find("^%a[%w+.-]*:") then return location end
  local scheme, host, path = base:match("^(%a[%w+.-]*:)(//[^/?#]*)([^?#]*)")
  if location:sub(1, 2) == "//" then return scheme .. location end
  if location == "" then return base end
  if location:sub(1, 1) == "?" then return scheme .. host .. path .. location end
  local place, query = location:match("^([^?]*)(.*)$")
  if place:sub(1, 1) ~= "/" then place = (path:match("^.*/") or "/") .. place end
  return scheme .. host .. without_dots(place) .. query
end

return M
