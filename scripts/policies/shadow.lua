-- Tries another model on real requests: a copy of some of them goes there as well, and what comes
-- back is thrown away. The client gets the usual answer and notices nothing.
--
-- To use it, copy this file to scripts/policies/shadow.lua beside your gateway.lua, change the
-- lines below, and say `policy = "shadow"` for a model. The metrics tell how the other one does; a
-- copy costs what any request costs.

local TARGET = "groq/llama-3.3-70b-versatile"
local RATIO = 0.1 -- of the requests: one in ten

return tide.policy {
  route = function(req)
    -- Only chats are copied: for anything else the model's own plan, which is what nothing means.
    if req.op ~= "chat" then return nil end
    -- Without `targets` or `model` the request itself goes where it would have gone.
    return { shadow = { target = TARGET, ratio = RATIO } }
  end,
}
