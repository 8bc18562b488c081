-- What a provider of the configuration has of models: those that are listed, what is known of them,
-- and their prices.
local http_date = require("tide.http_date")
local lanes = require("tide.lanes")
local model_entry = require("tide.model_entry")
local model_facts = require("tide.model_facts")
local model_tables = require("tide.model_tables")
local suggest = require("tide.suggest")

local M = {}

local function problem_at(path, entry)
  local field, message = model_entry.problem(entry)
  return field and { path = path .. "." .. field, message = message }
end

--- The models of a provider, over those of its adapter.
-- @tparam string name of the provider
-- @tparam table adapter
-- @tparam table|nil listed in the configuration: names, or tables like an adapter's by name
-- @treturn table|nil by name
-- @treturn nil|table { path =, message = }
function M.entries(name, adapter, listed)
  if not listed then return adapter.models end
  local models = {}
  for key, value in pairs(listed) do
    if type(key) == "number" then
      models[value] = adapter.models[value] or {}
    else
      local err = problem_at("providers." .. name .. ".models." .. key, value)
      if err then return nil, err end
      models[key] = model_entry.merged(adapter.models[key], value)
    end
  end
  return models
end

--- The table of models that holds for a provider: that of its service.
-- @tparam string name of the provider
-- @tparam table adapter
-- @tparam boolean is_elsewhere its address is another one than the adapter's: what that service
--   costs says nothing then, but a provider may be called like the one that it is
-- @tparam table files of model_tables.load()
-- @treturn table|nil of model_tables.open()
function M.table_of(name, adapter, is_elsewhere, files)
  return model_tables.open(files, is_elsewhere and name or adapter.models_of or adapter.name)
end

-- What lists show of a table: what can be asked for here, and has not been taken back. Models of
-- which no more than a price is known have mostly gone; fine-tuned ones have names of their own.
local function is_shown(provider, name, entry, now)
  return provider.adapter.ops[entry.kind or "chat"] and (entry.kind or entry.caps)
    and not name:find("^ft:")
    and not (entry.retires and http_date.of_day(entry.retires) <= now)
end

--- The models that lists show: those of the configuration, or those that the adapter and the table
-- of models name.
-- @tparam table provider of providers.build()
-- @tparam number now wall clock
-- @treturn table { context =, max_output = } by name
function M.listed(provider, now)
  local result = {}
  if provider.model_table and not provider.is_list_closed then
    for name, entry in provider.model_table:each() do
      if is_shown(provider, name, entry, now) then result[name] = entry end
    end
  end
  for name in pairs(provider.models) do
    result[name] = model_facts.find(provider, name, lanes.sent(provider, name))
  end
  return result
end

local function add_price(providers, name, entry)
  local path = "prices." .. name
  local provider, model = name:match("^([^/]+)/(.+)$")
  if not provider then
    return { path = path, message = "prices are those of a \"provider/model\"" }
  end
  local owner = providers[provider]
  if not owner then
    local hint = suggest.hint(provider, suggest.names(providers))
    return { path = path, message = "unknown provider '" .. provider .. "'" .. hint }
  end
  owner.prices[model] = entry
  return problem_at(path, entry)
end

--- Gives the providers the prices that the configuration has for them, in `prices` by model.
-- @tparam function|nil report as that of providers.build()
-- @treturn boolean|nil true
-- @treturn nil|table { path =, message = }
function M.add_prices(providers, prices, report)
  for _, name in ipairs(suggest.names(prices or {})) do
    local err = add_price(providers, name, prices[name])
    if err and not (report and report(err)) then return nil, err end
  end
  return true
end

return M
