-- A dialect between a decoder and an encoder, as a codec runs it: for specs of dialects.
local M = {}

--- What a dialect's functions are told.
function M.call(fields)
  local call = {
    op = "chat", stream = true, include_usage = true, model = "served", asked = "asked",
    provider = "p", client_dialect = "openai-chat", provider_dialect = "openai-chat",
    id = ("0123456789abcdef"):rep(2), created = 1700000000, traits = {}, warned = {},
  }
  call.warn = function(what) call.warned[#call.warned + 1] = what end
  for name, value in pairs(fields or {}) do call[name] = value end
  return call
end

local function checked(told)
  local seen = {}
  local grammar = require("tide.canonical_grammar").new(function(event)
    seen[#seen + 1] = event
  end, M.call().id)
  told(grammar.emit)
  grammar.finish()
  return seen, grammar.failed
end

--- The events of a stream, as an encoder sees them, and why it failed.
-- @tparam table dialect
-- @tparam table events each the JSON text of one, or { name =, data = text }
function M.events(dialect, events, call)
  local core, state = require("core"), {}
  call = call or M.call()
  return checked(function(emit)
    for _, event in ipairs(events) do
      local text = type(event) == "table" and event.data or event
      local data = core.decode(text, dialect.raw)
      if data == nil then data = text end
      dialect.decode_event({ name = event.name, data = data }, emit, state, call)
    end
    if dialect.end_events then dialect.end_events(emit, state, call) end
  end)
end

--- The events of a whole answer, and why it failed.
function M.whole(dialect, text, call)
  local body = require("core").decode(text, dialect.raw)
  return checked(function(emit) dialect.decode_answer(body, emit, call or M.call()) end)
end

--- The canonical answer of events.
function M.folded(events)
  local fold = require("tide.canonical_fold").new()
  for _, event in ipairs(events) do
    if event.type ~= "error" and event.type ~= "dropped" then fold:add(event) end
  end
  return fold:answer()
end

--- What an encoder writes for events: { name =, data = decoded or text }.
function M.written(dialect, events, call)
  local core, list, state = require("core"), {}, {}
  call = call or M.call()
  local function write(data, name)
    if type(data) == "string" then data = core.decode(data) or data end
    list[#list + 1] = { name = name, data = data }
  end
  for _, event in ipairs(events) do
    if event.type ~= "error" and event.type ~= "dropped" then
      dialect.encode_event(event, write, state, call)
    end
  end
  if dialect.end_stream then dialect.end_stream(write, state, call) end
  return list
end

return M
