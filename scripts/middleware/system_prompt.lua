-- Puts a system prompt in front of every chat that has none, whichever API the client speaks.
--
-- To use it, copy this file to scripts/middleware/system_prompt.lua beside your gateway.lua, change
-- the text below, and say `middleware = { "system_prompt" }` there.

local TEXT = "You are a helpful assistant. Answer briefly and in the language of the question."

-- "developer" is what newer models call it.
local function is_system(role) return role == "system" or role == "developer" end

-- The body is the client's own, and each API has its own place for it: req.protocol says which.
local ADD = {
  ["openai-chat"] = function(body)
    if is_system(body:get("messages", 1, "role")) then return end
    local messages = body:get("messages")
    table.insert(messages, 1, { role = "system", content = TEXT })
    body:set("messages", messages)
  end,
  ["openai-responses"] = function(body)
    if body:get("instructions") or is_system(body:get("input", 1, "role")) then return end
    body:set("instructions", TEXT)
  end,
  ["anthropic-messages"] = function(body)
    if not body:get("system") then body:set("system", TEXT) end
  end,
  gemini = function(body)
    if body:get("systemInstruction") or body:get("system_instruction") then return end
    body:set("systemInstruction", { parts = { { text = TEXT } } })
  end,
}

return tide.middleware {
  before = function(req)
    -- "count": a client that asks how many tokens its chat would have.
    if req.op == "chat" or req.op == "count" then ADD[req.protocol](req.body) end
  end,
}
