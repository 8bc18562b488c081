-- Errors as Ollama writes them: a text, also as a line of a stream. Pure.
local canonical = require("tide.canonical")
local core = require("core")

local M = {}

local LONGEST = 4000

-- Programs look for "not found" to know that they could pull a model.
local function message_of(err)
  local message = canonical.told(err)
  if err.code ~= "model_not_found" or message:find("not found", 1, true) then return message end
  local name = err.model and " '" .. err.model .. "'" or ""
  return "model" .. name .. " not found: " .. message
end

--- The body of an error for a client, and the line of a stream.
function M.body(err)
  return core.encode({ error = message_of(err) })
end

-- What its words mean, as it has no codes.
local CODES = {
  { "exceeds? the available context size", "context_length_exceeded" },
  { "max context length", "context_length_exceeded" },
  { "context length exceeded", "context_length_exceeded" },
  { "exceeds? the context length", "context_length_exceeded" },
  { "exceeds? maximum context", "context_length_exceeded" },
  { "model .*not found", "model_not_found" },
  { "does not support %w+$", "unsupported_capability" },
  { "usage limit", "usage_limit" },
  { "server busy", "server_busy" },
}

--- The code that a message amounts to, or nil.
function M.code_of(message)
  local start = message:sub(1, LONGEST)
  for _, rule in ipairs(CODES) do
    if start:find(rule[1]) then return rule[2] end
  end
end

--- read_error of the dialect: { error = "text" }, or the object that its other paths answer with.
-- @treturn table|nil { message, code, type }
function M.read(body)
  local said = type(body) == "table" and body.error or body
  if type(said) == "table" and not core.is_raw(said) then
    local message = type(said.message) == "string" and said.message or nil
    return { message = message, code = message and M.code_of(message), type = said.type }
  end
  if type(said) ~= "string" then return nil end
  return { message = said, code = M.code_of(said) }
end

return M
