-- The mock's embeddings: hashed words, pairs of words and parts of words, so that similar texts
-- have similar vectors. Stable: they depend on the text alone.
local core = require("core")
local text = require("tide.mock_text")

local M = {}

local DIMENSIONS, MOST_DIMENSIONS = 256, 4096
local MOST_INPUTS = 2048

-- Words that say little about what a text is about weigh little.
local COMMON = {}
for word in ("a an and are as at be but by for from has have i in is it its of on or that the this "
  .. "to was we were will with you"):gmatch("%S+") do
  COMMON[word] = true
end

local function add(vector, feature, weight)
  local hash = text.hash(feature)
  local index = hash % #vector + 1
  local sign = bit.band(bit.rshift(bit.tobit(hash), 16), 1) == 0 and 1 or -1
  vector[index] = vector[index] + sign * weight
end

local function add_parts(vector, word, weight)
  local padded = "<" .. word .. ">"
  for i = 1, #padded - 2 do add(vector, "part:" .. padded:sub(i, i + 2), weight) end
end

local function normalise(vector)
  local sum = 0
  for _, value in ipairs(vector) do sum = sum + value * value end
  local length = math.sqrt(sum)
  if length == 0 then
    vector[1], length = 1, 1
  end
  for i, value in ipairs(vector) do vector[i] = value / length end
  return vector
end

--- The vector of a text, of length 1.
function M.vector(said, dimensions)
  local vector, previous = {}, nil
  for i = 1, dimensions do vector[i] = 0 end
  for word in said:lower():gmatch("[%w\128-\255]+") do
    local weight = COMMON[word] and 0.2 or 1
    add(vector, "word:" .. word, weight)
    add_parts(vector, word, 0.3 * weight)
    if previous then add(vector, "pair:" .. previous .. " " .. word, 0.4 * weight) end
    previous = word
  end
  return normalise(vector)
end

-- IEEE 754 single precision, little endian.
local function float_bytes(value)
  if value == 0 then return 0, 0, 0, 0 end
  local sign = 0
  if value < 0 then sign, value = 128, -value end
  local fraction, exponent = math.frexp(value)
  local mantissa = math.floor((fraction * 2 - 1) * 8388608 + 0.5)
  if mantissa == 8388608 then mantissa, exponent = 0, exponent + 1 end
  local biased = exponent + 126
  if biased <= 0 then return 0, 0, 0, sign end
  return mantissa % 256, math.floor(mantissa / 256) % 256,
    (biased % 2) * 128 + math.floor(mantissa / 65536), sign + math.floor(biased / 2)
end

local ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

local function digit(number)
  return ALPHABET:sub(number + 1, number + 1)
end

local function base64(bytes)
  local result = {}
  for i = 1, #bytes, 3 do
    local a, b, c = bytes[i], bytes[i + 1], bytes[i + 2]
    local bits = a * 65536 + (b or 0) * 256 + (c or 0)
    result[#result + 1] = digit(math.floor(bits / 262144))
      .. digit(math.floor(bits / 4096) % 64)
      .. (b and digit(math.floor(bits / 64) % 64) or "=")
      .. (c and digit(bits % 64) or "=")
  end
  return table.concat(result)
end

local function as_base64(vector)
  local bytes = {}
  for _, value in ipairs(vector) do
    local n = #bytes
    bytes[n + 1], bytes[n + 2], bytes[n + 3], bytes[n + 4] = float_bytes(value)
  end
  return '"' .. base64(bytes) .. '"'
end

local function as_floats(vector)
  local parts = {}
  for i, value in ipairs(vector) do parts[i] = string.format("%.8g", value) end
  return "[" .. table.concat(parts, ",") .. "]"
end

local function tokens_text(list)
  for _, token in ipairs(list) do
    if type(token) ~= "number" then return nil end
  end
  return table.concat(list, " ")
end

-- "text", { "text", ... }, { 1, 2, ... } or { { 1, 2 }, ... } as a list of texts.
local function inputs_of(input)
  if type(input) == "string" then input = { input } end
  if type(input) ~= "table" or #input == 0 or #input > MOST_INPUTS then return nil end
  if type(input[1]) == "number" then
    local said = tokens_text(input)
    return said and { said }
  end
  local list, kind = {}, type(input[1])
  for i, item in ipairs(input) do
    if type(item) ~= kind then return nil end
    if kind == "table" then item = tokens_text(item) end
    if type(item) ~= "string" or item == "" then return nil end
    list[i] = item
  end
  return list
end

local function dimensions_of(request)
  local wanted = request.dimensions
  if wanted == nil or wanted == core.null then return DIMENSIONS end
  if type(wanted) ~= "number" or wanted % 1 ~= 0 or wanted < 1 or wanted > MOST_DIMENSIONS then
    return nil
  end
  return wanted
end

--- POST /v1/embeddings. Returns { body = text }, or nil and what is wrong.
function M.embed(call, request)
  local inputs, dimensions = inputs_of(request.input), dimensions_of(request)
  if not inputs then
    return nil, { param = "input", message = "'$.input' is invalid: texts or lists of tokens, none "
      .. "of them empty, are expected." }
  end
  if not dimensions then
    return nil, { param = "dimensions", message = "'dimensions' must be from 1 to 4096." }
  end
  local write = request.encoding_format == "base64" and as_base64 or as_floats
  local data, tokens = {}, 0
  for i, said in ipairs(inputs) do
    tokens = tokens + text.count(said)
    data[i] = '{"object":"embedding","index":' .. (i - 1) .. ',"embedding":'
      .. write(M.vector(said, dimensions)) .. "}"
  end
  return {
    body = '{"object":"list","data":[' .. table.concat(data, ",") .. '],"model":"' .. call.model
      .. '","usage":{"prompt_tokens":' .. tokens .. ',"total_tokens":' .. tokens .. "}}",
  }
end

return M
