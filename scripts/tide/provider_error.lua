-- Reads the many shapes in which providers say what went wrong: { error = {...} },
-- { error = "text" }, flat { message, code, type }, { detail = "text" }, or no JSON at all.
local core = require("core")

local M = {}

local function text_of(value)
  local kind = type(value)
  if kind == "string" then return value end
  if kind == "number" then return tostring(value) end
end

local function details_of(value)
  if type(value) ~= "table" then return nil end
  if type(value.detail) == "string" then return value.detail end
end

--- What a decoded error says.
-- @param value the decoded body, or the decoded error of an event
-- @treturn table { code =, type =, message = }, texts or nil
function M.read(value)
  if type(value) == "string" then return { message = value } end
  if type(value) ~= "table" then return {} end
  local inner = value.error
  if type(inner) == "string" then
    return { message = inner, code = text_of(value.code), type = text_of(value.type) }
  end
  if type(inner) ~= "table" then inner = value end
  return {
    message = text_of(inner.message) or details_of(inner),
    code = text_of(inner.code),
    type = text_of(inner.type),
  }
end

--- The same for the bytes of a body; {} when it is no JSON.
function M.parse(body)
  if not body or body == "" then return {} end
  local value = core.decode(body)
  return M.read(value)
end

return M
