-- What a check has found: in order, each once, as text or as JSON.
local core = require("core")

local M = {}

local Problems = {}
Problems.__index = Problems

--- An empty list.
function M.new()
  return setmetatable({ items = {}, places = {}, known = {} }, Problems)
end

-- A user's file with its folder in front, so that a terminal can open it.
local function shown(file)
  local _, _, is_user = core.source(file or "")
  local folder = core.config.folder
  if not is_user or not folder or folder == "." then return file end
  return folder:gsub("/$", "") .. "/" .. file
end

local function place_of(file, line)
  return tostring(file) .. ":" .. tostring(line)
end

--- Adds one; what is said again in the same words is left out.
-- @tparam table problem { file =, line =, message =, severity = "error" (default) or "warning" }
function Problems:add(problem)
  local file = shown(problem.file)
  local place = place_of(file, problem.line)
  local key = place .. ":" .. problem.message
  if self.known[key] then return end
  self.known[key], self.places[place] = true, true
  self.items[#self.items + 1] = {
    file = file, line = problem.line, message = problem.message,
    severity = problem.severity or "error",
  }
end

--- The same from "file:line: message"; a text without a place has none.
function Problems:add_text(text, severity)
  local file, line, message = text:match("^(.-):(%d+): (.*)$")
  self:add({
    file = file, line = tonumber(line), message = message or text, severity = severity,
  })
end

--- True when something has been said about that line.
function Problems:has(file, line)
  return self.places[place_of(shown(file), line)] == true
end

function Problems:count(severity)
  local count = 0
  for _, item in ipairs(self.items) do
    if item.severity == severity then count = count + 1 end
  end
  return count
end

local function sort(items)
  table.sort(items, function(a, b)
    if a.file ~= b.file then return (a.file or "") < (b.file or "") end
    if a.line ~= b.line then return (a.line or 0) < (b.line or 0) end
    return a.message < b.message
  end)
  return items
end

--- Everything as a text, and back.
function Problems:export()
  return core.encode({ items = core.array(self.items) })
end

function M.import(text)
  local problems = M.new()
  for _, item in ipairs(core.decode(text).items) do problems:add(item) end
  return problems
end

--- One line each, for people.
function Problems:text()
  local lines = {}
  for i, item in ipairs(sort(self.items)) do
    local place = item.file and item.file .. ":" .. (item.line or 1) .. ": " or ""
    local kind = item.severity == "warning" and "warning: " or ""
    lines[i] = place .. kind .. item.message .. "\n"
  end
  return table.concat(lines)
end

--- The whole report, for programs.
function Problems:json()
  local items = core.array({})
  for i, item in ipairs(sort(self.items)) do
    items[i] = {
      file = item.file or core.null, line = item.line or core.null, message = item.message,
      severity = item.severity,
    }
  end
  return core.encode({ ok = self:count("error") == 0, problems = items }) .. "\n"
end

return M
