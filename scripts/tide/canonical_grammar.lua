-- Stands between a decoder and an encoder: whatever order and shape a provider's events have, the
-- encoder sees one `start`, tool calls one after the other, one `finish` for each choice, and the
-- usage at the end. Pure. adapters/README.md, "The canonical form", lists what it guarantees.
local core = require("core")

local M = {}

local LIMIT_CHOICES = 128
local LIMIT_CALLS = 512     -- of one choice; what waits is sorted out by recursion
local LIMIT_WAITING = 65536 -- events that wait for an earlier tool call of their choice

local REASONS = {
  stop = "stop", length = "length", tool_calls = "tool_calls", content_filter = "content_filter",
  error = "error", tool = "tool_calls", filter = "content_filter",
}
local COUNT_NAMES = { ["in"] = "input", out = "output" }
local NO_COUNT = { type = true, choice = true, early = true }

-- ---- failing ------------------------------------------------------------------------------------

local function fail(self, err)
  self.failed = err
  self.sink({ type = "error", error = err })
end

local function fail_protocol(self, message)
  fail(self, { kind = "protocol", message = message })
end

-- ---- choices ------------------------------------------------------------------------------------

local function start(self)
  self.is_started = true
  self.sink({ type = "start" })
end

-- The choice of an event that is content; nil when it cannot have any.
local function choice_of(self, event)
  if not self.is_started then start(self) end
  local number = event.choice
  if number == 1 then number, event.choice = nil, nil end
  local choice = self.choices[number or 1]
  if choice then
    if not choice.is_finished then return choice end
    fail_protocol(self, "the provider sent " .. event.type .. " after the finish")
    return nil
  end
  if number and not (type(number) == "number" and number % 1 == 0 and number > 1
    and number <= LIMIT_CHOICES) then
    fail_protocol(self, "the provider sent " .. event.type .. " for a choice that cannot be")
    return nil
  end
  choice = { number = number, calls = {}, count = 0 }
  self.choices[number or 1] = choice
  self.order[#self.order + 1] = choice
  return choice
end

-- ---- is the JSON of a call complete? ------------------------------------------------------------

-- Reads one more piece of a string; returns where to go on, nil at the piece's end.
local function scan_string(call, piece, at)
  if call.is_escaped then
    call.is_escaped = false
    at = at + 1
  end
  local stop = piece:find('["\\]', at)
  if not stop then return nil end
  if piece:byte(stop) == 92 then
    if stop == #piece then
      call.is_escaped = true
      return nil
    end
    return stop + 2
  end
  call.is_string = false
  return stop + 1
end

local function scan_plain(call, piece, at)
  local stop, _, mark = piece:find('(["{}%[%]])', at)
  if not stop then return nil end
  if mark == '"' then
    call.is_string = true
  elseif mark == "{" or mark == "[" then
    call.depth = call.depth + 1
  else
    call.depth = call.depth - 1
    if call.depth <= 0 then call.is_complete = true end
  end
  return stop + 1
end

-- Looks at those pieces alone that came since it was asked last: it is asked only when something
-- waits for the end of the call.
local function is_complete(call)
  if call.kind == "custom" then return true end
  for i = call.scanned + 1, #call.pieces do
    local piece, at = call.pieces[i], 1
    while at and at <= #piece do
      at = (call.is_string and scan_string or scan_plain)(call, piece, at)
    end
  end
  call.scanned = #call.pieces
  return call.is_complete
end

-- ---- tool calls ---------------------------------------------------------------------------------

local handle

local function end_call(self, choice)
  local call = choice.open
  if not call then return end
  choice.open, call.is_ended, call.pieces = nil, true, nil
  self.sink({ type = "tool_end", i = call.number, choice = choice.number })
end

-- Lets what waits go on, as far as the next call that is not complete.
local function drain(self, choice)
  local waiting = choice.waiting
  choice.waiting, choice.waiting_calls = nil, nil
  for _, event in ipairs(waiting or {}) do
    if self.failed then return end
    handle(self, choice, event)
  end
end

local function wait(self, choice, event)
  local waiting, calls = choice.waiting or {}, choice.waiting_calls or {}
  choice.waiting, choice.waiting_calls = waiting, calls
  if event.i ~= nil then calls[event.i] = true end
  if #waiting >= LIMIT_WAITING then
    return fail_protocol(self, "the provider mixes more tool calls than the gateway sorts out")
  end
  waiting[#waiting + 1] = event
end

-- Ends the open call when it can have no more, and says whether `event` must wait.
local function must_wait(self, choice)
  local open = choice.open
  if not open then return choice.waiting ~= nil end
  if choice.waiting or not is_complete(open) then return true end
  end_call(self, choice)
  return false
end

local function start_call(self, choice, event)
  if type(event.name) ~= "string" or event.name == "" then
    return fail_protocol(self, "the provider sent a tool call without a name")
  end
  if choice.count >= LIMIT_CALLS then
    return fail_protocol(self, "the provider sent more than " .. LIMIT_CALLS .. " tool calls")
  end
  choice.count = choice.count + 1
  local call = {
    number = choice.count, kind = event.kind, pieces = {}, scanned = 0, depth = 0,
    is_string = false, is_escaped = false, is_complete = false, is_ended = false,
  }
  choice.calls[event.i or call.number] = call
  choice.open = call
  local id = event.id
  if type(id) ~= "string" or id == "" then
    event.id = ("call_%s%02x%03x"):format(self.seed, choice.number or 1, call.number)
  elseif self.ids[id] then -- results could not be told apart
    event.id = ("%s_%d"):format(id, call.number)
  end
  self.ids[event.id] = true
  event.i = call.number
  self.sink(event)
end

local function is_waiting(choice, key)
  return choice.waiting_calls ~= nil and choice.waiting_calls[key] ~= nil
end

local CALL = {}

function CALL.tool_start(self, choice, event)
  if must_wait(self, choice) then return wait(self, choice, event) end
  start_call(self, choice, event)
end

function CALL.tool_args(self, choice, event)
  local call = choice.calls[event.i]
  if is_waiting(choice, event.i) then return wait(self, choice, event) end
  if not call or call.is_ended then
    return fail_protocol(self, "the provider sent arguments of a tool call that is not open")
  end
  event.i = call.number
  call.pieces[#call.pieces + 1] = event.delta
  self.sink(event)
  if choice.waiting and is_complete(call) then
    end_call(self, choice)
    drain(self, choice)
  end
end

function CALL.tool_end(self, choice, event)
  if is_waiting(choice, event.i) then return wait(self, choice, event) end
  local call = choice.calls[event.i]
  if not call or call.is_ended then return end
  end_call(self, choice)
  drain(self, choice)
end

-- Content that is no tool call stands between calls, never within one.
function handle(self, choice, event)
  local take = CALL[event.type]
  if take then return take(self, choice, event) end
  if must_wait(self, choice) then return wait(self, choice, event) end
  self.sink(event)
end

-- ---- events -------------------------------------------------------------------------------------

local TAKE = {}

local function take_content(self, event)
  local choice = choice_of(self, event)
  if not choice then return end
  if choice.open or choice.waiting then return handle(self, choice, event) end
  self.sink(event)
end

local function take_text(self, event)
  local delta = event.delta
  if type(delta) ~= "string" or delta == "" then
    if not (event.signature or event.redacted or event.logprobs) then return end
    event.delta = ""
  end
  return take_content(self, event)
end

TAKE.text, TAKE.refusal, TAKE.reasoning = take_text, take_text, take_text
TAKE.image, TAKE.audio = take_content, take_content

function TAKE.tool_start(self, event)
  local choice = choice_of(self, event)
  if choice then CALL.tool_start(self, choice, event) end
end

function TAKE.tool_args(self, event)
  if type(event.delta) ~= "string" or event.delta == "" then return end
  local choice = choice_of(self, event)
  if choice and event.i ~= nil then return CALL.tool_args(self, choice, event) end
  if choice then fail_protocol(self, "the provider sent arguments of no tool call") end
end

function TAKE.tool_end(self, event)
  local choice = self.choices[event.choice or 1]
  if choice and not choice.is_finished and event.i ~= nil then
    CALL.tool_end(self, choice, event)
  end
end

-- Sources are often told with or behind the finish, when nothing can take them any more.
function TAKE.citation(self, event)
  local choice = self.choices[event.choice or 1]
  if choice and choice.is_finished then
    return self.sink({ type = "dropped", what = "citations" })
  end
  return take_content(self, event)
end

function TAKE.start(self, event)
  if self.is_told then return fail_protocol(self, "the provider began its answer twice") end
  self.is_told = true
  if self.is_started then return end
  self.is_started = true
  self.sink(event)
end

local function is_count(name, value)
  if NO_COUNT[name] or value == nil or value == core.null then return false end
  return type(value) ~= "number" or value >= 0
end

-- Told before any content it also goes on at once: a client may be told input at the beginning.
function TAKE.usage(self, event)
  local usage = self.usage or {}
  for name, value in pairs(event) do
    if is_count(name, value) then usage[COUNT_NAMES[name] or name] = value end
  end
  if next(usage) == nil then return end
  self.usage = usage
  if #self.order > 0 or self.is_early then return end
  if not self.is_started then start(self) end
  self.is_early = true
  local early = { type = "usage", early = true }
  for name, value in pairs(usage) do early[name] = value end
  self.sink(early)
end

local function reason_of(choice, reason)
  reason = REASONS[reason] or "stop"
  if choice.count > 0 then return reason == "stop" and "tool_calls" or reason end
  return reason == "tool_calls" and "stop" or reason
end

local function is_cut(call)
  return call and call.kind ~= "custom" and #call.pieces > 0 and not is_complete(call)
end

-- All pieces are there: what is not complete now never will be. A provider that said why it ended
-- may well have stopped there; one that did not has broken off.
local function close_calls(self, choice, is_told)
  while (choice.open or choice.waiting) and not self.failed do
    if not is_told and is_cut(choice.open) then
      return fail_protocol(self, "the provider's answer ended within the arguments of a tool call")
    end
    end_call(self, choice)
    drain(self, choice)
  end
end

local function finish_choice(self, choice, event, is_told)
  close_calls(self, choice, is_told)
  if self.failed then return end
  choice.is_finished = true
  local reason = reason_of(choice, event.reason)
  if event.reason ~= reason then event.raw = event.raw or event.reason end
  event.reason = reason
  self.sink(event)
end

function TAKE.finish(self, event)
  local known = self.choices[event.choice or 1]
  if known and known.is_finished then return end
  if REASONS[event.reason] == "error" then
    local said = event.message or event.raw and "it ended with " .. tostring(event.raw)
    return fail(self, {
      kind = event.kind or "upstream_5xx", message = said or "the provider's answer failed",
    })
  end
  local choice = choice_of(self, event)
  if choice then finish_choice(self, choice, event, true) end
end

function TAKE.error(self, event)
  local err = type(event.error) == "table" and event.error or { message = event.error }
  if type(err.message) ~= "string" then err.message = "the provider's answer failed" end
  err.kind = err.kind or "upstream_5xx"
  fail(self, err)
end

function TAKE.ping(self, event) return self.sink(event) end
TAKE.dropped = TAKE.ping

-- ---- the end ------------------------------------------------------------------------------------

local function finish_rest(self)
  for _, choice in ipairs(self.order) do
    if not choice.is_finished then
      finish_choice(self, choice, { type = "finish", reason = "stop", choice = choice.number })
    end
    if self.failed then return end
  end
end

local function finish(self)
  if self.failed then return nil, self.failed end
  if self.is_over then return true end
  if #self.order == 0 then fail_protocol(self, "the provider's answer is empty") end
  if not self.failed then finish_rest(self) end
  if self.failed then return nil, self.failed end
  self.is_over = true
  if self.usage then
    self.usage.type = "usage"
    self.sink(self.usage)
  end
  return true
end

local EVENT_BYTES, LOGPROB_BYTES = 16, 256 -- besides its text, roughly

-- What encoders and the grammar may keep of an event until the end comes. Sound is never kept.
local function weight_of(event)
  local delta, bytes = event.delta, EVENT_BYTES
  if type(delta) == "string" then bytes = bytes + #delta end
  local more = event.signature or event.redacted or event.quote
    or event.type == "image" and event.data
  if type(more) == "string" then bytes = bytes + #more end
  if type(event.logprobs) == "table" then bytes = bytes + #event.logprobs * LOGPROB_BYTES end
  return bytes
end

local function is_too_large(self, event)
  self.size = self.size + weight_of(event)
  if self.size <= self.limit then return false end
  fail(self, { kind = "too_large", message = "the answer is larger than limits.hold" })
  return true
end

--- A new one, for one answer.
-- @tparam function sink called with each event that passes, { type =, ... }: its own from then on
-- @tparam string|nil id of the request (call.id): what ids of tool calls without one are made of
-- @tparam number|nil limit bytes that may be kept of it: text, arguments, pictures ...
-- @treturn table with
--   emit(type, fields): for the decoder; takes `fields`, so it must be a fresh table
--   finish(): the provider's answer is complete -> true, or nil and an error { kind =, message = }
--   failed: nil, or the error with which the answer failed; nothing passes any more
function M.new(sink, id, limit)
  local self = {
    size = 0, limit = limit or math.huge,
    sink = sink, choices = {}, order = {}, is_started = false, is_told = false, is_over = false,
    ids = {}, seed = (id or core.uuid()):sub(1, 20),
  }
  function self.emit(type_, event)
    if self.failed or self.is_over then return end
    event = event or {}
    event.type = type_
    if is_too_large(self, event) then return end
    local take = TAKE[type_]
    if take then return take(self, event) end
    return sink({ type = "dropped", what = tostring(type_) })
  end
  function self.finish() return finish(self) end
  return self
end

return M
