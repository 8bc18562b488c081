-- Sends some per cent of the users to a new model, always the same ones, and counts on it no more
-- than it deserves: when the new model fails, the old one answers.
--
-- To use it, copy this file to scripts/policies/canary.lua beside your gateway.lua, change the
-- lines below, and say `policy = "canary"` there, or `policy = "canary"` for one model.

local PERCENT = 5
local NEW = "openai/gpt-5.2"
local OLD = "openai/gpt-4o"

-- A number from 0 to 99 that is the same for the same text: FNV-1a, which spreads short texts well.
local function bucket(text)
  local hash = 2166136261
  for i = 1, #text do
    hash = bit.bxor(hash, text:byte(i))
    -- hash * 16777619 in 32 bits: the product itself would not fit into a number.
    hash = bit.tobit(hash * 403 + bit.lshift(hash, 24))
  end
  return bit.rshift(hash, 8) % 100
end

return tide.policy {
  route = function(req)
    -- Who asks: the request's own `user`, else the client whose key it has, else the address.
    local who = req.user or req.client.name or req.client.ip or ""
    if bucket(who) < PERCENT then
      return { targets = { NEW, OLD }, pick = "ordered" }
    end
    return { targets = { OLD }, pick = "ordered" }
  end,
}
