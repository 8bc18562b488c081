-- Puts a system message in front of every chat that has none.
--
-- To use it, copy this file to scripts/middleware/system_prompt.lua beside your gateway.lua, change
-- the text below, and say `middleware = { "system_prompt" }` there.

local TEXT = "You are a helpful assistant. Answer briefly and in the language of the question."

return tide.middleware {
  before = function(req)
    if req.op ~= "chat" then return end
    local role = req.body:get("messages", 1, "role")
    -- "developer" is what newer models call it.
    if role == "system" or role == "developer" then return end
    local messages = req.body:get("messages")
    table.insert(messages, 1, { role = "system", content = TEXT })
    req.body:set("messages", messages)
  end,
}
