-- The globals of an adapter file: a safe part of the standard library and `tide`, nothing else. A
-- misspelt global is an error with its line, not a silent nil.
local core = require("core")
local suggest = require("tide.suggest")

local M = {}

-- What cannot run for ever. Specs without C have the standard ones.
local SAFE_STRING, SAFE_TABLE = core.safe_string or string, core.safe_table or table

local FUNCTIONS = {
  assert = assert, error = error, ipairs = ipairs, next = next, pairs = pairs, pcall = pcall,
  select = select, setmetatable = setmetatable, tonumber = tonumber, tostring = tostring,
  type = type, unpack = unpack, xpcall = xpcall,
}

-- Libraries of the gateway that a file may require: pure ones that give no way out.
local LIBRARIES = { ["tide.mock"] = true }

local function copy(library, without)
  local result = {}
  for name, value in pairs(library) do
    if name ~= without then result[name] = value end
  end
  return result
end

local function safe_require(name)
  if not LIBRARIES[name] then
    error("module '" .. tostring(name) .. "' is not for adapters", 2)
  end
  return require(name)
end

--- A fresh environment: what one file does to it, no other sees.
-- @tparam table tide the API that the file gets
function M.new(tide)
  local globals = copy(FUNCTIONS)
  globals.math, globals.table, globals.bit = copy(math), copy(SAFE_TABLE), copy(bit)
  globals.string = copy(SAFE_STRING, "dump")
  globals.require, globals.tide = safe_require, tide
  return setmetatable({}, {
    __metatable = false,
    __index = function(_, name)
      local value = globals[name]
      if value == nil then
        local hint = suggest.hint(tostring(name), suggest.names(globals))
        error("unknown global '" .. tostring(name) .. "'" .. hint, 2)
      end
      return value
    end,
    __newindex = function(_, name)
      error("'" .. tostring(name) .. "' would be a global: write local " .. tostring(name), 2)
    end,
  })
end

return M
