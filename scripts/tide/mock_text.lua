-- What the mock knows of text: hashes, tokens, UTF-8, the things that a prompt names.
local M = {}

local bxor, lshift, rshift, tobit = bit.bxor, bit.lshift, bit.rshift, bit.tobit

-- A long word is several tokens.
local LONGEST_PIECE = 8

--- Jenkins's one-at-a-time hash, 32 bits, never negative.
function M.hash(text)
  local h = 0
  for i = 1, #text do
    h = tobit(h + text:byte(i))
    h = tobit(h + lshift(h, 10))
    h = bxor(h, rshift(h, 6))
  end
  h = tobit(h + lshift(h, 3))
  h = bxor(h, rshift(h, 11))
  h = tobit(h + lshift(h, 15))
  return h % 4294967296
end

--- Eight hex digits.
function M.hex(text)
  return bit.tohex(M.hash(text))
end

-- The end of a piece that begins at `first`: whole UTF-8 characters only.
local function piece_end(text, first, last)
  local stop = math.min(last, first + LONGEST_PIECE - 1)
  while stop < last and bit.band(text:byte(stop + 1), 0xC0) == 0x80 do stop = stop + 1 end
  return stop
end

--- Splits a text into tokens: words with the white space before them, long ones in parts.
function M.pieces(text)
  local pieces, position = {}, 1
  while position <= #text do
    local _, last = text:find("^%s*%S+", position)
    last = last or #text
    local stop = piece_end(text, position, last)
    pieces[#pieces + 1] = text:sub(position, stop)
    position = stop + 1
  end
  return pieces
end

--- About four bytes are a token.
function M.count(text)
  return math.ceil(#text / 4)
end

-- Capitalised words that begin questions and commands rather than name something.
local ORDINARY = {}
for word in ("A An And Are Ask At Be Call Can Check Compare Could Describe Do Does Fetch Find For "
  .. "Get Give Hello Hey Hi How I If In Is It List Look Make My Of On Or Please Say Search Show "
  .. "Tell Thanks The Then There These This To Use Using We Weather What What's When Where Which "
  .. "Who Why Will With Would Write You Your"):gmatch("%S+") do
  ORDINARY[word] = true
end

local function add(list, seen, name)
  if name ~= "" and not seen[name] then
    seen[name] = true
    list[#list + 1] = name
  end
end

local function quoted(text)
  local list, seen = {}, {}
  for name in text:gmatch('"([^"]+)"') do add(list, seen, name) end
  return list
end

-- "New York and Tokyo" -> "New York", "Tokyo": runs of capitalised words.
local function capitalised(text)
  local list, seen, run = {}, {}, {}
  local function flush()
    add(list, seen, table.concat(run, " "))
    run = {}
  end
  for word in text:gmatch("%S+") do
    local name, mark = word:match("^%(?(.-)([%.,;:!%?%)]*)$")
    if name:match("^[%u\192-\244]") and not ORDINARY[name] then
      run[#run + 1] = name
    else
      flush()
    end
    if mark ~= "" then flush() end
  end
  flush()
  return list
end

--- The things that a prompt names: what stands in quotes, else capitalised words.
function M.names(text)
  local list = quoted(text)
  if #list > 0 then return list end
  return capitalised(text)
end

return M
