-- A request with more inputs than its provider takes at once: asked in several pieces, one answer
-- made of theirs. The pieces go to the same lane; one that fails fails the attempt.

local core = require("core")
local tables = require("tide.tables")
local vectors = require("tide.vectors")

local M = {}

local AT_ONCE = 4
local KEPT = 4 -- times limits.hold: of all pieces together
local LONGEST = 86400 -- seconds: the deadline of the whole comes first

-- ---- cutting ------------------------------------------------------------------------------------

local function copy_without(rq, name)
  local result = {}
  for field, value in pairs(rq) do
    if field ~= name then result[field] = value end
  end
  return result
end

--- The requests that ask for no more than `most` inputs each, in order; nil where one will do.
-- @tparam table rq canonical; it is not changed
-- @tparam number|nil most
function M.cut(rq, most)
  local inputs = rq.inputs
  if not (most and inputs) or #inputs <= most then return nil end
  local list = {}
  for first = 1, #inputs, most do
    local piece, n = copy_without(rq, "inputs"), 0
    piece.inputs, piece.single = {}, false
    for i = first, math.min(first + most - 1, #inputs) do
      n = n + 1
      piece.inputs[n] = inputs[i]
    end
    list[#list + 1] = piece
  end
  return list
end

-- ---- keeping ------------------------------------------------------------------------------------

local function wants_base64(rq)
  local types = rq.types
  return rq.format == "base64" or types ~= nil and #types == 1 and types[1] == "base64"
end

local function size_of(list)
  local size = 0
  for _, vector in ipairs(list) do size = size + #(vector.raw or vector.base64 or vector) end
  return size
end

--- Keeps the answer to a piece until all are there, its vectors as the client gets them: made one
-- piece at a time, so that the whole does not take long.
-- @tparam table before of translate.request()
-- @tparam number i which piece
-- @tparam table answer canonical; it becomes part of `before`
-- @tparam table rq the client's request
-- @tparam number limit limits.hold
-- @treturn boolean|nil true
-- @treturn nil|table { kind =, message = } when there is too much of them
function M.keep(before, i, answer, rq, limit)
  if wants_base64(rq) then
    for place, vector in ipairs(answer.vectors) do
      answer.vectors[place] = { base64 = vectors.base64(vector) }
    end
  end
  before.size = (before.size or 0) + size_of(answer.vectors)
  for _, list in pairs(answer.kinds or {}) do before.size = before.size + size_of(list) end
  if before.size > KEPT * limit then
    return nil, {
      kind = "too_large", message = "the answers to the pieces of the request are larger than "
        .. KEPT .. " times limits.hold",
    }
  end
  before.answers[i] = answer
  return true
end

-- ---- joining ------------------------------------------------------------------------------------

-- A count that one of them does not tell is unknown of all.
local function sum(answers)
  local total, has = {}, false
  for name in pairs(answers[1].usage or {}) do
    local value = 0
    for _, answer in ipairs(answers) do
      local count = answer.usage and answer.usage[name]
      value = value and type(count) == "number" and value + count or nil
    end
    total[name], has = value, has or value ~= nil
  end
  return has and total or nil
end

local function joined(answers, list_of)
  local result, n = {}, 0
  for _, answer in ipairs(answers) do
    for _, vector in ipairs(list_of(answer) or {}) do
      n = n + 1
      result[n] = vector
    end
  end
  return result
end

--- One answer of those of the pieces: the first one, with all vectors and the sum of the counts.
function M.join(answers)
  local result = copy_without(answers[1], "vectors")
  result.usage = sum(answers)
  result.vectors = joined(answers, function(answer) return answer.vectors end)
  if result.kinds then
    result.kinds = {}
    for name in pairs(answers[1].kinds) do
      result.kinds[name] = joined(answers, function(answer) return (answer.kinds or {})[name] end)
    end
  end
  return result
end

-- ---- asking -------------------------------------------------------------------------------------

-- Of one piece: nil when it was answered, else its summary, or false and a verdict.
local function ask(req, before, i, options, extra)
  local made, verdict = before.encode(i)
  if not made then return false, verdict end
  local own, more = tables.merged(options), tables.merged(extra)
  if before.server then
    own.serve = before.server(made.text)
  else
    own.body = made.text
  end
  more.codec, more.hold, more.on_event, more.pieces = before.codec(i), true, nil, nil
  local summary, err = req:attempt(own, more)
  if not summary then return { kind = err and err.kind or "canceled" } end
  if not summary.held then return summary end
  req:discard(tostring(summary.status))
end

-- Asks one piece after the other until there is none left; what went wrong stands in `before`.
local function work(req, before, options, extra)
  while not before.failed and before.taken < before.count do
    before.taken = before.taken + 1
    local summary, verdict = ask(req, before, before.taken, options, extra)
    if summary ~= nil and not before.failed then
      before.failed = { summary, verdict }
      for _, other in ipairs(before.workers) do other:cancel() end
    end
  end
end

-- More of the kind, in requests of their own: they end with this one, and what they tried and
-- counted is part of it.
local function worker(call, before, options, extra)
  return core.inner({
    path = call.req:path(), body = "", parent = call.req,
    context = {
      piece = function(req)
        req:deadline(LONGEST)
        work(req, before, options, extra)
        req:reply(200, "", {})
        req:record({
          outcome = before.failed and "upstream_error" or "ok", model = call.model,
          metric_model = call.metric_model or "other", target = options.target,
        })
      end,
    },
  })
end

local function start_workers(call, before, options, extra)
  local workers = {}
  for i = 1, math.min(AT_ONCE, before.count) do
    workers[i] = worker(call, before, options, extra)
    if not workers[i] then break end
  end
  return workers
end

--- Asks for all pieces but the last, some of them at once (y).
-- @tparam table call of body.read()
-- @tparam table before of translate.request()
-- @tparam table options of the last piece's attempt
-- @tparam table extra
-- @treturn nil|table|boolean nil when all were answered, the summary of one that was not, or false
--   and a verdict
function M.run(call, before, options, extra)
  before.taken, before.workers = 0, {}
  if before.count > 1 then before.workers = start_workers(call, before, options, extra) end
  for _, one in ipairs(before.workers) do
    local status, err = one:wait()
    if status ~= 200 and not before.failed then
      return { kind = not status and err.kind or "protocol" }
    end
  end
  -- A script whose requests are used up gets its pieces one by one.
  work(call.req, before, options, extra)
  if before.failed then return before.failed[1], before.failed[2] end
end

return M
