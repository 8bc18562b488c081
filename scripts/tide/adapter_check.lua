-- tidegate adapter check: first the contract, then the conformance kit, then the report. Three
-- calls, because the kit runs in a Lua state of its own.
local core = require("core")
local adapters = require("tide.adapters")
local check_problems = require("tide.check_problems")
local contract = require("tide.adapter_contract")
local kit = require("tide.kit")
local suggest = require("tide.suggest")

local M = {}

-- ---- the contract -------------------------------------------------------------------------------

-- The adapter's own file and all that it extends, as far as they could be loaded.
local function family_of(name, files)
  local names, seen = {}, {}
  while name and not seen[name] do
    names[#names + 1], seen[name] = name, true
    name = files[name] and files[name].value.extends
  end
  return names
end

local function is_about(file, names)
  if file:find("adapters/dialects/", 1, true) then return true end
  for _, name in ipairs(names) do
    if file == "adapters/" .. name .. ".lua" then return true end
  end
  return false
end

local function unknown(name)
  local known = adapters.names()
  return {
    message = "there is no adapter '" .. name .. "': neither adapters/" .. name
      .. ".lua here nor a shipped one" .. suggest.hint(name, known),
  }
end

local function exists(name)
  for _, known in ipairs(adapters.names()) do
    if known == name then return true end
  end
  return false
end

local function literal(value)
  if type(value) == "string" then return ("%q"):format(value) end
  if type(value) ~= "table" then return tostring(value) end
  local parts = {}
  for _, key in ipairs(suggest.names(value)) do
    local index = value[key] ~= nil and key or tonumber(key)
    parts[#parts + 1] = "[" .. literal(index) .. "]=" .. literal(value[index])
  end
  return "{" .. table.concat(parts, ",") .. "}"
end

-- One attempt is enough: what fails once is what the kit wants to see.
local function config_of(name, adapter, secret)
  return "return " .. literal({
    providers = { [name] = contract.provider(name, adapter, secret) }, retry = { max = 0 },
  })
end

local function look(name, problems)
  local found = {}
  local loaded = adapters.load(function(err)
    found[#found + 1] = err
    return true
  end, nil, { [name] = true })
  local names = family_of(name, loaded.files)
  for _, err in ipairs(found) do
    if err.file and is_about(err.file, names) then problems:add(err) end
  end
  local adapter = loaded.adapters[name]
  if adapter and loaded.files[name] then
    contract.check(name, loaded.files[name], adapter, problems)
  end
  return adapter, names
end

--- What can be seen without a request, and what the kit needs.
-- @tparam string text JSON: { name = }
-- @treturn number 0, or 1: the kit cannot run
-- @treturn string a gateway.lua, the key in it, the names of the adapters that count, each within
--   spaces, and JSON for run() and report(); each ended by a NUL
function M.plan(text)
  local name = core.decode(text).name
  local problems = check_problems.new()
  local secret, adapter, names = "sk-check-" .. core.uuid(), nil, {}
  if exists(name) then adapter, names = look(name, problems) else problems:add(unknown(name)) end
  local is_sound = adapter ~= nil and problems:count("error") == 0
  local config = is_sound and config_of(name, adapter, secret) or ""
  local found = core.encode({ name = name, secret = secret, problems = problems:export() })
  return is_sound and 0 or 1,
    table.concat({ config, secret, " " .. table.concat(names, "  ") .. " ", found, "" }, "\0")
end

-- ---- the kit ------------------------------------------------------------------------------------

--- Runs the kit (y).
-- @tparam string text of plan()
-- @treturn number 0
-- @treturn string JSON for report()
function M.run(text)
  local given = core.decode(text)
  local problems = check_problems.import(given.problems)
  local result = kit.run(given.name, given.secret, problems)
  result.name, result.secret, result.problems = given.name, given.secret, problems:export()
  return 0, core.encode(result)
end

-- ---- the report ---------------------------------------------------------------------------------

local function count(number, word)
  return number .. " " .. word .. (number == 1 and "" or "s")
end

local function line_of(case)
  local wrong = {}
  for _, name in ipairs(suggest.names(case.clients)) do
    if not case.clients[name] then wrong[#wrong + 1] = name end
  end
  local events = case.events ~= core.null and ", " .. count(case.events, "event") or ""
  local text = (case.ok and "  ok    " or "  FAIL  ") .. case.name .. events .. ": "
    .. count(case.runs, "run")
  if #wrong > 0 and case.clients[kit.first_client] then
    text = text .. "; not for " .. table.concat(wrong, ", ")
  end
  return text .. "\n"
end

local function text_of(found, problems, is_ok)
  local lines = { problems:text() }
  for _, case in ipairs(found.cases or {}) do lines[#lines + 1] = line_of(case) end
  local path = "adapters/" .. found.name .. ".lua"
  if not is_ok then
    lines[#lines + 1] = path .. ": " .. count(problems:count("error"), "problem") .. "\n"
  else
    lines[#lines + 1] = path .. ": ok, " .. count(#found.cases, "case") .. " for clients of "
      .. count(#found.clients, "dialect") .. ", " .. count(found.runs, "run") .. "\n"
  end
  return table.concat(lines)
end

local function json_of(found, problems, is_ok)
  local report = core.decode(problems:json())
  report.ok, report.adapter = is_ok, found.name
  report.cases, report.runs = found.cases or core.array({}), found.runs or 0
  report.clients = found.clients or core.array({})
  return core.encode(report) .. "\n"
end

--- The end of the check.
-- @tparam string text JSON: { found = of plan() or run(), json =, leaked = the key was logged,
--   failed = why the kit could not run, or null }
-- @treturn number 0, or 1 when something is wrong
-- @treturn string the report
function M.report(text)
  local given = core.decode(text)
  local found = core.decode(given.found)
  local problems = check_problems.import(found.problems)
  if given.failed ~= core.null then problems:add_text(given.failed) end
  if given.leaked then problems:add({ message = "the provider's key was written to the log" }) end
  local is_ok = problems:count("error") == 0
  return is_ok and 0 or 1, (given.json and json_of or text_of)(found, problems, is_ok)
end

return M
