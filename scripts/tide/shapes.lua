-- What the members of a request have to be, said as a table, and the first that is something else.
-- A member that is missing or null is right, unless it is required; so is an item that is null.
-- Pure. Dialect files get this with require("tide.shapes").
--
--   local REQUEST = shapes.object({
--     stop = shapes.list(shapes.text), metadata = shapes.object(),
--   }, { "model" })
--   local problem = shapes.problem(REQUEST, body)      -- { message =, param = } or nil
local core = require("core")

local M = {}

-- A shape is a function of a value: nil, or what is wrong with it, { what =, path = the steps to
-- it, the last one first }.
local function wrong(what)
  return { what = what, path = {} }
end

local function within(problem, step)
  problem.path[#problem.path + 1] = step
  return problem
end

local function of_type(name, what)
  return function(value)
    return type(value) ~= name and wrong(what) or nil
  end
end

M.text = of_type("string", "a string")
M.number = of_type("number", "a number")
M.boolean = of_type("boolean", "true or false")

local function is_list(value)
  if type(value) ~= "table" or value == core.null then return false end
  if core.is_raw(value) then return value.raw:find("^%s*%[") ~= nil end
  return #value > 0 or next(value) == nil
end

-- An empty table may be either.
local function is_object(value)
  if type(value) ~= "table" or value == core.null then return false end
  if core.is_raw(value) then return value.raw:find("^%s*{") ~= nil end
  return value[1] == nil
end

--- A list; every item has a shape, where one is given.
function M.list(shape)
  return function(value)
    if not is_list(value) then return wrong("a list") end
    if not shape or core.is_raw(value) then return nil end
    for i, item in ipairs(value) do
      local problem = item ~= core.null and shape(item)
      if problem then return within(problem, i) end
    end
  end
end

--- An object.
-- @tparam table|nil members { name = shape }; others may be anything
-- @tparam table|nil required names of those that must be there
function M.object(members, required)
  members, required = members or {}, required or {}
  return function(value)
    if not is_object(value) then return wrong("an object") end
    if core.is_raw(value) then return nil end
    for _, name in ipairs(required) do
      if value[name] == nil or value[name] == core.null then
        return within({ what = "there", path = {}, is_missing = true }, name)
      end
    end
    for name, member in pairs(value) do
      local shape = members[name]
      local problem = shape and member ~= core.null and shape(member)
      if problem then return within(problem, name) end
    end
  end
end

--- What has one shape as a string, another as a table ...
-- @tparam string what for people: "a string or a list"
-- @tparam table shapes { string =, number =, boolean =, table = shape }
function M.by_type(what, shapes)
  return function(value)
    local shape = shapes[type(value)]
    if not shape then return wrong(what) end
    return shape(value)
  end
end

--- Whatever it is.
function M.any() return nil end

local function plain_step(step, path)
  if type(step) == "number" then return path .. "[" .. step - 1 .. "]" end
  return path == "" and step or path .. "." .. step
end

--- The first thing that is wrong.
-- @tparam function shape
-- @param value
-- @tparam function|nil add (step, path so far) -> path; steps are names and places from 1
-- @treturn table|nil { message = "options.seed must be a number", param = "options.seed", what =,
--   is_missing = }
function M.problem(shape, value, add)
  local problem = shape(value)
  if not problem then return nil end
  local path = ""
  for i = #problem.path, 1, -1 do path = (add or plain_step)(problem.path[i], path) end
  return {
    message = path .. " must be " .. problem.what, param = path, what = problem.what,
    is_missing = problem.is_missing,
  }
end

return M
