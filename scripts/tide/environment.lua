-- The globals of an adapter file: a safe part of the standard library and `tide`, nothing else. A
-- misspelt global is an error with its line, not a silent nil.
local core = require("core")
local coroutines = require("tide.coroutines")
local later = require("tide.later")
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
local LIBRARIES = {
  ["tide.mock"] = true, ["tide.canonical"] = true, ["tide.vectors"] = true,
}

-- A part of a shipped dialect: "dialects.gemini.parts", adapters/dialects/gemini/parts.lua.
local PART = "^dialects%.[%w-]+%.[%w_]+$"

local function is_library(name)
  return LIBRARIES[name] or (type(name) == "string" and name:find(PART) ~= nil)
end

local function copy(library, without)
  local result = {}
  for name, value in pairs(library) do
    if name ~= without then result[name] = value end
  end
  return result
end

-- `require` of a file: what the gateway has for it, or "lib.prices", scripts/lib/prices.lua.
local function requirer(require_file, is_shipped)
  return function(name)
    if is_shipped and type(name) == "string" and name:find(PART) then return later(name) end
    if is_library(name) then return copy(require(name)) end
    if type(name) ~= "string" or not (require_file and name:find("^lib%.[%w_.-]+$")) then
      error("there is no module '" .. tostring(name)
        .. "': \"lib.NAME\" is scripts/lib/NAME.lua", 2)
    end
    return require_file(name)
  end
end

--- A fresh environment: what one file does to it, no other sees.
-- @tparam table tide the API that the file gets
-- @tparam function|nil require_file gives the value of a file of scripts/lib/, by "lib.NAME"
-- @tparam boolean is_shipped one of the program's own: parts of dialects are loaded when they are
--   called, and have functions alone
function M.new(tide, require_file, is_shipped)
  local globals = copy(FUNCTIONS)
  globals.math, globals.table, globals.bit = copy(math), copy(SAFE_TABLE), copy(bit)
  globals.string = copy(SAFE_STRING, "dump")
  globals.coroutine = copy(coroutines)
  globals.require, globals.tide = requirer(require_file, is_shipped), tide
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
