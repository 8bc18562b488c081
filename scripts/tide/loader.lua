-- Loads one Lua file: a user's, or a shipped one of the same kind, in an environment of its own.
--
-- A generation loads only what has changed: between begin() and finish() a file whose bytes, and
-- those of all files that it requires, are the same as before keeps the value that it had.
local core = require("core")
local api = require("tide.api")
local environment = require("tide.environment")
local plain = require("tide.plain")
local schema = require("tide.schema")

local M = {}

local Source = {}
Source.__index = Source

-- settings: what the configuration is; files of the user may have read it;
-- files: what has been loaded, by path: { version =, value =, source =, script = as M.load() got
-- it, needs = { path = true } };
-- before: the files of the generation before; open: the paths between here and the file that was
-- asked for, each required by the one before it.
local function new_set(before, settings)
  return { files = {}, before = before or {}, settings = settings or "", open = {} }
end

local loading

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

-- Our own errors are tables that name a field; Lua's are texts with file and line in front. The
-- file may be one that this one requires.
function Source:error_of(problem)
  if type(problem) == "table" then
    return problem.file and problem or self:error_at(problem.field, tostring(problem.message))
  end
  local file, line, message = tostring(problem):match("^([^\n:]+%.lua):(%d+): (.*)$")
  if not file then line, message = tostring(problem):match(":(%d+): (.*)$") end
  return {
    file = file or self.file, line = tonumber(line) or 1, message = message or tostring(problem),
  }
end

--- The same for a file that somebody else has loaded.
-- @tparam string path "adapters/groq.lua"
function M.error_at(path, field, message)
  local text, chunk = core.source(path)
  return { file = chunk:gsub("^[@=]", ""), line = line_of(text, field), message = message }
end

--- Begins the files of a generation.
-- @tparam string settings another one for another configuration
-- @tparam table|nil before what finish() returned for the generation before
function M.begin(settings, before)
  loading = new_set(before, settings)
  loading.is_generation = true
end

--- True when two sets of loaded files, { name = { source = } }, are the same: a file that has not
-- changed has the same source in the next generation.
function M.are_same(files, others)
  for name, entry in pairs(files) do
    if not others[name] or others[name].source ~= entry.source then return false end
  end
  for name in pairs(others) do
    if not files[name] then return false end
  end
  return true
end

--- Ends them.
-- @treturn table the files, by path
function M.finish()
  local files = loading.files
  loading = nil
  return files
end

-- A user's file is another one under another configuration, which it may have read.
local function version_of(set, path)
  local version = core.version_of(path)
  return type(version) == "string" and version .. set.settings or version
end

-- Takes over what a file was before, with all that it requires; false when some of it has changed.
local function keep(set, path, seen)
  if set.files[path] or seen[path] then return true end
  local entry = set.before[path]
  if not entry or entry.version ~= version_of(set, path) then return false end
  seen[path] = true
  for needed in pairs(entry.needs) do
    if not keep(set, needed, seen) then return false end
  end
  return true
end

local function take_over(set, path)
  if set.files[path] then return end
  set.files[path] = set.before[path]
  for needed in pairs(set.before[path].needs) do take_over(set, needed) end
end

local load_file

local function is_open(set, path)
  for _, open in ipairs(set.open) do
    if open == path then return true end
  end
  return false
end

-- Why a file cannot be required, or nil. `from` is the path of the one that wants it.
local function refusal(set, from, path)
  if loading ~= set then return "require() works while a file loads: call it at the top" end
  if from == path then return "the file requires itself" end
  if is_open(set, path) then return "requires " .. path .. ", which requires " .. from end
  if not core.source(path) then return "requires " .. path .. ", which does not exist" end
end

-- What a file of scripts/lib/ is to the file that requires it. Called in place of `require`: the
-- level of an error is that of the script.
local function require_file(set, from, entry, name)
  local path = "scripts/" .. name:gsub("%.", "/") .. ".lua"
  local known = set.files[path]
  local problem = not known and refusal(set, from, path)
  if problem then error(problem, 2) end
  entry.needs[path] = true
  local err
  known, err = load_file(set, { path = path, name = name:match("[^.]+$"), kind = "lib" })
  if not known then error(err, 0) end
  return known.value
end

-- A library may return any value but nil; every other file ends with what its kind is made of.
local function check_value(script, value, source)
  if script.kind == "lib" then
    if value == nil then return source:error_at(nil, "must end with: return ...") end
    return nil
  end
  local wanted = "tide." .. script.kind
  if type(value) ~= "table" or schema.checked_by(value) ~= wanted then
    return source:error_at(nil, "must end with: return " .. wanted .. " { ... }")
  end
  if not plain.is(value) then
    return source:error_at(nil, "what the file returns must have no metatable")
  end
end

-- The error of core.run_now(), as error_of() takes it: our own tables, else a text.
local function problem_of(err)
  local fields = plain.fields(err.cause)
  local is_ours = type(fields.message) == "string" and (fields.file or fields.field)
  return is_ours and fields or err.message
end

-- A syntax error quotes the file, which may be anything.
local function printable(text)
  return (text:gsub("[%z\1-\31\127-\255]", "?"))
end

local function run_file(set, script, entry)
  local text, chunk, is_user = core.source(script.path)
  if not text then return { file = script.path, line = 1, message = "cannot be read" } end
  local source = setmetatable({
    file = chunk:gsub("^[@=]", ""), text = text, path = script.path, is_user = is_user,
  }, Source)
  entry.source = source
  local globals = environment.new(api.new(script), function(name)
    return require_file(set, script.path, entry, name)
  end, not is_user)
  local run, problem = load(text, chunk, "t", globals)
  if not run then return source:error_of(printable(problem)) end
  -- A user's loop can be stopped at its budget only while it is interpreted.
  if is_user then jit.off(run, true) end
  script.is_loading = true -- what it asks for now takes effect when the generation serves
  local ok, value = (is_user and core.run_now or core.run_shipped)(run)
  script.is_loading = nil
  if not ok then return source:error_of(problem_of(value)) end
  entry.value = value
  return check_value(script, value, source)
end

function load_file(set, script)
  local path = script.path
  if set.files[path] then return set.files[path] end
  if keep(set, path, {}) then
    take_over(set, path)
    return set.files[path]
  end
  if #set.open == 0 then core.next_turn() end
  set.open[#set.open + 1] = path
  local entry = { version = version_of(set, path), script = script, needs = {} }
  local err = run_file(set, script, entry)
  set.open[#set.open] = nil
  if err then return nil, err end
  set.files[path] = entry
  return entry
end

--- Runs a file once and returns the table that it ends with.
-- @tparam table script { path = "scripts/policies/x.lua", name = "x", kind = "policy" }
-- @treturn table|nil what the file returned
-- @treturn nil|table { file =, line =, message = }
-- @treturn table|nil source, for errors about what was returned: source:error_at(field, message).
--   It is the same table for as long as the file does not change
function M.load(script)
  local set = loading
  if not set then
    set = new_set() -- a file by itself, of no generation
    loading = set
  end
  local entry, err = load_file(set, script)
  if not set.is_generation then loading = nil end
  if not entry then return nil, err end
  return entry.value, nil, entry.source
end

return M
