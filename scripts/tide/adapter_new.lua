-- tidegate adapter new: the files that an adapter begins with.
local core = require("core")
local adapters = require("tide.adapters")
local fixtures = require("tide.fixtures")
local suggest = require("tide.suggest")
local templates = require("tide.adapter_templates")

local M = {}

-- Folders beside the files of adapters.
local TAKEN = { dialects = true, fixtures = true, models = true }

local function contains(names, name)
  for _, known in ipairs(names) do
    if known == name then return true end
  end
  return false
end

local function name_problem(name)
  if not name:find("^%l[%l%d_]*$") or #name > 64 then
    return "a name is small letters, digits and _, a letter in front: '" .. name .. "' is none"
  end
  if TAKEN[name] or name:find("_test$") then return "'" .. name .. "' has another meaning there" end
  local _, _, is_user = core.source("adapters/" .. name .. ".lua")
  if contains(adapters.names(), name) and not is_user then
    return "there is a shipped adapter '" .. name .. "', which a file of that name would replace; "
      .. "to use it no file is needed"
  end
end

local function unknown(what, name, names)
  if contains(names, name) then return nil end
  return "unknown " .. what .. " '" .. name .. "'" .. suggest.hint(name, names)
end

local function dialect_names()
  local names = {}
  for i, entry in ipairs(core.modules("adapters/dialects")) do
    names[i] = entry:gsub("%.lua$", "")
  end
  return names
end

local function given(value)
  return value ~= core.null and value or nil
end

-- What is wrong with the options, or nil.
local function problem_of(asked)
  local extends, dialect = given(asked.extends), given(asked.dialect)
  local count = (extends and 1 or 0) + (dialect and 1 or 0) + (asked.own and 1 or 0)
  if count > 1 then return "one of --extends, --dialect and --own is enough" end
  return name_problem(asked.name)
    or extends and unknown("adapter", extends, adapters.names())
    or dialect and unknown("dialect", dialect, dialect_names())
end

local function files_of(asked)
  local values = {
    name = asked.name, variable = asked.name:upper() .. "_API_KEY",
    extends = given(asked.extends) or "openai", dialect = given(asked.dialect),
    fixtures = fixtures.folder(asked.name),
  }
  if asked.own then return templates.own(values), values end
  if values.dialect then return templates.of_dialect(values), values end
  return templates.compatible(values), values
end

local function pack(files)
  local parts = {}
  for _, file in ipairs(files) do
    parts[#parts + 1] = file[1] .. "\0" .. #file[2] .. "\0" .. file[2]
  end
  return table.concat(parts)
end

local function next_steps(asked, files, values)
  local lines = { "written:\n" }
  local where = asked.folder == "." and "" or asked.folder .. "/"
  for _, file in ipairs(files) do lines[#lines + 1] = "  " .. where .. file[1] .. "\n" end
  local folder = asked.folder == "." and "" or " " .. asked.folder
  lines[#lines + 1] = "next:\n"
    .. "  fill in the address, the key's variable and the models in adapters/" .. asked.name
    .. ".lua"
    .. (asked.own and ",\n  and what the hooks and " .. values.fixtures .. "/ say of the protocol\n"
      or "\n")
    .. "  tidegate adapter check " .. asked.name .. folder .. "\n"
    .. "  tidegate test" .. folder .. "\n"
    .. "  set " .. values.variable .. " in the environment or in .env: " .. asked.name
    .. "/MODEL answers then\n"
    .. "  tidegate adapter record " .. asked.name .. folder
    .. "    fixtures of the service's own answers\n"
  return table.concat(lines)
end

--- Makes the files.
-- @tparam string text JSON: { name =, folder =, extends =, dialect = or null, own = boolean }
-- @treturn number 0, or 1 when that cannot be
-- @treturn string what to do next, a NUL, and the files: path, a NUL, size, a NUL, bytes, each; or
--   what is wrong
function M.run(text)
  local asked = core.decode(text)
  local problem = problem_of(asked)
  if problem then return 1, problem end
  local files, values = files_of(asked)
  return 0, next_steps(asked, files, values) .. "\0" .. pack(files)
end

return M
