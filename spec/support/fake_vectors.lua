-- Vectors of the stand-in for C.
local ffi = require("ffi")

local M = {}

local function bad(message)
  return nil, { kind = "bad_request", message = message }
end

local function text_of(value)
  return type(value) == "table" and value.raw or value
end

--- Adds core.items, core.floats_to_base64, core.base64_to_floats and core.check_vector.
function M.add(core)
  function core.items(value)
    local list, err = core.decode(text_of(value))
    if type(list) ~= "table" then return nil, err or { message = "an array is expected" } end
    local result = {}
    for i, item in ipairs(list) do
      local is_raw = type(item) == "table" and item ~= core.null
      result[i] = is_raw and core.raw(core.encode(item)) or item
    end
    return result
  end
  function core.floats_to_base64(value)
    local list = core.decode(text_of(value))
    if type(list) ~= "table" then return bad("a vector is an array of numbers") end
    local floats = ffi.new("float[?]", math.max(#list, 1))
    for i, number in ipairs(list) do
      if type(number) ~= "number" then return bad("an item of a vector is no number") end
      floats[i - 1] = number
    end
    return core.base64.encode(ffi.string(floats, 4 * #list))
  end
  function core.base64_to_floats(text)
    local bytes = core.base64.decode(text)
    if not bytes or #bytes % 4 ~= 0 then return bad("a vector is no base64 of whole floats") end
    local floats, list = ffi.cast("const float *", bytes), {}
    for i = 1, #bytes / 4 do list[i] = ("%.8g"):format(floats[i - 1]) end
    return "[" .. table.concat(list, ",") .. "]"
  end
  function core.check_vector(value, is_base64)
    local convert = is_base64 and core.base64_to_floats or core.floats_to_base64
    local made, err = convert(value)
    if made == "" or made == "[]" then return bad("a vector is empty") end
    return made and true, err
  end
end

return M
