-- Loads one Lua file: a user's, or a shipped one of the same kind, in an environment of its own.
local core = require("core")
local api = require("tide.api")
local environment = require("tide.environment")
local schema = require("tide.schema")

local M = {}

local Source = {}
Source.__index = Source

local function line_of(text, field)
  if not field then return 1 end
  local word = "%f[%w_]" .. field:gsub("%p", "%%%0") .. "%f[^%w_]"
  local number = 0
  for line in (text .. "\n"):gmatch("(.-)\n") do
    number = number + 1
    if line:gsub("%-%-.*$", ""):find(word) then return number end
  end
  return 1
end

--- An error of this file at the line where `field` stands (nil: the first).
-- @treturn table { file =, line =, message = }
function Source:error_at(field, message)
  return { file = self.file, line = line_of(self.text, field), message = message }
end

-- Our own errors are tables that name a field; Lua's are texts with the line in front.
function Source:error_of(problem)
  if type(problem) == "table" then return self:error_at(problem.field, problem.message) end
  local line, message = tostring(problem):match(":(%d+): (.*)$")
  return { file = self.file, line = tonumber(line) or 1, message = message or tostring(problem) }
end

--- Runs a file once and returns the table that it ends with.
-- @tparam table script { path = "scripts/policies/x.lua", name = "x", kind = "policy" }
-- @treturn table|nil what the file returned
-- @treturn nil|table { file =, line =, message = }
-- @treturn table|nil source, for errors about what was returned: source:error_at(field, message)
function M.load(script)
  local text, chunk, is_user = core.source(script.path)
  if not text then return nil, { file = script.path, line = 1, message = "cannot be read" } end
  local source = setmetatable({ file = chunk:gsub("^[@=]", ""), text = text }, Source)
  local run, problem = load(text, chunk, "t", environment.new(api.new(script)))
  if not run then return nil, source:error_of(problem) end
  -- A user's loop can be stopped at its budget only while it is interpreted.
  if is_user then jit.off(run, true) end
  local ok, value = pcall(run)
  if not ok then return nil, source:error_of(value) end
  local wanted = "tide." .. script.kind
  if type(value) ~= "table" or schema.checked_by(value) ~= wanted then
    return nil, source:error_at(nil, "must end with: return " .. wanted .. " { ... }")
  end
  return value, nil, source
end

return M
