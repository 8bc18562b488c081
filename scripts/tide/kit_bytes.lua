-- A stream's bytes, told in other ways that mean the same, or broken. Pure.
local M = {}

local NDJSON, AWS = "ndjson", "aws-eventstream"

local function blocks(bytes, pattern)
  local list, at = {}, 1
  while at <= #bytes do
    local _, stop = bytes:find(pattern, at)
    list[#list + 1] = bytes:sub(at, stop or #bytes)
    at = (stop or #bytes) + 1
  end
  return list
end

-- A frame begins with its length, four bytes.
local function frames(bytes)
  local list, at = {}, 1
  while at <= #bytes do
    local a, b, c, d = bytes:byte(at, at + 3)
    local len = d and ((a * 256 + b) * 256 + c) * 256 + d or #bytes
    list[#list + 1] = bytes:sub(at, at + len - 1)
    at = at + math.max(len, 1)
  end
  return list
end

--- The events of a stream, each with its end; together they are the bytes.
function M.events(framing, bytes)
  if framing == NDJSON then return blocks(bytes, "\n") end
  if framing == AWS then return frames(bytes) end
  return blocks(bytes, "\r?\n\r?\n")
end

--- The first `count` bytes as one piece, the rest as another.
function M.split(bytes, count)
  return { bytes:sub(1, count), bytes:sub(count + 1) }
end

--- Each byte by itself.
function M.single(bytes)
  local list = {}
  for i = 1, #bytes do list[i] = bytes:sub(i, i) end
  return list
end

--- Pieces of these sizes.
function M.sized(bytes, sizes)
  local list, at = {}, 1
  for i, size in ipairs(sizes) do
    list[i] = bytes:sub(at, at + size - 1)
    at = at + size
  end
  return list
end

--- Where to split: everywhere, or, over `most` places, around the ends of events and evenly.
function M.places(events, most)
  local size = 0
  for _, event in ipairs(events) do size = size + #event end
  local wanted, places, at = {}, {}, 0
  local step = math.max(1, math.ceil(size / most))
  for i = 1, size - 1, step do wanted[i] = true end
  for _, event in ipairs(step > 1 and events or {}) do
    at = at + #event
    for i = at - 3, at + 1 do wanted[i] = true end
  end
  for i in pairs(wanted) do
    if i > 0 and i < size then places[#places + 1] = i end
  end
  table.sort(places)
  return places
end

local function each(events, make)
  local list = {}
  for i, event in ipairs(events) do list[i] = make(event) end
  return table.concat(list)
end

--- What means the same: a list of { what, bytes }.
function M.variants(framing, bytes, events)
  if framing == AWS then return {} end
  local plain = bytes:gsub("\r\n", "\n")
  local list = { { "with CRLF for each line", (plain:gsub("\n", "\r\n")) } }
  if framing == NDJSON then
    list[2] = { "with empty lines", each(events, function(line) return line .. "\n" end) }
    list[3] = { "without its last newline", (bytes:gsub("[\r\n]+$", "")) }
    return list
  end
  list[2] = { "with CR for each line", (plain:gsub("\n", "\r")) }
  list[3] = { "with comments", each(events, function(event) return ": ping\n\n" .. event end) }
  local tight = ("\n" .. plain):gsub("\n(%l+): ", "\n%1:"):sub(2)
  list[4] = { "without spaces behind the colons", tight }
  list[5] = { "without the last blank line", (plain:gsub("\n+$", "\n")) }
  return list
end

--- An event of a provider that has learnt something new; nil where none can be made here.
function M.unknown(framing)
  local data = '{"type":"tidegate_unknown","tidegate_unknown":{"a":[null,1]}}'
  if framing == NDJSON then return data .. "\n" end
  if framing ~= AWS then return "event: tidegate_unknown\ndata: " .. data .. "\n\n" end
end

--- The event with `change(data)` for its JSON object; nil where it has none, or none is given.
function M.changed(framing, event, change)
  if framing == AWS then return nil end
  local pattern = framing == NDJSON and "^{.*}" or "data: ?{[^\r\n]*}"
  local start, stop = event:find(pattern)
  if not start then return nil end
  start = event:find("{", start, true)
  local before, behind = event:sub(1, start - 1), event:sub(stop + 1)
  local changed = change(event:sub(start, stop))
  return changed and before .. changed .. behind
end

--- The object with one more member that is null.
function M.with_null(data)
  if data:find("^{%s*}$") then return '{"tidegate_null":null}' end
  return data:sub(1, -2) .. ',"tidegate_null":null}'
end

--- The events with the i-th replaced; nil: left out.
function M.with(events, i, event)
  local list = {}
  for k, one in ipairs(events) do
    if k ~= i then list[#list + 1] = one elseif event then list[#list + 1] = event end
  end
  return list
end

--- The events with one before each of them.
function M.before_each(events, event)
  return each(events, function(one) return event .. one end)
end

return M
