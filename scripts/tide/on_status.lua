-- The hook on_status of an adapter: what an answer with an error status means.
local classify = require("tide.classify")
local core = require("core")
local guarded = require("tide.guarded")
local provider_error = require("tide.provider_error")
local translate = require("tide.translate")

local M = {}

--- Asks the hook; what it does not say stays as it is.
-- @tparam table call of body.read()
-- @tparam table lane
-- @tparam table way of ways.lua
-- @tparam table summary of req:attempt()
-- @tparam table verdict of classify.summary()
-- @treturn table the verdict
function M.ask(call, lane, way, summary, verdict)
  local context = translate.context(call, lane, way)
  local body = provider_error.decode(summary.body)
  if body == nil then body = summary.body end
  local ok, err = pcall(way.hooks.on_status, summary.status, summary.headers, body, context)
  if not ok then
    core.log("error", "on_status of " .. lane.target .. " failed: " .. guarded.text_of(err))
    return verdict
  end
  if type(err) ~= "table" then return verdict end
  return classify.corrected(verdict, err)
end

return M
