-- Names that end with a tag: some clients put one behind every name (":latest"), others leave it
-- out, and mean the same model.
local models = require("tide.models")

local M = {}

-- A name as the configuration or an adapter has it.
local function is_exact(registry, name)
  if models.is_configured(registry, name) then return true end
  local provider, model = models.target(registry, name)
  return provider ~= nil and provider.models[model] ~= nil
end

-- The other way to write it, and whether that is without the tag.
local function other(name, tag)
  if name:sub(-#tag) == tag then return name:sub(1, -#tag - 1), true end
  return name .. tag, false
end

-- A provider whose names have tags takes them as they are.
local function takes_tags(provider, tag)
  local request = provider.adapter.dialect.request
  return request ~= nil and request.tag == tag
end

--- The name that is known here of one that a client wrote; the name itself when none is.
-- @tparam table registry of models.build()
-- @tparam string name
-- @tparam string tag
function M.known(registry, name, tag)
  if is_exact(registry, name) then return name end
  local changed, is_bare = other(name, tag)
  if changed == "" then return name end
  if is_exact(registry, changed) then return changed end
  local provider = models.target(registry, name)
  if is_bare and provider and not takes_tags(provider, tag) then return changed end
  return name
end

--- Gives a call the name that is known here; `said` is then what stands in its body.
-- @tparam table registry
-- @tparam table call of body.read()
function M.settle(registry, call)
  local tag = call.form.tag
  if not tag then return end
  local name = M.known(registry, call.model, tag)
  if name ~= call.model then call.said, call.model = call.model, name end
end

return M
