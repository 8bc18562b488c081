-- The mock's faults on demand: models that fail in one particular way, always.
local core = require("core")

local M = {}

-- Longer than the gateway waits for a lane, so that the fault is told at once.
local RETRY_AFTER = "3"

local TYPES = {
  [401] = { "invalid_request_error", "invalid_api_key" },
  [402] = { "insufficient_quota", "insufficient_quota" },
  [404] = { "invalid_request_error", "model_not_found" },
  [429] = { "requests", "rate_limit_exceeded" },
}

local function error_body(status)
  local words = TYPES[status]
    or { status >= 500 and "server_error" or "invalid_request_error" }
  return core.encode({
    error = {
      message = "The mock was asked to answer " .. status .. ".",
      type = words[1], param = core.null, code = words[2] or core.null,
    },
  })
end

local function head_stream(out)
  out:head(200, { ["content-type"] = "text/event-stream" })
end

local function answer_error(call, out, status)
  local body = error_body(status)
  if status == 200 and call.stream then
    head_stream(out)
    out:write("data: " .. body .. "\n\n")
    return
  end
  local headers = { ["content-type"] = "application/json" }
  if status == 429 or status == 503 then headers["retry-after"] = RETRY_AFTER end
  out:head(status, headers)
  out:write(body)
end

local FAULTS = {
  empty = function(call, out)
    if call.stream then return head_stream(out) end
    out:head(200, { ["content-type"] = "application/json" })
  end,
  garbage = function(call, out)
    if not call.stream then
      out:head(200, { ["content-type"] = "application/json" })
      out:write('{"choices":[{"message":')
      return
    end
    head_stream(out)
    out:write('data: {"choices":[{"delta":{"content":\n\n')
  end,
  stall = function(call, out)
    if call.stream then head_stream(out) end
    while true do
      local _, err = core.sleep(1)
      if err then return end
      if call.stream then
        _, err = out:write(": waiting\n\n")
        if err then return end
      end
    end
  end,
}

--- Serves `call` when its model is a fault; returns whether it was one.
function M.serve(call, out)
  local status = call.model:match("^error%-(%d%d%d)$")
  if status then
    status = tonumber(status)
    if status < 200 or status > 599 then return false end
    answer_error(call, out, status)
    return true
  end
  local fault = FAULTS[call.model]
  if not fault then return false end
  fault(call, out)
  return true
end

return M
