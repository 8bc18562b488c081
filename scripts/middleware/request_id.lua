-- Gives every request an id that client, gateway and provider all see: the client's own
-- x-request-id, or a new one.
--
-- To use it, say `middleware = { "request_id" }` in gateway.lua. To change it, copy this file to
-- scripts/middleware/request_id.lua beside your gateway.lua: your file then takes its place.

local HEADER = "x-request-id"

-- What a client sends ends up in other people's logs: short, and nothing but these characters.
local LONGEST = 128
local ALLOWED = "^[%w._:-]+$"

return tide.middleware {
  -- Called before anything is decided about the request.
  before = function(req)
    local id = req.headers[HEADER]
    if not (id and #id <= LONGEST and id:find(ALLOWED)) then
      id = req.id -- the gateway's own, as in its log
    end
    req:set_header(HEADER, id)          -- on the answer
    req:set_upstream_header(HEADER, id) -- on what the provider gets
    req.ctx.request_id = id             -- for the scripts that come after this one
  end,
}
