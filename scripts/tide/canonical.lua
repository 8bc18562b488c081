-- What all dialects share: the words of the canonical form, and small helpers that read and write
-- pieces of it. Pure. adapters/README.md, "The canonical form", describes the form itself.
-- Dialect files get this with require("tide.canonical").
local core = require("core")

local M = {}

-- ---- words --------------------------------------------------------------------------------------

--- The types of events that a decoder may emit.
M.EVENTS = {
  start = true, text = true, refusal = true, reasoning = true, tool_start = true, tool_args = true,
  tool_end = true, citation = true, image = true, audio = true, usage = true, finish = true,
  error = true, ping = true, dropped = true,
}

--- Why an answer ended.
M.REASONS = {
  stop = true, length = true, tool_calls = true, content_filter = true, error = true,
}

--- The counts of a usage event. A decoder may tell more of them; these everybody knows.
M.COUNTS = { "input", "output", "cached", "cache_write", "reasoning" }

-- ---- values that may be anything ----------------------------------------------------------------

local EMPTY = {}

--- The value, or nil for null.
function M.given(value)
  if value == core.null then return nil end
  return value
end

--- The members of a body that its decoder does not know, as `ext` of a request; nil for none.
-- @tparam table body
-- @tparam table known set of names
function M.ext_of(body, known)
  local ext
  for name, value in pairs(body) do
    if not known[name] and value ~= core.null then
      ext = ext or {}
      ext[name] = value
    end
  end
  return ext
end

--- The stop sequences that a provider takes who refuses white space; nil for none.
-- @tparam table rq
-- @tparam function warn
function M.visible_stops(rq, warn)
  local list = {}
  for _, text in ipairs(rq.stop or {}) do
    if text:find("%S") then
      list[#list + 1] = text
    else
      warn("stop of white space")
    end
  end
  return #list > 0 and core.array(list) or nil
end

--- A string that is not empty, or nil.
function M.text_of(value)
  return type(value) == "string" and value ~= "" and value or nil
end

--- A string, also an empty one, or nil.
function M.string_of(value)
  return type(value) == "string" and value or nil
end

--- A number, or nil.
function M.number_of(value)
  return type(value) == "number" and value or nil
end

--- What is wrong with the first of these members that is there and no number, for the client:
-- { message =, param = }; nil when all is well.
function M.wrong_number(body, names)
  for _, name in ipairs(names) do
    local value = body[name]
    if value ~= nil and value ~= core.null and type(value) ~= "number" then
      return { message = "'" .. name .. "' must be a number", param = name }
    end
  end
end

--- The message of an error, with the member that it is about where the dialect has no other word
-- for that.
-- @tparam table err { message =, param = }
function M.told(err)
  local message, param = tostring(err.message or "the request failed"), err.param
  if type(param) ~= "string" or message:find(param, 1, true) then return message end
  return param .. ": " .. message
end

--- A boolean, or nil.
function M.boolean_of(value)
  if type(value) ~= "boolean" then return nil end
  return value
end

--- The table, or an empty one that must not be written to.
function M.table_of(value)
  return type(value) == "table" and value or EMPTY
end

--- A table's members in a new one.
function M.copy(value)
  local result = {}
  for name, item in pairs(value) do result[name] = item end
  return result
end

-- ---- signatures ---------------------------------------------------------------------------------

-- Nine bytes are twelve letters of base64 without a rest, so every wrapped text begins alike.
local MARK = "tidegate:"
local MARK_64 = "dGlkZWdhdGU6"

--- With this begins what wrap() makes: bodies without it have nothing wrapped in them.
M.MARK = MARK_64

--- Carries a signature through a dialect that is not its own. The text is standard base64, which
-- clients that check signatures to be bytes accept; the same input gives the same text.
-- @tparam string format whose it is: "anthropic", "gemini", "openai"
-- @tparam string signature any bytes
-- @treturn string
function M.wrap(format, signature)
  return core.base64.encode(MARK .. format .. ":" .. signature)
end

--- What wrap() was given. Clients that keep signatures as bytes may send them back in the alphabet
-- of URLs, or without padding: that is the same text.
-- @treturn string|nil format, nil when wrap() did not make it
-- @treturn string signature, or the text as it was
function M.unwrap(text)
  if type(text) ~= "string" or text:sub(1, #MARK_64) ~= MARK_64 then return nil, text end
  local bytes = core.base64.decode(text)
  if not bytes then return nil, text end
  local stop = bytes:find(":", #MARK + 1, true)
  if not stop or stop == #MARK + 1 then return nil, text end
  return bytes:sub(#MARK + 1, stop - 1), bytes:sub(stop + 1)
end

-- ---- media --------------------------------------------------------------------------------------

local MIMES = {
  wav = "audio/wav", mp3 = "audio/mpeg", flac = "audio/flac", opus = "audio/opus",
  aac = "audio/aac", ogg = "audio/ogg", m4a = "audio/mp4", webm = "audio/webm",
  pcm16 = "audio/pcm", pcm = "audio/pcm", aiff = "audio/aiff",
}
local FORMATS = {
  ["audio/wav"] = "wav", ["audio/x-wav"] = "wav", ["audio/wave"] = "wav",
  ["audio/vnd.wave"] = "wav", ["audio/mpeg"] = "mp3", ["audio/mp3"] = "mp3",
  ["audio/flac"] = "flac", ["audio/x-flac"] = "flac", ["audio/opus"] = "opus",
  ["audio/aac"] = "aac", ["audio/ogg"] = "ogg", ["audio/mp4"] = "m4a", ["audio/m4a"] = "m4a",
  ["audio/x-m4a"] = "m4a", ["audio/webm"] = "webm", ["audio/pcm"] = "pcm16",
  ["audio/l16"] = "pcm16", ["audio/aiff"] = "aiff", ["audio/x-aiff"] = "aiff",
}

--- "audio/mpeg" of "mp3".
function M.audio_mime(format)
  return MIMES[format] or "audio/" .. format
end

--- "mp3" of "audio/mpeg"; parameters behind `;` do not count. nil for what is no audio.
function M.audio_format(mime)
  mime = mime:lower():match("^[^;%s]*")
  return FORMATS[mime] or mime:match("^audio/(.+)$")
end

--- A data: URL of base64 text.
function M.data_url(mime, data)
  return "data:" .. (mime or "application/octet-stream") .. ";base64," .. data
end

local function percent_decoded(text)
  return (text:gsub("%%(%x%x)", function(digits) return string.char(tonumber(digits, 16)) end))
end

--- Takes a data: URL apart.
-- @treturn string|nil its type without parameters; nil when it is no data: URL
-- @treturn string base64 text
function M.parse_data_url(url)
  if type(url) ~= "string" or url:sub(1, 5):lower() ~= "data:" then return nil end
  local comma = url:find(",", 6, true)
  if not comma then return nil end
  local head, data = url:sub(6, comma - 1), url:sub(comma + 1)
  local mime = head:match("^[^;]*"):lower()
  if mime == "" then mime = "text/plain" end
  if head:lower():find(";base64", 1, true) then
    if data:find("%", 1, true) then data = percent_decoded(data) end
    return mime, data
  end
  return mime, core.base64.encode(percent_decoded(data))
end

-- ---- text ---------------------------------------------------------------------------------------

--- The text of content parts, joined; other parts have none.
function M.text(parts, separator)
  local pieces = {}
  for _, part in ipairs(parts) do
    if part.type == "text" then pieces[#pieces + 1] = part.text end
  end
  return table.concat(pieces, separator or "")
end

--- How many characters (code points) UTF-8 text has. Citations count in these.
M.length = core.text_length

-- ---- tools --------------------------------------------------------------------------------------

--- The JSON text of a value: a raw one's own, else encoded.
function M.json_text(value)
  if core.is_raw(value) then return value.raw end
  return core.encode(value)
end

--- The arguments of a tool call as JSON text of an object, as every provider accepts it: "" is
-- "{}", and what is no object becomes { "arguments": what it is }.
-- @param value text, a raw value, a table, or nothing
-- @treturn string
-- @treturn boolean whether they were an object, or nothing
function M.arguments(value)
  value = M.given(value)
  if type(value) == "table" then value = M.json_text(value) end
  if value == nil or value == "" then return "{}", true end
  if type(value) ~= "string" then return core.encode({ arguments = value }), false end
  local decoded = core.decode(value)
  if type(decoded) == "table" and value:find("^%s*{") then return value, true end
  if decoded == core.null then return "{}", true end
  return core.encode({ arguments = decoded == nil and value or decoded }), false
end

--- An id for a tool call that has none: the same values give the same id.
-- @param ... what makes the call unlike others: its place, its name
function M.call_id(...)
  local parts = { ... }
  for i, part in ipairs(parts) do parts[i] = tostring(part) end
  local text = table.concat(parts, "\0")
  return "call_" .. core.hash.xxh64(text) .. core.hash.xxh64(text, 1):sub(1, 8)
end

local TRIES = 64 -- for an id that no other call has

local function made_id(id, rule, seed)
  local digits = core.hash.xxh64(id, seed)
  if rule.exact then return digits:sub(1, rule.exact) end
  local kept = id:gsub("[^%w_-]", "_"):sub(1, math.max((rule.max or 64) - 9, 0))
  return kept .. "_" .. digits:sub(1, 8)
end

local function is_fine(id, rule)
  if rule.exact then return #id == rule.exact and not id:find("[^%w]") end
  return id ~= "" and #id <= (rule.max or 64) and (rule.any or not id:find("[^%w_-]"))
end

--- A function that rewrites the tool ids of one request to what a provider accepts. An id that is
-- fine stays; the same id always gives the same one, two ids do not. nil is an id as any other.
-- @tparam table|nil rule { max = 64 } letters, digits, `_` and `-`; { max = 40, any = true } any
--   characters, if not too many; { exact = 9 } letters and digits, so many (up to 16)
function M.tool_ids(rule)
  rule = rule or EMPTY
  local known, used = {}, {}
  return function(id)
    id = id or ""
    if known[id] then return known[id] end
    local new, seed = is_fine(id, rule) and id or made_id(id, rule, 0), 0
    while used[new] and seed < TRIES do
      seed = seed + 1
      new = made_id(id, rule, seed)
    end
    known[id], used[new] = new, true
    return new
  end
end

-- ---- effort -------------------------------------------------------------------------------------

local BUDGETS = {
  none = 0, minimal = 512, low = 1024, medium = 8192, high = 24576, xhigh = 32768, max = 65536,
}
local LEVELS = { "minimal", "low", "medium", "high", "xhigh", "max" }

--- Tokens to think with, for a word; nil for a word that nobody knows.
function M.budget_of(effort)
  return BUDGETS[effort]
end

--- The word for a number of tokens: the lowest that allows as many.
function M.effort_of(budget)
  if budget <= 0 then return "none" end
  for _, level in ipairs(LEVELS) do
    if budget <= BUDGETS[level] then return level end
  end
  return "max"
end

return M
