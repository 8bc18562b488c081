-- Each file of the user by itself: is it text, does it compile, is everything there that it uses?
local core = require("core")
local api = require("tide.api")
local check_globals = require("tide.check_globals")
local environment = require("tide.environment")
local loader = require("tide.loader")
local testing = require("tide.testing")

local M = {}

local FOLDERS = {
  { path = "adapters/dialects", kind = "dialect" },
  { path = "adapters", kind = "adapter" },
  { path = "adapters/models", kind = "models" },
  { path = "scripts/policies", kind = "policy" },
  { path = "scripts/middleware", kind = "middleware" },
  { path = "scripts/lib", kind = "lib" },
}

local function place_of(chunk)
  return (chunk:gsub("^[@=]", ""))
end

local function add_syntax_error(problems, file, message)
  local line, text = message:match(":(%d+): (.*)$")
  problems:add({ file = file, line = tonumber(line) or 1, message = text or message })
end

local function why_not(name)
  if type(name) ~= "string" or not name:find("^lib%.") then return nil end
  local path = "scripts/" .. name:gsub("%.", "/") .. ".lua"
  if not core.source(path) then return "there is no module '" .. name .. "': no file " .. path end
end

local function environment_of(script)
  local tide = api.new(script)
  if script.kind == "test" then tide.test = testing.names() end
  return environment.new(tide)
end

local function check(problems, script, text, chunk)
  local file = place_of(chunk)
  if text:byte() == 27 then
    return problems:add({ file = file, line = 1, message = "is compiled Lua; scripts are text" })
  end
  local run, message = load(text, chunk, "t")
  if not run then return add_syntax_error(problems, file, message) end
  for _, found in ipairs(check_globals.find(run, environment_of(script), why_not)) do
    problems:add({ file = file, line = found.line, message = found.message })
  end
end

local function check_one(problems, script)
  local text, chunk, is_user = core.source(script.path)
  if not (text and is_user) then return end
  check(problems, script, text, chunk)
  if script.kind ~= "lib" then return end
  -- Nobody may require it yet; whoever does says the same.
  local value, err = loader.load(script)
  if value == nil and err and not problems:has(err.file, err.line) then problems:add(err) end
end

--- Looks at one; at what the program ships it does not.
-- @tparam table problems of check_problems.new()
-- @tparam table script { path =, name =, kind = }
M.one = check_one

--- Looks at all of them.
-- @tparam table problems of check_problems.new()
-- @tparam table tests paths of test files
function M.run(problems, tests)
  for _, folder in ipairs(FOLDERS) do
    for _, entry in ipairs(core.modules(folder.path)) do
      local name = entry:gsub("%.lua$", "")
      local path = folder.path .. "/" .. name .. ".lua"
      check_one(problems, { path = path, name = name, kind = folder.kind })
    end
  end
  for _, path in ipairs(tests) do
    check_one(problems, { path = path, name = path:match("([^/]+)%.lua$"), kind = "test" })
  end
end

return M
