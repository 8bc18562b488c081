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

return M
