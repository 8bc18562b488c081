-- `call` as the functions of a dialect get it for the client's side, where no provider is chosen:
-- read only, see adapters/README.md.
local core = require("core")

local M = {}

--- The description of a request.
-- @tparam table call of body.read()
-- @tparam function|nil warn takes the name of what cannot be carried
-- @treturn table { op, endpoint, stream, include_usage, as_array, model, asked, client_dialect, id,
--   created, traits, warn }
function M.of(call, warn)
  return {
    op = call.op.name, endpoint = call.op.endpoint, stream = call.stream,
    include_usage = call.asks_usage,
    as_array = call.as_array, model = call.model, asked = call.model,
    client_dialect = call.dialect.name, id = call.req:id(), created = math.floor(core.time()),
    traits = {}, warn = warn or function() end,
  }
end

return M
