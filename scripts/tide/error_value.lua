-- The errors that scripts get as `nil, err`: a kind of a closed set, and what is known besides.
local M = {}

-- A second try, or another target, may well succeed.
local RETRYABLE = {
  dns = true, connect = true, tls = true, timeout = true, protocol = true, upstream_5xx = true,
  rate_limited = true, overloaded = true, breaker_open = true,
}

local Error = { __metatable = false }

function Error.__tostring(err)
  local place = err.target or ""
  if err.phase then place = place .. (place ~= "" and ", " or "") .. err.phase end
  local text = err.kind .. ": " .. (err.message or "")
  return place == "" and text or text .. " (" .. place .. ")"
end

--- An error value.
-- @tparam table fields kind, message, and what is known of: status, retry_after, phase, target
function M.new(fields)
  fields.retryable = RETRYABLE[fields.kind] or false
  return setmetatable(fields, Error)
end

return M
