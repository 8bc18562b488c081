-- Runs a dialect as the gateway would: a provider's bytes through its decoder and the grammar, the
-- canonical events through a client's encoder.
local fake = require("spec.support.fake_core")

local M = {}
M.__index = M

--- A dialect with everything around it.
-- @tparam string name
-- @tparam table|nil options fields of `call`
function M.new(name, options)
  local core = fake.install()
  local self = setmetatable({ core = core, warned = {} }, M)
  self.dialect = require("tide.adapters").load().dialects[name]
  self.grammar = require("tide.canonical_grammar")
  self.fold = require("tide.canonical_fold")
  self.raw = {}
  for _, member in ipairs(self.dialect.raw_members or {}) do self.raw[member] = true end
  self.call = {
    op = "chat", model = "m", asked = "asked", id = ("0"):rep(32), created = 1, traits = {},
    client_dialect = "openai-chat", provider_dialect = name,
    warn = function(what) self.warned[#self.warned + 1] = what end,
  }
  for key, value in pairs(options or {}) do self.call[key] = value end
  return self
end

--- JSON text as the dialect's functions get it.
function M:decode(text)
  local value, err = self.core.decode(text, self.raw)
  assert(value ~= nil, err and err.message)
  return value
end

--- A client's body; nil and an error.
function M:request(text)
  return self.dialect.decode_request(self:decode(text), self.call)
end

--- The body for a provider, decoded without raw values.
function M:body(rq)
  return self.core.decode(self.core.encode(self.dialect.encode_request(rq, self.call)))
end

local function collect(self, run)
  local seen = { events = {}, dropped = {} }
  local folded = self.fold.new()
  local checked = self.grammar.new(function(event)
    if event.type == "error" then
      seen.err = event.error
    elseif event.type == "dropped" then
      seen.dropped[#seen.dropped + 1] = event.what
    else
      seen.events[#seen.events + 1] = event
      folded:add(event)
    end
  end, self.call.id)
  run(checked.emit)
  checked.finish()
  seen.answer = folded:answer()
  return seen
end

--- What a provider's stream says, each item one event's data, or { name, data } of one.
-- @treturn table { events, answer, dropped, err }
function M:stream(...)
  local list, state = { ... }, {}
  return collect(self, function(emit)
    for _, item in ipairs(list) do
      local name, data = nil, item
      if type(item) == "table" then name, data = item[1], item[2] end
      local event = { name = name, data = self:decode(data) }
      self.dialect.decode_event(event, emit, state, self.call)
    end
    if self.dialect.end_events then self.dialect.end_events(emit, state, self.call) end
  end)
end

--- The same of a whole answer.
function M:whole(text)
  return collect(self, function(emit)
    self.dialect.decode_answer(self:decode(text), emit, self.call)
  end)
end

--- What a client of the dialect gets for canonical events { type, fields }: each written text,
-- decoded; and their names.
function M:written(...)
  local events, state, texts, names = { ... }, {}, {}, {}
  local function write(text, name)
    if type(text) ~= "string" then text = self.core.encode(text) end
    assert(not text:find("[\r\n]"), "a line end within an event")
    texts[#texts + 1] = self.core.decode(text) or text
    names[#texts] = name
  end
  local checked = self.grammar.new(function(event)
    self.dialect.encode_event(event, write, state, self.call)
  end, self.call.id)
  for _, event in ipairs(events) do checked.emit(event[1], event[2]) end
  checked.finish()
  if self.dialect.end_stream then self.dialect.end_stream(write, state, self.call) end
  return texts, names
end

return M
