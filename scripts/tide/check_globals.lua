-- Names that a script uses and nothing has: found in its compiled form, so also in functions that
-- have not run. What the compiler makes of each kind of access is asked of the compiler itself,
-- because its numbers differ from version to version.
local suggest = require("tide.suggest")

local M = {}

local open = package.preload["jit.util"]
local util = open and open("jit.util") or require("jit.util")

local function opcode(text, pc)
  return bit.band(util.funcbc(assert(load(text)), pc), 0xff)
end

local READ, WRITE = opcode("return a", 1), opcode("a = nil", 2)
local MEMBER, TEXT = opcode("return a.b", 2), opcode("return a('b')", 2)

-- What people look for, and what is there instead.
local INSTEAD = {
  io = "scripts read and write no files; tide.dict keeps values, tide.http asks services",
  os = "scripts do not reach the system; tide.time() is the clock, tide.env() reads variables",
  ffi = "scripts do not reach C",
  debug = "scripts do not reach the insides of Lua",
  package = "require(\"lib.name\") loads scripts/lib/name.lua",
  jit = "scripts do not steer the compiler",
  print = "write tide.log.info(...)",
  dofile = "require(\"lib.name\") loads a file",
  loadfile = "require(\"lib.name\") loads a file",
  load = "a script makes no code", loadstring = "a script makes no code",
  setfenv = "a script has one environment", getfenv = "a script has one environment",
  collectgarbage = "memory is looked after; scripts.memory limits it",
}

local function line_of(proto, pc)
  return util.funcinfo(proto, pc).currentline
end

-- In an environment that raises for unknown names, in the API, and in libraries.
local function get(table_, name)
  local ok, value = pcall(function() return table_[name] end)
  return ok and value or nil, ok and value ~= nil
end

local function unknown_global(env, name)
  if INSTEAD[name] then return "there is no '" .. name .. "' here: " .. INSTEAD[name] end
  local _, why = pcall(function() return env[name] end)
  why = type(why) == "string" and why:match("unknown global.*$")
  return why or "unknown global '" .. name .. "'"
end

local function unknown_member(path, table_, name)
  return "there is no " .. path .. "." .. name .. suggest.hint(name, suggest.names(table_))
end

-- One function of the file, as it was compiled.
local Scan = {}
Scan.__index = Scan

function Scan:constant(index)
  return (util.funck(self.proto, -index - 1))
end

function Scan:instruction(pc)
  local ins = util.funcbc(self.proto, pc)
  if not ins then return nil end
  return bit.band(ins, 0xff), bit.band(bit.rshift(ins, 8), 0xff), bit.rshift(ins, 16)
end

function Scan:report(pc, message)
  self.found[#self.found + 1] = { line = line_of(self.proto, pc), message = message }
end

-- tide.json.encode: each step reads from the slot that the one before has filled.
function Scan:members(pc, slot, path, value)
  while type(value) == "table" do
    pc = pc + 1
    local code, into, rest = self:instruction(pc)
    if code ~= MEMBER or bit.rshift(rest, 8) ~= slot then return end
    local name = self:constant(bit.band(rest, 0xff))
    local inner, is_there = get(value, name)
    if not is_there then return self:report(pc, unknown_member(path, value, name)) end
    value, slot, path = inner, into, path .. "." .. name
  end
end

function Scan:required(pc)
  local code, _, rest = self:instruction(pc + 1)
  if code ~= TEXT then return end
  local name = self:constant(rest)
  local why = self.why_not(name)
  if why then self:report(pc, why) end
end

function Scan:global(pc, slot, name)
  local value, is_there = get(self.env, name)
  if not is_there then return self:report(pc, unknown_global(self.env, name)) end
  if name == "require" then return self:required(pc) end
  self:members(pc, slot, name, value)
end

function Scan:run()
  local pc = 1
  while true do
    local code, slot, rest = self:instruction(pc)
    if not code then return end
    if code == READ then
      self:global(pc, slot, self:constant(rest))
    elseif code == WRITE then
      local name = self:constant(rest)
      self:report(pc, "'" .. name .. "' would be a global: write local " .. name)
    end
    pc = pc + 1
  end
end

local function scan(proto, env, why_not, found)
  setmetatable({ proto = proto, env = env, why_not = why_not, found = found }, Scan):run()
  for index = 1, util.funcinfo(proto).gcconsts do
    local constant = util.funck(proto, -index)
    if type(constant) == "proto" then scan(constant, env, why_not, found) end
  end
end

local function forbidden(name)
  if INSTEAD[name] then return "there is no module '" .. name .. "': " .. INSTEAD[name] end
end

--- What of the globals that a compiled file uses is not there.
-- @tparam function chunk of load(), need not have run
-- @tparam table env the environment that the file gets
-- @tparam function|nil why_not takes the name of a module, returns why it cannot be required
-- @treturn table list of { line =, message = }, in order of lines
function M.find(chunk, env, why_not)
  local found = {}
  scan(chunk, env, function(name)
    return forbidden(name) or why_not and why_not(name)
  end, found)
  table.sort(found, function(a, b)
    if a.line ~= b.line then return a.line < b.line end
    return a.message < b.message
  end)
  return found
end

return M
