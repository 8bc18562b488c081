-- The tables of models: adapters/models/NAME.lua, what is known of the models of a service.
--
-- Those that the program carries are large and mostly not needed: nothing is loaded, one line is
-- looked for when its model is asked for. So each of their models stands in one line. A user's own
-- file replaces one by name, and is loaded like every other file of his.
local core = require("core")
local loader = require("tide.loader")

local M = {}

local FOLDER = "adapters/models"
local BEFORE_NAME, BEHIND_NAME = '    ["', '"] = '

local function path_of(name)
  return FOLDER .. "/" .. name .. ".lua"
end

--- Loads the files of the user.
-- @tparam function|nil report as that of adapters.load()
-- @tparam table|nil previous what this returned for the generation before: returned again when no
--   file has changed
-- @treturn table|nil { name = { value = of tide.models, source = } }
-- @treturn nil|table { file =, line =, message = }
function M.load(report, previous)
  local files = {}
  for _, entry in ipairs(core.modules(FOLDER)) do
    local name = entry:gsub("%.lua$", "")
    -- A hash: one of the user's. The text of the program's own would be copied for nothing.
    if type(core.version_of(path_of(name))) == "string" then
      local value, err, source = loader.load({ path = path_of(name), name = name, kind = "models" })
      if err and not (report and report(err)) then return nil, err end
      if value then files[name] = { value = value, source = source } end
    end
  end
  return previous and loader.are_same(files, previous) and previous or files
end

-- ---- one table ----------------------------------------------------------------------------------

local Table = {}
Table.__index = Table

--- The table of that name.
-- @tparam table files of load()
-- @treturn table|nil for find() and names(); nil where there is none
function M.open(files, name)
  local own = files[name]
  if not (own or core.shipped(path_of(name), "return ")) then return nil end
  return setmetatable({ path = path_of(name), own = own and own.value.models }, Table)
end

local function parsed(text)
  return assert(load("return " .. text, "=models", "t", {}))()
end

-- A name that would have to be escaped in the file is in none.
local function exact(self, name)
  if self.own then return self.own[name] end
  if name:find('[%c"\\]') then return nil end
  local line = core.shipped(self.path, BEFORE_NAME .. name .. BEHIND_NAME)
  return line and parsed(line:match("^{.*}"))
end

-- ---- what a name stands for ---------------------------------------------------------------------

local REGIONS = {
  us = true, eu = true, apac = true, jp = true, au = true, ca = true, global = true,
}

-- In front of the name, or around it: "models/x", an ARN of AWS, a fine-tuned model of OpenAI.
local function without_frame(name)
  return name:match("^models/(.+)$") or name:match("^arn:aws[%w-]*:bedrock:.*/([^/]+)$")
    or name:match("^(ft:[^:]+):") or name
end

-- Where AWS answers: "eu.anthropic.claude-...".
local function without_region(name)
  local region, rest = name:match("^(%l+)%.(%w+%..+)$")
  return REGIONS[region] and rest or name
end

local function without_date(name)
  return name:match("^(.+)%-%d%d%d%d%d%d%d%d$") or name:match("^(.+)%-%d%d%d%d%-%d%d%-%d%d$")
    or name:match("^(.+)@[%w-]+$") or name
end

-- No model is called anything longer.
local LONGEST = 256

local SHORTER = { without_frame, without_region, without_date }

--- What is known of a model: of this name, else of what it stands for. What is in front of it goes
-- first, its date last; a shorter name never means another model.
-- @treturn table|nil as model_entry.lua has it
function Table:find(name)
  if #name > LONGEST then return nil end
  local entry = exact(self, name)
  for _, shorten in ipairs(SHORTER) do
    if entry then return entry end
    local shorter = shorten(name)
    if shorter ~= name then
      name = shorter
      entry = exact(self, name)
    end
  end
  return entry
end

-- ---- all of it ----------------------------------------------------------------------------------

local function each_own(self)
  return pairs(self.own)
end

-- Only what lists of models need: to make a table of every line would take too long.
local function each_line(self)
  local lines = core.shipped(self.path):gmatch('\n    %["([^\n]-)"%] = {([^\n]*)')
  return function()
    local name, text = lines()
    if not name then return nil end
    return name, {
      kind = text:match(' kind = "(%l+)"'), retires = text:match(' retires = "([%d-]+)"'),
      context = tonumber(text:match(" context = (%d+)")),
      max_output = tonumber(text:match(" max_output = (%d+)")),
      caps = text:find(" caps = ", 1, true) and {} or nil,
    }
  end
end

--- For loops over all models: name, what lists want of it (kind, retires, context, max_output, and
-- caps where there are any).
function Table:each()
  if self.own then return each_own(self) end
  return each_line(self)
end

return M
