-- The table `tide` that every script sees, put together from one module for each part of it.
local M = {}

-- Each adds its functions to the `tide` of one script.
local PARTS = {
  require("tide.api_adapter"),
  require("tide.api_chat"),
  require("tide.api_models"),
  require("tide.api_policy"),
  require("tide.api_values"),
  require("tide.api_tasks"),
  require("tide.api_http"),
}

--- The `tide` of one file.
-- @tparam table script of loader.load(): path, name, kind
function M.new(script)
  local tide = {}
  for _, add in ipairs(PARTS) do add(tide, script) end
  return tide
end

return M
