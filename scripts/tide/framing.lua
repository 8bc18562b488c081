-- How streams are framed: "sse", "ndjson" or "aws-eventstream". What an encoder writes, and the one
-- error behind the commit point, as a client's bytes.
local core = require("core")

local M = {}

local EXCEPTION = "internalServerException" -- where the dialect names none

--- The content-type of a stream.
M.types = {
  sse = "text/event-stream",
  ndjson = "application/x-ndjson",
  ["aws-eventstream"] = "application/vnd.amazon.eventstream",
}

-- What stays raw in a table may be written over several lines, as an event may not.
local function line_of(value)
  local text = type(value) == "string" and value or core.encode(value)
  return text:find("\n", 1, true) and text:gsub("[\r\n]", " ") or text
end

local WRITERS = {}

-- The pieces of the texts as they come.
function WRITERS.sse(out)
  return function(data, name)
    if type(data) ~= "string" then data = line_of(data) end
    local n = #out
    if name then
      out[n + 1], out[n + 2], n = "event: ", name, n + 3
      out[n] = "\n"
    end
    out[n + 1], out[n + 2], out[n + 3] = "data: ", data, "\n\n"
  end
end

function WRITERS.ndjson(out)
  return function(data)
    local n = #out
    out[n + 1], out[n + 2] = line_of(data), "\n"
  end
end

WRITERS["aws-eventstream"] = function(out)
  return function(data, name)
    if type(data) ~= "string" then data = core.encode(data) end
    out[#out + 1] = core.event_frame(name, data)
  end
end

--- What encoders of a dialect write with.
-- @tparam string framing
-- @tparam table out list that the pieces of the bytes are added to
-- @treturn function write(text or table, name)
function M.writer(framing, out)
  return WRITERS[framing](out)
end

--- The framing of a provider's streams: its dialect's, or what its adapter says of the first one.
function M.of(adapter, dialect)
  return dialect == adapter.dialect and adapter.framing or dialect.framing
end

--- The bytes of an error event. A dialect of server-sent events makes them itself; of others it
-- tells the data, and the name of the exception.
-- @tparam table dialect the client's
-- @tparam table err of errors.lua
-- @tparam[opt] table context
-- @tparam[opt] table state of its encoder
function M.error_event(dialect, err, context, state)
  local text, name = dialect.error_event(err, context, state)
  if dialect.framing == "ndjson" then return line_of(text) .. "\n" end
  if dialect.framing == "aws-eventstream" then
    return core.event_frame(name or EXCEPTION, text, true)
  end
  return text
end

return M
