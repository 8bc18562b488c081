-- The answer of one attempt in the dialect of its client: what C gives the provider's events or its
-- whole answer to, and gets the client's bytes from. One for each attempt.
local core = require("core")
local answer_failure = require("tide.answer_failure")
local custom_tools = require("tide.custom_tools")
local errors = require("tide.errors")
local fold = require("tide.canonical_fold")
local framing = require("tide.framing")
local grammar = require("tide.canonical_grammar")
local warnings = require("tide.warnings")

local M = {}

-- ---- the client's bytes -------------------------------------------------------------------------

--- One JSON array that grows: what Gemini's clients get who do not ask for server-sent events.
function M.array_writer(out)
  local separator = "["
  local function write(data)
    if type(data) ~= "string" then data = core.encode(data) end
    local n = #out
    out[n + 1], out[n + 2], separator = separator, data, ",\r\n"
  end
  local function finish()
    out[#out + 1] = separator == "[" and "[]" or "]"
  end
  return write, finish
end

local function take(out)
  local n = #out
  if n == 0 then return "" end
  local text = table.concat(out)
  for i = n, 1, -1 do out[i] = nil end
  return text
end

-- ---- one answer ---------------------------------------------------------------------------------

local Codec = {}
Codec.__index = Codec

-- What the canonical form cannot carry: a header while the head has not gone, then a comment.
local function tell_dropped(self)
  local text = self.dropped:take()
  if not text then return end
  if not self.call.req:is_started() then return warnings.say(self.call, self.lane, text) end
  if self.comments then self.out[#self.out + 1] = ": " .. text .. "\n\n" end
end

local function take_dropped(self, event)
  self.dropped:add(event.what)
end

-- Where no `watch` says it: what commits an answer, what finishes it, and what was counted.
local SPEAKS = {
  text = true, refusal = true, reasoning = true, tool_start = true, tool_args = true,
  image = true, audio = true,
}

local function note(self, event)
  if SPEAKS[event.type] then self.has_content = true end
  if event.type == "finish" then self.has_finish = true end
end

local function note_usage(self, event)
  if event.type ~= "usage" or event.early then return end
  local usage = {}
  for name, value in pairs(event) do
    if type(value) == "number" then usage[name] = value end
  end
  self.usage = core.encode(usage)
end

local function telling(self, sink)
  return function(event)
    note(self, event)
    note_usage(self, event)
    return sink(event)
  end
end

-- Behind the commit point; what had been made before it failed goes out with it.
local function error_event(self, kind, message)
  local err, out = errors.of_stream(kind, message), self.out
  if self.end_array then
    self.write(self.client.error_body(err, self.context))
    self.end_array()
  else
    out[#out + 1] = framing.error_event(self.client, err, self.context, self.encoder_state)
  end
  return take(out)
end

-- From the grammar to the encoder, through a policy's on_event.
local function stream_sink(self)
  local encode, filter = self.client.encode_event, self.filter
  local state, context, write = {}, self.context, self.write
  self.encoder_state = state
  return function(event)
    local kind = event.type
    if kind == "error" then
      self.err = event.error
    elseif kind == "dropped" then
      take_dropped(self, event)
    elseif not filter then
      encode(event, write, state, context)
    else
      local passed, err = filter(event)
      if passed then encode(passed, write, state, context) end
      if err then self.err = err end
    end
  end
end

local function whole_sink(self, folded)
  return function(event)
    if event.type == "error" then
      self.err = event.error
    elseif event.type == "dropped" then
      take_dropped(self, event)
    else
      folded:add(event)
    end
  end
end

-- What a step wrote, as a list that C empties, or false, kind, message.
local function settle(self, ok, raised)
  if not ok then return answer_failure.raised(self.lane, raised) end
  local err = self.err
  if err then return answer_failure.told(self.lane, err, "upstream_5xx") end
  tell_dropped(self)
  if not self.tells then return self.out end
  local content, finish = self.has_content, self.has_finish
  self.has_content, self.has_finish = false, false
  return self.out, content, finish, self.usage
end

-- The same of a whole answer, as text.
local function settle_whole(self, ok, raised)
  local list, content, finish, usage = settle(self, ok, raised)
  return list and take(list), content, finish, usage
end

local function decode(self, text)
  local value = core.decode(text, self.provider.raw)
  if value == nil then return text end
  return value
end

-- `data` is decoded, where it is JSON. The event's table is used again: no dialect keeps it.
local function take_event(self, data, name)
  local event = self.current
  event.data, event.name = data, name
  return self.decode_event(event, self.emit, self.decoder_state, self.context)
end

local function take_for_hook(self, data, name)
  return self.hooks.on_event({ name = name, data = data }, self.decoder_state, self.emit,
    self.context)
end

local function end_stream(self)
  local client = self.client
  if client.end_stream then client.end_stream(self.write, self.encoder_state, self.context) end
  if self.end_array then self.end_array() end
end

local function finish_events(self)
  local hooks, provider = self.hooks, self.provider
  if hooks and hooks.on_end then
    hooks.on_end(self.decoder_state, self.emit, self.context)
  elseif provider.end_events and not (hooks and hooks.on_event) then
    provider.end_events(self.emit, self.decoder_state, self.context)
  end
end

-- The answer is complete: true, or the error stands in self.err.
local function finish_grammar(self)
  if self.err then return false end
  local ok, err = self.grammar.finish()
  if not ok then self.err = self.err or err end
  return self.err == nil
end

local function finish(self)
  finish_events(self)
  if finish_grammar(self) then end_stream(self) end
end

-- `decode` of an adapter gives the canonical form, or the fields of a result of tide.chat().
local function emit_hook_answer(self, answer)
  if type(answer) ~= "table" then
    self.err = { kind = "protocol", message = "decode returned no answer" }
    return
  end
  require("tide.canonical_answer").emit(answer, self.emit)
end

local function tell_events(self, text)
  if core.decode(text) ~= nil then return take_for_hook(self, text) end
  local list, names = core.event_data(text, self.framing)
  for i, data in ipairs(list) do take_for_hook(self, data, names[i]) end
end

-- A provider without a `decode` tells its whole answer as it tells its stream: one document, or the
-- events of one, which must come to an end.
local function decode_by_events(self, text)
  local emit, is_ended = self.emit, false
  self.emit = function(type_, fields)
    is_ended = is_ended or type_ == "finish" or type_ == "error"
    return emit(type_, fields)
  end
  tell_events(self, text)
  if self.hooks.on_end then finish_events(self) end
  if not (is_ended or self.err) then
    self.err = { kind = "protocol", message = "the answer ended before its end was announced" }
  end
end

local function decode_whole(self, text)
  local hooks = self.hooks
  if hooks and hooks.decode then
    emit_hook_answer(self, hooks.decode(decode(self, text), self.context))
  elseif hooks and hooks.on_event then
    decode_by_events(self, text)
  else
    local body = decode(self, text)
    if type(body) ~= "table" then
      self.err = { kind = "protocol", message = "the answer is no JSON" }
      return
    end
    self.provider.decode_answer(body, self.emit, self.context)
  end
end

local function translate_body(self, text)
  local folded = fold.new()
  self:begin(whole_sink(self, folded))
  decode_whole(self, text)
  if not finish_grammar(self) then return end
  local body = self.client.encode_answer(folded:answer(), self.context)
  self.out[1] = core.encode(body)
end

-- A whole answer where a stream was asked for.
local function translate_document(self, text)
  decode_whole(self, text)
  if finish_grammar(self) then end_stream(self) end
end

-- The functions of a stream's codec.
local function stream_of(self)
  local takes_text = self.hooks and self.hooks.on_event
  local step = takes_text and take_for_hook or take_event
  return {
    type = self.call.as_array and "application/json" or self.client.content_type,
    comments = self.comments,
    tells = self.tells,
    ends = self.tells and self.hooks.on_end ~= nil,
    decode = not takes_text and (self.provider.raw or {}) or nil,
    event = function(data, name) return settle(self, pcall(step, self, data, name)) end,
    finish = function() return settle(self, pcall(finish, self)) end,
    document = function(text)
      return settle_whole(self, pcall(translate_document, self, text))
    end,
    error_event = function(kind, message) return error_event(self, kind, message) end,
  }
end

function Codec:begin(sink)
  sink = custom_tools.restoring(sink, self.context.rq)
  if self.tells then sink = telling(self, sink) end
  self.grammar = grammar.new(sink, self.context.id, self.call.req:hold_limit())
  self.emit = self.grammar.emit
end

--- The codec of one attempt, as req:attempt() takes it.
-- @tparam table call of body.read()
-- @tparam table lane
-- @tparam table way of ways.lua
-- @tparam table context of translate.context()
-- @tparam table dropped of warnings.list()
-- @tparam function|nil filter a plan's on_event for canonical events: -> event, nil to leave it
--   out, nil and an error { kind =, message = }
-- @treturn table { event =, decode =, finish =, body =, document =, type =, comments = }
function M.new(call, lane, way, context, dropped, filter)
  local out = {}
  local self = setmetatable({
    call = call, lane = lane, client = way.client, provider = way.dialect, hooks = way.hooks,
    context = context, dropped = dropped, filter = filter, out = out, decoder_state = {},
    comments = not call.as_array and way.client.framing == "sse",
    tells = way.dialect.watch == nil, framing = framing.of(lane.provider.adapter, way.dialect),
  }, Codec)
  if call.as_array then
    self.write, self.end_array = M.array_writer(out)
  else
    self.write = framing.writer(way.client.framing, out)
  end
  if not call.stream then
    return {
      type = "application/json",
      tells = self.tells,
      body = function(text) return settle_whole(self, pcall(translate_body, self, text)) end,
    }
  end
  self.current, self.decode_event = {}, way.dialect.decode_event
  self:begin(stream_sink(self))
  return stream_of(self)
end

--- The codec of a stream that is passed through to a client who wants one JSON array.
-- @tparam table client its dialect
function M.array(client)
  local out = {}
  local write, finish_array = M.array_writer(out)
  return {
    type = "application/json", comments = false,
    error_event = function(kind, message)
      write(client.error_body(errors.of_stream(kind, message)))
      finish_array()
      return take(out)
    end,
    event = function(data)
      write(data)
      return take(out)
    end,
    finish = function()
      finish_array()
      return take(out)
    end,
    document = function(text)
      write(text)
      finish_array()
      return take(out)
    end,
  }
end

return M
