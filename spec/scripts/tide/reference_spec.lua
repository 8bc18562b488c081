-- The description of the scripting API against what the Lua side checks, and against what examples
-- and shipped scripts call.
local lfs = require("lfs")
local fake = require("spec.support.fake_core")

local function by_name(list)
  local result = {}
  for _, item in ipairs(list) do result[item.name] = item end
  return result
end

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

local function lua_files(folder, found)
  found = found or {}
  if not lfs.attributes(folder) then return found end
  for name in lfs.dir(folder) do
    local path = folder .. "/" .. name
    if name:sub(1, 1) ~= "." then
      if lfs.attributes(path, "mode") == "directory" then
        lua_files(path, found)
      elseif name:find("%.lua$") then
        found[#found + 1] = path
      end
    end
  end
  return found
end

-- Without comments and the insides of strings, so that what is left is code.
local function code_of(text)
  text = text:gsub("%-%-[^\n]*", "")
  text = text:gsub("\\[\"']", "")
  return (text:gsub('"[^"\n]*"', '""'):gsub("'[^'\n]*'", "''"))
end

-- How many arguments stand in the parentheses at `at`; nil when `...` is one of them.
local function count_arguments(code, at)
  local inside = code:match("^%b()", at):sub(2, -2)
  if inside:find("^%s*$") then return 0 end
  inside = inside:gsub("%b()", "x"):gsub("%b{}", "x"):gsub("%f[%w]function.*%f[%w]end", "x")
  if inside:find("...", 1, true) then return nil end
  return 1 + select(2, inside:gsub(",", ""))
end

describe("the description of the scripting API", function()
  local functions, classes, values = {}, {}, {}

  before_each(function()
    fake.install()
    for _, section in ipairs(require("tide.reference")) do
      for name, fn in pairs(by_name(section.functions or {})) do functions[name] = fn end
      for name, class in pairs(by_name(section.classes or {})) do classes[name] = class end
      for _, value in ipairs(section.values or {}) do values[value[1]] = true end
    end
  end)

  local function fields_of(class)
    local result = {}
    for _, field in ipairs(classes[class].fields) do result[field[1]:gsub("%?$", "")] = true end
    return result
  end

  local function names(fields)
    local result = {}
    for name in pairs(fields) do result[name] = true end
    return result
  end

  -- The shapes that the checks are made with, in the order of the calls.
  local function shapes_of(call)
    local schema, seen = require("tide.schema"), {}
    local check = schema.check
    function schema.check(value, shape)
      seen[#seen + 1] = shape
      return check(value, shape)
    end
    call(schema)
    schema.check = check
    return seen
  end

  for class, name in pairs({
    ["tide.Policy"] = "policy", ["tide.Middleware"] = "middleware", ["tide.Adapter"] = "adapter",
    ["tide.Dialect"] = "dialect", ["tide.Models"] = "models",
  }) do
    it("has the fields of tide." .. name .. "{}", function()
      local shapes = shapes_of(function(schema)
        local demand = schema.demand
        function schema.demand(value, shape, what)
          schema.check({}, shape)
          return demand(value, shape, what)
        end
        pcall(require("tide.api").new({ path = "x", name = "x", kind = name })[name], {})
        schema.demand = demand
      end)
      assert.same(fields_of(class), names(shapes[1].fields))
    end)
  end

  it("has the fields of a plan", function()
    local shapes = shapes_of(function()
      local plan = require("tide.plan")
      plan.of(plan.new({}), { unknown = true }, "m")
    end)
    assert.same(fields_of("tide.Plan"), names(shapes[1].fields))
  end)

  it("says of everything what it is", function()
    for name, fn in pairs(functions) do
      assert.is_truthy(fn.text and fn.text:find("%.$"), name .. " needs a sentence")
      assert.is_true(not fn.errors or #(fn.returns or {}) > 0, name .. " returns nothing to fail")
    end
    for name, class in pairs(classes) do
      assert.is_truthy(class.text and class.text:find("%.$"), name .. " needs a sentence")
      for _, method in ipairs(class.methods or {}) do
        assert.is_truthy(method.text:find("%.$"), name .. ":" .. method.name)
      end
    end
  end)

  it("knows the kinds of error that C knows", function()
    local header, kinds = read("core/base/error.h"), {}
    for kind in header:gmatch('X%([%u%d_]+, "([%l%d_]+)"%)') do kinds[#kinds + 1] = kind end
    for _, section in ipairs(require("tide.reference")) do
      for _, alias in ipairs(section.aliases or {}) do
        if alias.name == "tide.Kind" then assert.same(kinds, alias.words) end
      end
    end
    assert.is_true(#kinds > 10)
  end)

  -- The least and the most number of arguments.
  local function arity(fn)
    local least, most = 0, #(fn.params or {})
    for i, param in ipairs(fn.params or {}) do
      if param[1] == "..." then
        most = math.huge
      elseif param[1]:sub(-1) ~= "?" then
        least = i
      end
    end
    return least, most
  end

  local function check_call(where, code, name, at)
    if values[name] then return end
    local fn = functions[name]
    assert.is_not_nil(fn, where .. ": " .. name .. " is not described")
    local first = code:match("^%s*()[%(%{\"'%[]", at)
    if not first then return end -- handed on as a value
    local count = code:sub(first, first) == "(" and count_arguments(code, first) or 1
    local least, most = arity(fn)
    assert.is_true(count >= least and count <= most,
      where .. ": " .. name .. " takes " .. least .. " to " .. most .. " arguments, not " .. count)
  end

  local function check_text(where, text)
    local code, calls = code_of(text), 0
    for name, at in code:gmatch("%f[%w_.](tide%.[%w_.]+)()") do
      if name ~= "tide.test" then
        calls = calls + 1
        check_call(where, code, name, at)
      end
    end
    return calls
  end

  it("has everything that shipped scripts, examples and guides call, with so many arguments",
    function()
      local calls = 0
      local folders = { "scripts/policies", "scripts/middleware", "adapters", "examples" }
      for _, folder in ipairs(folders) do
        for _, path in ipairs(lua_files(folder)) do
          calls = calls + check_text(path, read(path))
        end
      end
      for _, path in ipairs({
        "README.md", "scripts/README.md", "adapters/README.md", "adapters/dialects/README.md",
      }) do
        for block in read(path):gmatch("```lua\n(.-)```") do
          calls = calls + check_text(path, block)
        end
      end
      assert.is_true(calls > 20)
    end)

  it("finds a call that is wrong", function()
    assert.has_error(function() check_text("x", "tide.dikt('d')") end)
    assert.has_error(function() check_text("x", "tide.uuid(1)") end)
    assert.has_error(function() check_text("x", "tide.limit.bucket('b')") end)
    assert.equal(3, check_text("x",
      "tide.chat { a = 1 } tide.hash.sha256(f(1, 2)) tide.rand() -- tide.nothing()"))
  end)
end)
