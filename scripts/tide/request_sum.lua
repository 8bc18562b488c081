-- What is known at the end of a request: for on_finish of policies and `after` of middleware.
local M = {}

local ATTEMPT = "(%S+)=([^=/ ]+)/(%d+)"

local function attempts_of(text)
  local list = {}
  for target, outcome, ms in text:gmatch(ATTEMPT) do
    list[#list + 1] = { target = target, outcome = outcome, ms = tonumber(ms) }
  end
  return list
end

--- The sum of a request.
-- @param req the request, recorded
-- @tparam string outcome as the metrics have it
-- @tparam string|nil target that was tried last
-- @tparam string|nil kind of the error
-- @tparam string|nil message
-- @treturn table { outcome =, status =, target =, duration =, ttft =, attempts = { { target =,
--   outcome =, ms = }, ... }, usage = { input = ... }, cost = USD or nil, cost_unknown = true when
--   that is not all of it, err = { kind =, message = } or nil }
function M.of(req, outcome, target, kind, message)
  local status, duration, ttft, attempts, input, output, cached, cache_write, reasoning, cost,
    is_cost_unknown = req:facts()
  return {
    outcome = outcome, status = status, target = target, duration = duration, ttft = ttft,
    attempts = attempts_of(attempts),
    usage = {
      input = input, output = output, cached = cached, cache_write = cache_write,
      reasoning = reasoning,
    },
    cost = cost, cost_unknown = is_cost_unknown or nil,
    err = kind and { kind = kind, message = message } or nil,
  }
end

return M
