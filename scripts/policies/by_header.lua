-- Lets a header of the request choose among models that you allow: `x-tier: fast`.
--
-- To use it, copy this file to scripts/policies/by_header.lua beside your gateway.lua, change the
-- lines below, and say `policy = "by_header"` there.

local HEADER = "x-tier"

-- What the header may say, and the plan for it.
local PLANS = {
  fast = { targets = { "groq/llama-3.3-70b-versatile", "openai/gpt-4o-mini" }, pick = "ordered" },
  good = { targets = { "openai/gpt-4o", "groq/llama-3.3-70b-versatile" }, pick = "ordered" },
}

return tide.policy {
  route = function(req)
    local tier = req.headers[HEADER]
    -- Nothing returned: the model that the client asked for, as the configuration has it.
    if not tier then return nil end
    local plan = PLANS[tier]
    if not plan then
      -- An error instead of a plan is what the client gets: bad_request is a 400.
      return nil, { kind = "bad_request", message = HEADER .. " must be fast or good" }
    end
    return plan
  end,
}
