-- The answer of an operation besides chat in the dialect of its client: embeddings, reranking. It
-- comes whole; one codec for each attempt.
local core = require("core")
local answer_failure = require("tide.answer_failure")
local pieces = require("tide.pieces")
local vectors = require("tide.vectors")
local warnings = require("tide.warnings")

local M = {}

-- The canonical answer, or nil and { kind =, message = }.
local function read(self, text)
  local hooks, speaker = self.hooks, self.speaker
  local body = core.decode(text, speaker.raw)
  if hooks and hooks.decode then
    local answer = hooks.decode(body == nil and text or body, self.context)
    if type(answer) ~= "table" then
      return nil, { kind = "protocol", message = "decode returned no answer" }
    end
    if answer.error then return nil, answer.error end
    return answer
  end
  if type(body) ~= "table" then
    return nil, { kind = "protocol", message = "the answer is no JSON" }
  end
  return speaker.decode_answer(body, self.context)
end

local UNREADABLE = { kind = "protocol", message = "the answer cannot be read" }

local function told(self, err)
  return answer_failure.told(self.lane, err or UNREADABLE, "protocol")
end

-- What was counted, for C; no count is nil.
local function counts(usage)
  local result = {}
  for name, value in pairs(usage or {}) do
    if type(value) == "number" then result[name] = value end
  end
  return next(result) and core.encode(result) or nil
end

local function write(self, answer)
  local body = self.reader.encode_answer(answer, self.context)
  if type(body) ~= "table" then error("encode_answer returned no table", 0) end
  return core.encode(body)
end

-- Reads an answer for that many inputs; no count: one that has none.
local function read_checked(self, text, count)
  local answer, err = read(self, text)
  local wrong = answer and count and vectors.problem(answer, self.context.rq, count)
  if wrong then return nil, wrong end
  return answer, err
end

-- One answer as C takes it: text, two values of streams, and the counts; or false, kind, message.
local function settle(self, text, finish, count)
  local ok, answer, err = pcall(read_checked, self, text, count)
  if not ok then return answer_failure.raised(self.lane, answer) end
  if not answer then return told(self, err) end
  local usage = counts(answer.usage)
  local is_written, body, wrong = pcall(finish, answer)
  if not is_written then return answer_failure.raised(self.lane, body) end
  if not body then return told(self, wrong) end
  warnings.say(self.call, self.lane, self.dropped:take())
  return body, true, true, usage
end

-- `call.header(name)` of the provider's answer: some tell counts nowhere else.
local function hear(self, headers)
  self.context.header = function(name)
    return headers and headers[tostring(name):lower()]
  end
end

local function codec_of(self, finish, count)
  return {
    type = "application/json", counts = true, headers = true,
    tells = self.provider.watch == nil,
    body = function(text, headers)
      hear(self, headers)
      return settle(self, text, finish, count)
    end,
  }
end

--- The codec of one attempt, as req:attempt() takes it.
-- @tparam table call of body.read()
-- @tparam table lane
-- @tparam table way of ways.lua, with `reader` and `speaker`
-- @tparam table context of translate.context()
-- @tparam table dropped of warnings.list()
-- @tparam table|nil made of translate.request(); with `pieces` the codec makes one answer of all
--   their answers, and each piece gets a codec of its own: pieces.codec(i)
-- @treturn table { type =, body =, counts =, headers =, tells = }
function M.codec(call, lane, way, context, dropped, made)
  local self = {
    call = call, lane = lane, provider = way.dialect, reader = way.reader, speaker = way.speaker,
    hooks = way.hooks, context = context, dropped = dropped,
  }
  local before, inputs = made and made.pieces, context.op == "embed" and context.rq.inputs
  if not before then
    return codec_of(self, function(answer) return write(self, answer) end, inputs and #inputs)
  end
  before.codec = function(i)
    return codec_of(self, function(answer)
      local is_kept, problem = pieces.keep(before, i, answer, context.rq, call.req:hold_limit())
      return is_kept and "", problem
    end, #before.requests[i].inputs)
  end
  return codec_of(self, function(answer)
    local n, limit = before.count + 1, call.req:hold_limit()
    local is_kept, problem = pieces.keep(before, n, answer, context.rq, limit)
    return is_kept and write(self, pieces.join(before.answers)), problem
  end, #before.last.inputs)
end

return M
