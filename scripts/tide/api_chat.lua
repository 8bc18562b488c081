-- tide.chat and tide.embed: models as scripts ask them. Every call is an inner request, so it goes
-- the way of a client's: resolution, policy, attempts.
local core = require("core")
local view = require("tide.canonical_view")
local current = require("tide.current")
local error_value = require("tide.error_value")
local fold = require("tide.canonical_fold")

local CHAT, EMBED = "/v1/chat/completions", "/v1/embeddings"
local LISTS = { "messages", "tools", "stop", "input" }

-- ---- asking -------------------------------------------------------------------------------------

local function check(name, options, needed)
  if type(options) ~= "table" then error(name .. " takes a table of options", 3) end
  if type(options.model) ~= "string" then error(name .. ": model must be a string", 3) end
  if options[needed] == nil then error(name .. ": " .. needed .. " is missing", 3) end
end

-- An empty table is an object in JSON, unless it is known to be a list.
local function body_of(options)
  local body = {}
  for name, value in pairs(options) do body[name] = value end
  for _, name in ipairs(LISTS) do
    local list = body[name]
    if type(list) == "table" and next(list) == nil then body[name] = core.array({}) end
  end
  return core.encode(body)
end

-- Where nothing may wait, it is the script's line that is wrong, not one of these.
local function ask(name, path, options)
  local ok, inner, err = pcall(core.inner, {
    path = path, body = body_of(options),
    headers = { ["content-type"] = "application/json" },
    context = core.context() or { gen = current.gen },
  })
  if not ok then error(name .. ": " .. tostring(inner):gsub("^%w+:%d+: ", ""), 3) end
  if not inner then return nil, error_value.new(err) end
  return inner
end

-- ---- failing ------------------------------------------------------------------------------------

local function said(body)
  local decoded = body and core.decode(body)
  local problem = type(decoded) == "table" and decoded.error
  return type(problem) == "table" and type(problem.message) == "string" and problem.message or nil
end

-- Why an inner request has no answer: by its record, its status and what it said.
local function failure(inner, err, status, headers, body)
  local facts = inner:facts() or {}
  err = err or {}
  return error_value.new({
    kind = facts.kind or err.kind or "protocol",
    message = said(body) or facts.message or err.message or "the answer broke off",
    status = status,
    retry_after = headers and tonumber(headers["retry-after"]) or nil,
    target = facts.target,
  })
end

-- Status, headers and body of an answer that is one, or nil and an error value.
local function await(inner)
  local status, headers, body = inner:wait()
  if not status then return nil, failure(inner, headers) end
  if status ~= 200 then return nil, failure(inner, nil, status, headers, body) end
  local answer = core.decode(body)
  if type(answer) ~= "table" then
    return nil, error_value.new({ kind = "protocol", message = "the answer is not a JSON object" })
  end
  return answer, headers
end

-- ---- streams ------------------------------------------------------------------------------------

local Stream = { __metatable = false }
Stream.__index = Stream

-- And what it has cost.
local function usage_of(inner)
  local facts = inner:facts() or {}
  local usage = facts.usage
  return usage and next(usage) and usage or nil, facts.cost
end

-- The end of the stream is told in one order, whatever the provider's was: usage, then finish.
local function end_events(stream, err)
  local inner, queue = stream.inner, stream.queue
  local facts = inner:facts()
  if err or not facts or facts.outcome ~= "ok" then
    queue[#queue + 1] = { type = "error", error = failure(inner, err) }
    return
  end
  local usage = usage_of(inner)
  if usage then
    local event = { type = "usage" }
    for name, count in pairs(usage) do event[name] = count end
    queue[#queue + 1] = event
  end
  for _, event in ipairs(stream.finishes) do queue[#queue + 1] = event end
end

local LAST = { finish = true, usage = true, error = true }

local function take_chunk(stream, data)
  local chunk = core.decode(data)
  if type(chunk) ~= "table" then return end -- "[DONE]"
  for _, event in ipairs(view.events(stream.state, chunk).events) do
    if event.type == "finish" then stream.finishes[#stream.finishes + 1] = event end
    if not LAST[event.type] then stream.queue[#stream.queue + 1] = event end
  end
end

local function next_event(stream)
  while stream.at > #stream.queue do
    if stream.is_over then return nil end
    stream.queue, stream.at = {}, 1
    local data, err = stream.inner:event()
    if data then
      take_chunk(stream, data)
    else
      stream.is_over = true
      end_events(stream, err)
    end
  end
  local event = stream.queue[stream.at]
  stream.at = stream.at + 1
  stream.fold:add(event)
  if event.type == "error" then stream.failure = event.error end
  return event
end

--- For `for event in stream:events() do`. A stream that fails ends with an event of type "error".
function Stream:events()
  return next_event, self
end

--- Reads what is left, and returns all of the answer as a result, or nil and an error.
function Stream:result()
  while next_event(self) do end
  if self.failure then return nil, self.failure end
  local result = self.fold:result()
  result.target = self.target
  result.usage, result.cost = usage_of(self.inner)
  return result
end

--- Gives the rest up; the provider stops.
function Stream:cancel()
  self.inner:cancel()
end

local function open_stream(inner)
  local status, headers = inner:head()
  if not status then return nil, failure(inner, headers) end
  if status ~= 200 then
    local _, err = await(inner)
    return nil, err
  end
  return setmetatable({
    inner = inner, target = headers["x-tidegate-target"], state = view.new_state(),
    queue = {}, at = 1, finishes = {}, fold = fold.new(),
  }, Stream)
end

-- ---- the two functions --------------------------------------------------------------------------

local function chat(options)
  check("tide.chat", options, "messages")
  local inner, err = ask("tide.chat", CHAT, options)
  if not inner then return nil, err end
  if options.stream then return open_stream(inner) end
  local answer, headers = await(inner)
  if not answer then return nil, headers end
  local result = view.answer(answer)
  result.usage, result.cost = usage_of(inner)
  result.target = headers["x-tidegate-target"]
  return result
end

local function embed(options)
  check("tide.embed", options, "input")
  local inner, err = ask("tide.embed", EMBED, options)
  if not inner then return nil, err end
  local answer, headers = await(inner)
  if not answer then return nil, headers end
  local usage, cost = usage_of(inner)
  return {
    embeddings = view.embeddings(answer), usage = usage, cost = cost,
    target = headers["x-tidegate-target"],
  }
end

return function(tide)
  tide.chat = chat
  tide.embed = embed
end
