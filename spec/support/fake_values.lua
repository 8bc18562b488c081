-- Digests, base64 and raw JSON of the stand-in for C.
local M = {}

local DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

local function encode_base64(text)
  local parts = {}
  for i = 1, #text, 3 do
    local a, b, c = text:byte(i, i + 2)
    local bits = a * 65536 + (b or 0) * 256 + (c or 0)
    local letters = {}
    for k = 4, 1, -1 do
      local digit = bits % 64
      letters[k] = DIGITS:sub(digit + 1, digit + 1)
      bits = (bits - digit) / 64
    end
    if not b then letters[3] = "=" end
    if not c then letters[4] = "=" end
    parts[#parts + 1] = table.concat(letters)
  end
  return table.concat(parts)
end

local function decode_base64(code)
  local letters = code:gsub("=+$", ""):gsub("-", "+"):gsub("_", "/")
  if letters:find("[^%w+/]") or #letters % 4 == 1 then
    return nil, { kind = "bad_request", message = "this is not base64" }
  end
  local parts = {}
  for group in letters:gmatch("..?.?.?") do
    local bits = 0
    for k = 1, 4 do
      local letter = group:sub(k, k)
      bits = bits * 64 + (letter ~= "" and DIGITS:find(letter, 1, true) - 1 or 0)
    end
    local bytes = string.char(math.floor(bits / 65536), math.floor(bits / 256) % 256, bits % 256)
    parts[#parts + 1] = bytes:sub(1, #group - 1)
  end
  return table.concat(parts)
end

local function encode_url(text)
  return (encode_base64(text):gsub("=", ""):gsub("+", "-"):gsub("/", "_"))
end

-- No real digest: different texts, different digits is all that specs need.
local function digest(text, seed)
  local a, b = 5381 + (seed or 0), 52711
  for i = 1, #text do
    a = (a * 33 + text:byte(i)) % 4294967296
    b = (b * 31 + text:byte(i) + i) % 4294967296
  end
  return ("%08x%08x"):format(a, b)
end

--- Adds them to a stand-in.
function M.add(core)
  core.base64 = { encode = encode_base64, encode_url = encode_url, decode = decode_base64 }
  core.hash = { xxh64 = digest }
end

return M
