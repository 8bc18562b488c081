-- tidegate check: everything that can be known to be wrong before a request comes.
local core = require("core")
local adapters = require("tide.adapters")
local check_files = require("tide.check_files")
local check_problems = require("tide.check_problems")
local dropped_in = require("tide.dropped_in")
local loader = require("tide.loader")
local model_tables = require("tide.model_tables")
local models = require("tide.models")
local providers = require("tide.providers")
local scripts = require("tide.scripts")
local suggest = require("tide.suggest")

local M = {}

local NO_FILE = "no gateway.lua"

-- Who is wrong already: what others say about it would be the same news again.
local function is_follow_up(broken, message)
  local name = message:match("unknown adapter '([^']+)'")
    or message:match("unknown provider '([^']+)'")
  return name ~= nil and broken[name] == true
end

local function reporter(problems, broken)
  return function(err)
    if is_follow_up(broken, err.message) then return true end
    if err.file then
      broken[err.file:match("([^/]+)%.lua$") or ""] = true
      -- What running a line says was found better by looking at it.
      if not problems:has(err.file, err.line) then problems:add(err) end
    else
      local path = err.path:gsub("%.extends$", ""):gsub("%.base_url$", "")
      broken[path:match("^providers%.(.*)$") or ""] = true
      problems:add_text(core.place(err.path, err.path .. ": " .. err.message))
    end
    return true
  end
end

-- What loading says to the log, a check says to the person who asked for it.
local function warner(problems)
  return function(level, message)
    if level ~= "warn" and level ~= "error" then return end
    local provider = message:match("^provider ([^ ]+)")
    local path = provider and "providers." .. provider or ""
    problems:add_text(core.place(path, message), "warning")
  end
end

-- A file in adapters/ that nothing uses, neither gateway.lua nor another adapter.
local function say_unused(problems, loaded)
  local is_base = {}
  for _, entry in pairs(loaded.files) do is_base[entry.value.extends or ""] = true end
  for _, found in ipairs(dropped_in.not_in_use(core.config.providers or {}, loaded.adapters)) do
    if not is_base[found.name] then
      local warning = loader.error_at("adapters/" .. found.name .. ".lua", found.field,
        found.name .. " is not a provider: " .. found.text .. ", and `providers` of gateway.lua "
        .. "does not name it")
      warning.severity = "warning"
      problems:add(warning)
    end
  end
end

local function link(problems)
  local report = reporter(problems, {})
  core.log = warner(problems) -- this Lua state does nothing else
  local loaded = adapters.load(report)
  local made = providers.build(core.config, loaded.adapters, report,
    model_tables.load(report))
  models.build(core.config, made, report)
  say_unused(problems, loaded)
  scripts.load(core.config, report)
  return made
end

local function plural(count, word)
  return count .. " " .. word .. (count == 1 and "" or "s")
end

local function summary(made)
  return (core.config.file or NO_FILE) .. ": ok, "
    .. plural(#suggest.names(made), "provider") .. ", "
    .. plural(#suggest.names(core.config.models or {}), "model") .. "\n"
end

--- The end of the check.
-- @tparam string text JSON: { found = of run() or check_samples.run(), json = }
-- @treturn number 0, or 1 when something is wrong
-- @treturn string the report
function M.report(text)
  local given = core.decode(text)
  local problems = check_problems.import(given.found)
  local is_ok = problems:count("error") == 0
  if given.json then return is_ok and 0 or 1, problems:json() end
  return is_ok and 0 or 1, problems:text() .. (is_ok and M.summary or "")
end

--- Checks the configuration that this Lua state has.
-- @tparam string text JSON: { problems = { "file:line: text" }, warnings = lines, tests = paths }:
--   what has been found before, and the test files
-- @treturn number 0, or 1 when something is wrong
-- @treturn string all problems, as check_problems.export() has them
function M.run(text)
  local given = core.decode(text)
  local problems = check_problems.new()
  for _, line in ipairs(given.problems) do problems:add_text(line) end
  for line in given.warnings:gmatch("[^\n]+") do problems:add_text(line, "warning") end
  check_files.run(problems, given.tests)
  M.summary = summary(link(problems))
  return problems:count("error") == 0 and 0 or 1, problems:export()
end

return M
