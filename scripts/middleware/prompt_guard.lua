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

-- Where a body has its texts, in the APIs of OpenAI, Anthropic and Gemini: in these members, and
-- there in lists of messages and of parts of them, as members of these names.
local MEMBERS = {
  "messages", "input", "prompt", "instructions", "system", "contents", "systemInstruction",
  "system_instruction",
}
local INSIDE = { "content", "text", "parts", "output" }

-- Looks at one text. True when the request is to be refused.
local function look_at_text(body, path, text)
  for _, pattern in ipairs(REFUSED) do
    if text:find(pattern) then return true end
  end
  local masked = text
  for _, pair in ipairs(MASKED) do masked = masked:gsub(pair[1], pair[2]) end
  if masked ~= text then
    path[#path + 1] = masked
    body:set(unpack(path))
    path[#path] = nil
  end
  return false
end

-- Looks at what a path in the body leads to, and at all that is inside of it.
local function look(body, path)
  local count, depth = body:len(unpack(path)), #path + 1
  if not count then
    local text = body:get(unpack(path))
    return type(text) == "string" and look_at_text(body, path, text)
  end
  local is_refused = false
  for i = 1, count do
    path[depth] = i
    -- Of an object, whose members have names, there is nothing at a position.
    is_refused = is_refused or look(body, path)
  end
  for _, name in ipairs(INSIDE) do
    path[depth] = name
    is_refused = is_refused or look(body, path)
  end
  path[depth] = nil
  return is_refused
end

return tide.middleware {
  before = function(req)
    for _, name in ipairs(MEMBERS) do
      if look(req.body, { name }) then
        -- An error of this kind is a 400, in the words of the client's API.
        return nil, { kind = "content_filter", message = "the prompt holds a private key" }
      end
    end
  end,
}
