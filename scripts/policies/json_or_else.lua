-- When the client wants JSON, only an answer that is JSON will do: anything else is not shown to
-- the client, and the next model is tried.
--
-- To use it, copy this file to scripts/policies/json_or_else.lua beside your gateway.lua, change
-- the lines below, and say `policy = "json_or_else"` there.

-- From cheap to good: who answers with JSON first, wins.
local TARGETS = { "groq/llama-3.3-70b-versatile", "openai/gpt-4o-mini", "openai/gpt-4o" }

return tide.policy {
  route = function(req)
    -- `response_format` of the request asks for JSON. Other requests go their usual way.
    if not req.json_mode then return nil end
    return { targets = TARGETS, pick = "ordered" }
  end,

  -- Called with the whole answer before the client sees any of it, a streamed one as well.
  -- True lets it out; false throws it away and tries the next target.
  accept = function(req, res)
    if not req.json_mode then return true end
    local value = tide.json.decode(res.text or "")
    return type(value) == "table"
  end,
}
