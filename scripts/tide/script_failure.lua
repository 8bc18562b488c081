-- What a failing script of the gateway means: a line for the log, a warning or an error for the
-- client.
local core = require("core")

local M = {}

--- Writes to the log how a script failed.
-- @param req the request, or nil where it has ended
-- @tparam string what "policy 'x'"
-- @tparam table err of core.run
function M.log(req, what, err)
  if err.limit == "out_of_service" then return end -- said once, by health.lua
  local whose = req and "request " .. req:id() .. ": " or ""
  local limit = err.limit and " (limit: " .. tostring(err.limit) .. ")" or ""
  -- The traceback begins with the message as it was raised, which a limit has replaced.
  local frames = err.traceback and err.traceback:match("\nstack traceback:.*") or ""
  core.log("error", whose .. what .. " failed" .. limit .. ": " .. err.message .. frames)
end

--- An error like those of core.run, for what a hook returned.
-- @tparam table script
-- @tparam string message
function M.wrong(script, message)
  return { kind = "script", message = script.path .. ": " .. message }
end

--- True when the request goes on without its policy, as scripts.on_error has it.
-- @tparam table policies of policies.build()
-- @tparam table policy
-- @tparam table call of body.read()
-- @tparam table err of core.run
function M.falls_back(policies, policy, call, err)
  M.log(call.req, "policy '" .. policy.name .. "'", err)
  if policies.is_strict then return false end
  if not call.req:is_started() then
    call.req:set_header("x-tidegate-warnings",
      "policy " .. policy.name .. " failed: " .. (err.limit or "script"))
  end
  return true
end

return M
