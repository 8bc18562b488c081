-- Keeps secrets out of prompts: refuses requests that hold some texts, and masks others.
--
-- To use it, copy this file to scripts/middleware/prompt_guard.lua beside your gateway.lua, change
-- the lines below, and say `middleware = { "prompt_guard" }` there.

-- Lua patterns. A request with one of these is refused with status 400.
local REFUSED = { "%-%-%-%-%-BEGIN [%u ]*PRIVATE KEY%-%-%-%-%-" }

-- Each of these is replaced: a pattern, and what to put in its place.
local MASKED = {
  { "%f[%w]sk%-[%w_-]+", "[key]" },
  { "[%w.+_-]+@[%w-]+%.[%w.-]+", "[e-mail]" },
}

-- Looks at the text that a path in the body leads to. True when the request is to be refused.
local function look(body, ...)
  local text = body:get(...)
  if type(text) ~= "string" then return false end
  for _, pattern in ipairs(REFUSED) do
    if text:find(pattern) then return true end
  end
  local masked = text
  for _, pair in ipairs(MASKED) do masked = masked:gsub(pair[1], pair[2]) end
  if masked ~= text then
    local path = { ... }
    path[#path + 1] = masked
    body:set(unpack(path))
  end
  return false
end

return tide.middleware {
  before = function(req)
    local body = req.body
    local is_refused = look(body, "prompt") or look(body, "input")
    for i = 1, body:len("messages") or 0 do
      -- The content of a message is a text or a list of parts, some of them texts.
      is_refused = is_refused or look(body, "messages", i, "content")
      for part = 1, body:len("messages", i, "content") or 0 do
        is_refused = is_refused or look(body, "messages", i, "content", part, "text")
      end
    end
    if is_refused then
      -- An error of this kind is a 400, in the words of the client's API.
      return nil, { kind = "content_filter", message = "the prompt holds a private key" }
    end
  end,
}
