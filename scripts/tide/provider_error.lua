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

local function usual(value)
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
    type = text_of(inner.type) or text_of(inner.__type), -- AWS
  }
end

-- The values at a path like "details[].retryDelay", in order.
local function collect(value, path, found)
  local step, rest = path:match("^([^.]+)%.?(.*)$")
  local name, is_list = step:match("^(.-)(%[%])$")
  value = type(value) == "table" and value[name or step]
  if is_list and type(value) ~= "table" or value == nil then return found end
  for _, item in ipairs(is_list and value or { value }) do
    if rest ~= "" then collect(item, rest, found) else found[#found + 1] = item end
  end
  return found
end

local function first_at(value, path)
  return path and text_of(collect(value, path, {})[1])
end

-- Where the adapter says that its errors stand: `path` leads to the object that has the others.
local function declared(value, errors)
  if type(value) ~= "table" then return {} end
  for _, step in ipairs(errors.path or {}) do
    -- An error inside a stream has been found already: it is the object itself.
    if type(value[step]) == "table" then value = value[step] end
  end
  return {
    message = first_at(value, errors.message), code = first_at(value, errors.code),
    type = first_at(value, errors.type),
  }
end

local function overlay(under, over)
  for name, value in pairs(over or {}) do
    if type(value) == "string" then under[name] = value end
  end
  return under
end

--- What a decoded error says.
-- @param value the decoded body, or the decoded error of an event
-- @tparam table|nil errors the adapter's
-- @tparam function|nil read the dialect's read_error
-- @tparam table|nil headers of the answer
-- @treturn table { code =, type =, message = }, texts or nil
function M.read(value, errors, read, headers)
  local said = usual(value)
  if read then
    local is_inner = type(value) == "table" and value.error == nil
    local ok, own = pcall(read, is_inner and { error = value } or value, headers)
    if ok and type(own) == "table" then overlay(said, own) end
  end
  if errors then overlay(said, declared(value, errors)) end
  return said
end

--- The texts that an adapter's `errors.retry_after` names in the body; the others are headers.
-- @treturn table list, maybe empty
function M.hints(value, errors)
  local found = {}
  for _, path in ipairs(errors.retry_after or {}) do
    if path:find("[.%[]") then collect(value, path, found) end
  end
  return found
end

--- The bytes of a body as read() takes them; nil when it is no JSON. Google's errors may be the one
-- item of a list.
function M.decode(body)
  if not body or body == "" then return nil end
  local value = core.decode(body)
  if type(value) == "table" and type(value[1]) == "table" then return value[1] end
  return value
end

return M
