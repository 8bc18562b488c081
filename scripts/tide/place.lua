-- Lua shortens long paths in its messages to "...the/end.lua"; people want them whole.
local M = {}

--- The path that `file` stands for: `whole`, when that ends as it does, else itself.
-- @tparam string file as in a message
-- @tparam string whole a path that it may be
function M.whole(file, whole)
  local tail = file:match("^%.%.%.(.*)$")
  if tail and whole:sub(-#tail) == tail then return whole end
  return file
end

return M
