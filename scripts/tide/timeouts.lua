-- Times and retries of a lane or a plan: model over provider over top level, field by field.
local core = require("core")

local M = {}

local DEFAULT = core.config.defaults.timeout
local DEFAULT_RETRY = core.config.defaults.retry
local REASONING_FIRST_TOKEN = 300

local function pick(name, ...)
  for i = 1, select("#", ...) do
    local settings = select(i, ...)
    if settings and settings[name] ~= nil then return settings[name] end
  end
end

--- The deadlines of one lane.
-- @tparam table|nil model settings of the configured model
-- @tparam table|nil provider settings of the provider
-- @tparam table|nil top settings of the top level, as written
-- @tparam boolean reasoning the adapter says that this model thinks before it speaks
function M.of_lane(model, provider, top, reasoning)
  local unsaid = reasoning and REASONING_FIRST_TOKEN or DEFAULT.first_token
  return {
    connect = pick("connect", model, provider, top, DEFAULT),
    first_token = pick("first_token", model, provider, top) or unsaid,
    head = pick("head", model, provider, top, DEFAULT),
    idle = pick("idle", model, provider, top, DEFAULT),
  }
end

--- timeout.total of a plan whose first target belongs to `provider`.
function M.total(model, provider, top)
  return pick("total", model, provider, top, DEFAULT)
end

--- Attempts in all: the first and retry.max after it.
function M.attempts(model, provider, top)
  return 1 + pick("max", model, provider, top, DEFAULT_RETRY)
end

return M
