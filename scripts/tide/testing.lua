-- tidegate test: runs one case of one test file in this Lua state, which is fresh for it.
local core = require("core")
local api = require("tide.api")
local auth = require("tide.auth")
local checks = require("tide.testing_checks")
local environment = require("tide.environment")
local loader = require("tide.loader")
local place = require("tide.place")
local requests = require("tide.testing_requests")
local testing_http = require("tide.testing_http")
local upstream = require("tide.testing_upstream")

local M = {}

local function caller(level)
  local _, text = pcall(error, "", level + 1)
  return text:match("^(.*):(%d+): ")
end

-- t.case, t.config: what a file says while it is loaded.
local function add_declarations(t, found)
  local seen = {}
  function t.case(name, fn)
    if type(name) ~= "string" or type(fn) ~= "function" then
      error("t.case takes a name and a function", 2)
    end
    if seen[name] then error("there are two cases '" .. name .. "'", 2) end
    seen[name] = true
    local _, line = caller(3)
    found.cases[#found.cases + 1] = { name = name, fn = fn, line = tonumber(line) }
  end
  function t.config(fields)
    if type(fields) ~= "table" then error("t.config takes a table, as gateway.lua returns", 2) end
    if found.config then error("t.config was called before", 2) end
    found.config = fields
  end
end

local function advance(seconds)
  if type(seconds) ~= "number" or seconds < 0 then error("t.advance takes seconds", 3) end
  core.sleep(seconds)
end

-- What a case does, and nothing else may.
local function add_actions(t, found, mocks)
  local actions = {
    upstream = function(name) return mocks:api(name) end,
    chat = requests.chat, request = requests.request, advance = advance,
    http = mocks and mocks.http or function() end,
  }
  for name, action in pairs(actions) do
    t[name] = function(value)
      if not found.is_running then error("t." .. name .. " is for the inside of a case", 2) end
      return action(value)
    end
  end
end

local function new_api(found, mocks)
  local t = { eq = checks.eq, near = checks.near, ok = checks.ok, fails = checks.fails }
  add_declarations(t, found)
  add_actions(t, found, mocks)
  return t
end

--- tide.test, for who wants to know what it has.
function M.names()
  return new_api({ cases = {} }, nil)
end

local function require_library(name)
  local path = "scripts/" .. name:gsub("%.", "/") .. ".lua"
  local value, err = loader.load({ path = path, name = name:match("[^.]+$"), kind = "lib" })
  if err then error(err.file .. ":" .. err.line .. ": " .. err.message, 0) end
  return value
end

-- Runs the file, so that its cases are known.
local function load_file(path, mocks)
  local text, chunk = core.source(path)
  if not text then return nil, path .. ":1: cannot be read" end
  local found = { cases = {}, file = (chunk:gsub("^@", "")) }
  local name = path:match("([^/]+)%.lua$")
  local tide = api.new({ path = path, name = name, kind = "test" })
  tide.test = new_api(found, mocks)
  local run, why = load(text, chunk, "t", environment.new(tide, require_library))
  if not run then return nil, why end
  jit.off(run, true)
  local ok, err = core.run(run)
  if not ok then
    local file, line = err.file or found.file, err.line or 1
    return nil, file .. ":" .. line .. ": " .. (err.reason or err.message)
  end
  return found
end

-- Clients are known by name here, not by key.
local function trust_names()
  local by_key = auth.client
  function auth.client(req, ...)
    local name = req:header(requests.CLIENT_HEADER)
    if name then return name end
    return by_key(req, ...)
  end
end

local function folder_of(path)
  return path:match("^(.*)/[^/]*$") or "."
end

local function write_value(value)
  if type(value) == "string" then return ("%q"):format(value) end
  if type(value) ~= "table" then return tostring(value) end
  local parts = {}
  for key, item in pairs(value) do
    parts[#parts + 1] = "[" .. write_value(key) .. "]=" .. write_value(item)
  end
  return "{" .. table.concat(parts, ",") .. "}"
end

--- The cases of a file that are wanted.
-- @tparam string text JSON: { path =, filter = text or null }
-- @treturn number 0, or 1 when the file cannot be loaded
-- @treturn string their positions, "1 3 4", a line break, and what t.config() was given, as the
--   source of a gateway.lua; or what is wrong
function M.list(text)
  local asked = core.decode(text)
  local found, why = load_file(asked.path, nil)
  if not found then return 1, why end
  local positions = {}
  for i, case in ipairs(found.cases) do
    local name = asked.path .. " " .. case.name
    if asked.filter == core.null or name:find(asked.filter, 1, true) then
      positions[#positions + 1] = i
    end
  end
  local config = found.config and "return " .. write_value(found.config) or ""
  return 0, table.concat(positions, " ") .. "\n" .. config
end

-- What core.run() says about a case, as the report has it.
local function describe(err, whole)
  local failure = checks.failure(err.cause)
  if failure then
    local file, line = failure.message:match("^(.-):(%d+): ")
    return {
      kind = "failed", message = failure.reason, path = failure.path, got = failure.got,
      expected = failure.expected, file = file and place.whole(file, whole), line = tonumber(line),
    }
  end
  return {
    kind = "error", message = err.reason or err.message, line = err.line,
    file = err.file and place.whole(err.file, whole),
    traceback = err.traceback,
  }
end

--- Runs one case.
-- @tparam string text JSON: { path =, index = }
-- @tparam table providers by name, of the generation
-- @treturn number 0 when it passed, else 1
-- @treturn string JSON: { path =, name =, line =, seconds = of the virtual clock, problem = }
function M.run(text)
  local asked = core.decode(text)
  trust_names()
  local mocks = upstream.new(require("tide.gateway").providers(), folder_of(asked.path))
  mocks.http = testing_http.new()
  local found, why = load_file(asked.path, mocks)
  local case = found and found.cases[asked.index]
  if not case then error(why or "the case has gone", 0) end
  local from = core.now()
  found.is_running = true
  local ok, err = core.run(case.fn)
  return ok and 0 or 1, core.encode({
    path = asked.path, name = case.name, line = case.line, seconds = core.now() - from,
    problem = not ok and describe(err, found.file) or nil,
  })
end

return M
