-- Each file of the user by itself: is it text, does it compile, is everything there that it uses?
local core = require("core")
local api = require("tide.api")
local check_globals = require("tide.check_globals")
local environment = require("tide.environment")

local M = {}

local FOLDERS = {
  { path = "adapters/dialects", kind = "dialect" },
  { path = "adapters", kind = "adapter" },
  { path = "scripts/policies", kind = "policy" },
  { path = "scripts/middleware", kind = "middleware" },
}

local function place_of(chunk)
  return (chunk:gsub("^[@=]", ""))
end

local function add_syntax_error(problems, file, message)
  local line, text = message:match(":(%d+): (.*)$")
  problems:add({ file = file, line = tonumber(line) or 1, message = text or message })
end

local function check(problems, script, text, chunk)
  local file = place_of(chunk)
  if text:byte() == 27 then
    return problems:add({ file = file, line = 1, message = "is compiled Lua; scripts are text" })
  end
  local run, message = load(text, chunk, "t")
  if not run then return add_syntax_error(problems, file, message) end
  for _, found in ipairs(check_globals.find(run, environment.new(api.new(script)))) do
    problems:add({ file = file, line = found.line, message = found.message })
  end
end

--- Looks at all of them.
-- @tparam table problems of check_problems.new()
-- @treturn table list of { path =, name =, kind = } of the user's files that scripts are made of
function M.run(problems)
  local scripts = {}
  for _, folder in ipairs(FOLDERS) do
    for _, entry in ipairs(core.modules(folder.path)) do
      local name = entry:gsub("%.lua$", "")
      local path = folder.path .. "/" .. name .. ".lua"
      local script = { path = path, name = name, kind = folder.kind }
      local text, chunk, is_user = core.source(script.path)
      if text and is_user then
        check(problems, script, text, chunk)
        scripts[#scripts + 1] = script
      end
    end
  end
  return scripts
end

return M
