-- The fields of a provider in gateway.lua that its adapter asks for with `config`.
local suggest = require("tide.suggest")
local template = require("tide.template")

local M = {}

-- What every provider may say; core/config/settings.c has looked at these.
local COMMON = {
  extends = true, base_url = true, keys = true, headers = true, models = true, ca_file = true,
  proxy = true, retry = true, timeout = true,
}

-- "string!" is required, "string?" and "string" are not.
local function read_kind(text)
  return text:match("^(%a+)([!?]?)$")
end

--- What is wrong with an adapter's `config`: the field and a message, or nil.
function M.problem(config)
  for _, name in ipairs(suggest.names(config or {})) do
    local kind = read_kind(config[name])
    if kind ~= "string" and kind ~= "number" then
      return name, "config." .. name .. " must be \"string!\", \"string?\", \"number!\" or "
        .. "\"number?\""
    end
    if COMMON[name] or name == "model" then
      return name, "config." .. name .. ": every provider has a field of that name"
    end
  end
end

local function refuse_unknown(name, field, config)
  local known = {}
  for common in pairs(COMMON) do known[common] = true end
  for own in pairs(config) do known[own] = true end
  local hint = suggest.hint(field, suggest.names(known))
  return nil, {
    path = "providers." .. name .. "." .. field,
    message = "unknown field '" .. field .. "'" .. hint,
  }
end

--- The values of an adapter's `config` for one provider.
-- @tparam string name the provider's
-- @tparam table entry its table in gateway.lua
-- @tparam table adapter
-- @treturn table|nil { name = value }
-- @treturn nil|table { path =, message = }
function M.values(name, entry, adapter)
  local values = {}
  for _, field in ipairs(suggest.names(entry)) do
    if not COMMON[field] then
      local wanted = adapter.config[field]
      if not wanted then return refuse_unknown(name, field, adapter.config) end
      local kind = read_kind(wanted)
      if type(entry[field]) ~= kind then
        return nil, {
          path = "providers." .. name .. "." .. field,
          message = "must be a " .. kind .. ", not a " .. type(entry[field]),
        }
      end
      values[field] = entry[field]
    end
  end
  for _, field in ipairs(suggest.names(adapter.config)) do
    local _, mark = read_kind(adapter.config[field])
    -- With an address of the provider's own, what the adapter's needs is not missing.
    local is_in_address = entry.base_url
      and (type(adapter.base_url) == "function" or template.has(adapter.base_url, field))
    if mark == "!" and values[field] == nil and not is_in_address then
      return nil, { path = "providers." .. name, message = "needs `" .. field .. "`" }
    end
  end
  return values
end

return M
