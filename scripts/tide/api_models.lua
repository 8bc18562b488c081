-- tide.models: what a file of adapters/models/ may say.
local model_entry = require("tide.model_entry")
local schema = require("tide.schema")

local SHAPE = { fields = { date = "string", models = { map = model_entry.shape } } }

local function models(value)
  schema.demand(value, SHAPE, "tide.models")
  if not value.models then schema.refuse(nil, "a table of models needs `models`") end
  for name, entry in pairs(value.models) do
    local field, message = model_entry.problem(entry)
    if field then schema.refuse(tostring(name), name .. ": " .. message) end
  end
  return value
end

return function(tide)
  tide.models = models
end
