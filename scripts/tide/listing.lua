-- GET /v1/models and GET /v1/models/{id}.
local core = require("core")
local models = require("tide.models")

local M = {}

local function entry(id, owner)
  return { id = id, object = "model", created = 0, owned_by = owner }
end

--- The whole list as JSON text. It does not change within a generation.
function M.all(registry)
  local data = {}
  for i, model in ipairs(models.list(registry)) do data[i] = entry(model.id, model.owned_by) end
  return core.encode({ object = "list", data = core.array(data) })
end

--- One model as JSON text, or nil when the gateway would not serve that name.
function M.one(registry, id)
  local plan = models.find(registry, id)
  if not plan then return nil end
  local owner = "tidegate"
  if not models.is_configured(registry, id) then owner = id:sub(1, id:find("/", 1, true) - 1) end
  return core.encode(entry(id, owner))
end

return M
