-- Short, plain questions go to cheap models, everything else to a good one.
--
-- To use it, say `policy = "cheap_first"` in gateway.lua. To change it, copy this file to
-- scripts/policies/cheap_first.lua beside your gateway.lua: your file then takes its place.

-- Targets are provider/model; each provider must be configured with a key.
local CHEAP = { "groq/llama-3.3-70b-versatile", "openai/gpt-4o-mini" }
local GOOD = { "openai/gpt-4o" }

-- A prompt of this many tokens (an estimate: a quarter of its bytes) is still a short one.
local SHORT = 2000

return tide.policy {
  -- Called once for each request; what it returns is the plan.
  route = function(req)
    local is_plain = not (req.has_tools or req.has_images or req.has_audio)
    if is_plain and req.tokens.prompt < SHORT then
      -- The first target gets the request; when it fails, the next one.
      return { targets = CHEAP, pick = "ordered" }
    end
    return { targets = GOOD, pick = "ordered" }
  end,
}
