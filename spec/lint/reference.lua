-- Writes what the description of the scripting API (scripts/tide/reference.lua) says: the reference
-- in scripts/README.md, and scripts/tide.d.lua for editors.
--
--   luajit spec/lint/reference.lua          checks that the two files are what would be written
--   luajit spec/lint/reference.lua write    writes them
--   luajit spec/lint/reference.lua json     prints names, for tests that look into the program
package.path = "scripts/?.lua;" .. package.path
local sections = require("tide.reference")

local README, TYPES = "scripts/README.md", "scripts/tide.d.lua"
local BEGIN = "<!-- The reference: written by spec/lint/reference.lua, not by hand. -->"
local END = "<!-- The end of the reference. -->"
local WIDTH = 100

-- ---- common ---------------------------------------------------------------------------------

local function each(list)
  local i = 0
  return function()
    i = i + 1
    if list and list[i] then return list[i] end
  end
end

local function is_optional(name)
  return name:sub(-1) == "?"
end

local function plain(name)
  return (name:gsub("%?$", ""))
end

local function yields(fn)
  return fn.yields and " (y)" or ""
end

-- ---- README -----------------------------------------------------------------------------------

local function escape(text)
  return (text:gsub("|", "\\|"))
end

local function code(text)
  return "`" .. escape(text) .. "`"
end

local function signature(fn, prefix)
  local params = {}
  for param in each(fn.params) do
    params[#params + 1] = param[1] .. (param[1] == "..." and "" or ": " .. param[2])
  end
  return prefix .. fn.name .. "(" .. table.concat(params, ", ") .. ")"
end

local function outcome(fn)
  local types = {}
  for result in each(fn.returns) do types[#types + 1] = code(result[1]) end
  local text = table.concat(types, ", ")
  if fn.errors then text = (text == "" and "" or text .. " or ") .. "`nil, err`" end
  return text
end

local function details(fn)
  local parts = { fn.text }
  for param in each(fn.params) do
    if param[3] then parts[#parts + 1] = "`" .. plain(param[1]) .. "`: " .. param[3] .. "." end
  end
  if fn.errors then
    parts[#parts + 1] = "Errors: " .. table.concat(fn.errors, ", ") .. "."
  end
  if fn.limits then parts[#parts + 1] = "Limits: " .. fn.limits .. "." end
  return escape(table.concat(parts, " "))
end

local function add(lines, format, ...)
  lines[#lines + 1] = select("#", ...) > 0 and format:format(...) or format
end

local function add_functions(lines, functions, prefix)
  if not functions then return end
  add(lines, "| call | gives | |")
  add(lines, "|---|---|---|")
  for fn in each(functions) do
    add(lines, "| %s%s | %s | %s |", code(signature(fn, prefix)), yields(fn), outcome(fn),
      details(fn))
  end
  add(lines, "")
end

local function add_fields(lines, fields)
  if not fields then return end
  add(lines, "| field | type | |")
  add(lines, "|---|---|---|")
  for field in each(fields) do
    add(lines, "| %s | %s | %s |", code(field[1]), code(field[2]), escape(field[3] or ""))
  end
  add(lines, "")
end

-- "tide.Dict" as a variable of its kind would be called.
local function variable(class)
  return class.name:gsub("^tide%.", ""):gsub("^%u+", string.lower):gsub("%u", function(letter)
    return "_" .. letter:lower()
  end)
end

local function add_class(lines, class)
  add(lines, "#### %s", class.name)
  add(lines, "")
  add(lines, class.text)
  add(lines, "")
  add_fields(lines, class.fields)
  add_functions(lines, class.methods, variable(class) .. ":")
end

local function reference()
  local lines = {
    "## Reference", "",
    "`tide` is what a script sees of the gateway. (y): the call waits, and other requests run "
      .. "meanwhile. A name with `?` may be left out. Times are in seconds.", "",
  }
  for section in each(sections) do
    add(lines, "### %s", section.title)
    add(lines, "")
    add(lines, section.text)
    add(lines, "")
    add_functions(lines, section.functions, "")
    add_fields(lines, section.values)
    for class in each(section.classes) do add_class(lines, class) end
    for alias in each(section.aliases) do
      add(lines, "#### %s", alias.name)
      add(lines, "")
      add(lines, "%s `%s`", alias.text, table.concat(alias.words, "` `"))
      add(lines, "")
    end
  end
  return table.concat(lines, "\n")
end

-- The README with the reference in its place; at the end where it has none yet.
local function readme(text)
  local first = text:find(BEGIN, 1, true)
  local last = text:find(END, 1, true)
  local head = first and text:sub(1, first - 1) or text:match("^(.-)%s*$") .. "\n\n"
  local tail = last and text:sub(last + #END) or "\n"
  return head .. BEGIN .. "\n" .. reference() .. END .. tail
end

-- ---- types for editors --------------------------------------------------------------------------

local KEYWORDS = { ["end"] = "finish", ["repeat"] = "again", ["function"] = "fn" }

local function comment(lines, text)
  local line = "---"
  for word in (text or ""):gmatch("%S+") do
    if #line + #word + 1 > WIDTH then
      add(lines, (line:gsub("%%", "%%%%")))
      line = "---"
    end
    line = line .. (line == "---" and "" or " ") .. word
  end
  if line ~= "---" then lines[#lines + 1] = line end
end

local function note(lines, tag, ...)
  lines[#lines + 1] = ("---@" .. tag .. " " .. table.concat({ ... }, " ")):gsub("%s+$", "")
end

local function result_type(fn, result)
  if not fn.errors or result[1] == "any" or result[1]:find("|nil$") then return result[1] end
  return result[1]:find("[|?]") and "(" .. result[1] .. ")|nil" or result[1] .. "|nil"
end

local function add_results(lines, fn)
  for result in each(fn.returns) do
    local text = result[3] and "# " .. result[3] or ""
    note(lines, "return", result_type(fn, result), result[2] or "", text)
  end
  if fn.errors and #fn.returns == 1 then note(lines, "return", "tide.Err?", "err") end
end

local function add_notes(lines, fn)
  comment(lines, fn.text)
  if fn.limits then comment(lines, "Limits: " .. fn.limits .. ".") end
  if fn.yields then note(lines, "async") end
  for param in each(fn.params) do
    note(lines, "param", param[1], param[2], param[3] or "")
  end
  add_results(lines, fn)
end

local function names_of(fn)
  local names = {}
  for param in each(fn.params) do
    local name = plain(param[1])
    names[#names + 1] = KEYWORDS[name] or name
  end
  return table.concat(names, ", ")
end

local function add_types_of_class(lines, class)
  comment(lines, class.text)
  note(lines, "class", class.name)
  for field in each(class.fields) do note(lines, "field", field[1], field[2], field[3] or "") end
  if not class.methods then
    add(lines, "")
    return
  end
  local own = class.name:gsub("^tide%.", "")
  add(lines, "local %s = {}", own)
  add(lines, "")
  for method in each(class.methods) do
    add_notes(lines, method)
    add(lines, "function %s:%s(%s) end", own, method.name, names_of(method))
    add(lines, "")
  end
end

-- "tide.limit" of "tide.limit.bucket": declared before its first member.
local function declare(lines, name, seen)
  local parent = name:match("^(.*)%.[^.]+$")
  if not parent or seen[parent] then return end
  declare(lines, parent, seen)
  seen[parent] = true
  add(lines, "%s = {}", parent)
  add(lines, "")
end

local function types()
  local lines = {
    "---@meta",
    "-- Types of the scripting API, for editors. Written by spec/lint/reference.lua, not by hand.",
    "",
  }
  local seen = {}
  for section in each(sections) do
    for alias in each(section.aliases) do
      comment(lines, alias.text)
      note(lines, "alias", alias.name)
      for word in each(alias.words) do lines[#lines + 1] = "---| \"" .. word .. "\"" end
      add(lines, "")
    end
    for class in each(section.classes) do add_types_of_class(lines, class) end
    for value in each(section.values) do
      declare(lines, value[1], seen)
      comment(lines, value[3])
      note(lines, "type", value[2])
      add(lines, "%s = nil", value[1])
      add(lines, "")
    end
    for fn in each(section.functions) do
      declare(lines, fn.name, seen)
      add_notes(lines, fn)
      add(lines, "function %s(%s) end", fn.name, names_of(fn))
      add(lines, "")
    end
  end
  lines[#lines] = nil
  return table.concat(lines, "\n") .. "\n"
end

-- ---- names, for tests ---------------------------------------------------------------------------

local function quote(text)
  return '"' .. text:gsub('[%c"\\]', function(c) return ("\\u%04x"):format(c:byte()) end) .. '"'
end

local function object(pairs_)
  local parts = {}
  for _, pair in ipairs(pairs_) do parts[#parts + 1] = quote(pair[1]) .. ":" .. pair[2] end
  return "{" .. table.concat(parts, ",") .. "}"
end

-- The least and the most number of arguments; -1: any number.
local function arity(fn)
  local least, most = 0, 0
  for param in each(fn.params) do
    if param[1] == "..." then return ("[%d,-1]"):format(least) end
    most = most + 1
    if not is_optional(param[1]) then least = most end
  end
  return ("[%d,%d]"):format(least, most)
end

local function all_names()
  local functions, values, methods, inputs = {}, {}, {}, {}
  for section in each(sections) do
    local files = section.files and quote(table.concat(section.files, " ")) or '"*"'
    for fn in each(section.functions) do
      functions[#functions + 1] = { fn.name, "[" .. arity(fn) .. "," .. files .. "]" }
    end
    for value in each(section.values) do values[#values + 1] = { value[1], quote(value[2]) } end
    for class in each(section.classes) do
      local own = {}
      for method in each(class.methods) do own[#own + 1] = { method.name, arity(method) } end
      if class.methods then methods[#methods + 1] = { class.name, object(own) } end
      local fields = {}
      for field in each(class.fields) do
        fields[#fields + 1] = { plain(field[1]), quote(field[2]) }
      end
      inputs[#inputs + 1] = { class.name, object(fields) }
    end
  end
  return object({
    { "functions", object(functions) }, { "values", object(values) },
    { "methods", object(methods) }, { "fields", object(inputs) },
  })
end

-- ---- main -------------------------------------------------------------------------------------

local function read(path)
  local file = io.open(path, "rb")
  if not file then return "" end
  local text = file:read("*a")
  file:close()
  return text
end

local function write(path, text)
  local file = assert(io.open(path, "wb"))
  file:write(text)
  file:close()
end

local wanted = { { README, readme(read(README)) }, { TYPES, types() } }
local status = 0
for _, pair in ipairs(arg[1] == "json" and {} or wanted) do
  local path, text = pair[1], pair[2]
  if arg[1] == "write" then
    write(path, text)
  elseif read(path) ~= text then
    print(path .. ": not what scripts/tide/reference.lua says; to write it: "
      .. "luajit spec/lint/reference.lua write")
    status = 1
  end
end
if arg[1] == "json" then print(all_names()) end
os.exit(status)
