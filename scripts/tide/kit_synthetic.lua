-- Answers that no provider gave: what those of a dialect look like, written by the dialect itself.
-- For adapters without fixtures, and for what fixtures seldom hold.
local core = require("core")
local fixtures = require("tide.fixtures")
local fold = require("tide.canonical_fold")
local framing = require("tide.framing")
local grammar = require("tide.canonical_grammar")

local M = {}

local ID = ("0"):rep(32)

local ZERO = ":%s*0[%s,}%]]"
local USAGE = { "usage", { input = 11, output = 7 } }

local function text(delta) return { "text", { delta = delta } } end

local function call(i, name, ...)
  local events = { { "tool_start", { i = i, id = "call_" .. i, name = name } } }
  for _, piece in ipairs({ ... }) do
    events[#events + 1] = { "tool_args", { i = i, delta = piece } }
  end
  events[#events + 1] = { "tool_end", { i = i } }
  return events
end

local function finish(reason) return { "finish", { reason = reason } } end

local function joined(...)
  local list = {}
  for _, part in ipairs({ ... }) do
    for _, event in ipairs(type(part[1]) == "table" and part or { part }) do
      list[#list + 1] = event
    end
  end
  return list
end

local WEATHER, TIME = '{"city":"Z\195\188rich \240\159\140\167"}', '{"zone":"CET"}'

-- Name, whether the request has tools, and what is said.
local STORIES = {
  { "text", false, joined(text("Hel"), text("lo, w\195\182rld \240\159\153\130\n\n"),
    text("data: [DONE]"), finish("stop"), USAGE) },
  { "length", false, joined(text("One, two"), finish("length"), USAGE) },
  { "no-usage", false, joined(text("Hello"), text(" there"), finish("stop")) },
  { "reasoning", false, joined({ "reasoning", { delta = "Let me " } },
    { "reasoning", { delta = "think." } }, text("42"), finish("stop"), USAGE) },
  { "tool", true, joined(call(1, "weather", WEATHER:sub(1, 9), WEATHER:sub(10)),
    finish("tool_calls"), USAGE) },
  { "parallel-tools", true, joined(text("Wait."), call(1, "weather", WEATHER),
    call(2, "time", TIME:sub(1, 3), TIME:sub(4)), finish("tool_calls"), USAGE) },
}

local function tool(name, property)
  return {
    type = "function",
    ["function"] = {
      name = name,
      parameters = { type = "object", properties = { [property] = { type = "string" } } },
    },
  }
end

local function request_of(is_stream, has_tools)
  return {
    messages = core.array({ { role = "user", content = "Hello" } }), stream = is_stream,
    stream_options = is_stream and { include_usage = true } or nil,
    tools = has_tools and core.array({ tool("weather", "city"), tool("time", "zone") }) or nil,
  }
end

local function info_of(dialect, is_stream)
  return {
    op = "chat", stream = is_stream, include_usage = true, model = "model", asked = "model",
    client_dialect = dialect.name, provider_dialect = dialect.name, id = ID, created = 0,
    traits = {}, warn = function() end,
  }
end

-- Events are given away: each telling needs its own.
local function tell(events, emit)
  emit("start", { id = "answer-1", model = "model", created = 1700000000 })
  for _, event in ipairs(events) do
    local fields = {}
    for name, value in pairs(event[2]) do fields[name] = value end
    emit(event[1], fields)
  end
end

local function stream_of(dialect, events)
  local out, state, info = {}, {}, info_of(dialect, true)
  local write = framing.writer(dialect.framing, out)
  local told = grammar.new(function(event) dialect.encode_event(event, write, state, info) end, ID)
  tell(events, told.emit)
  told.finish()
  if dialect.end_stream then dialect.end_stream(write, state, info) end
  return table.concat(out)
end

local function folded(events)
  local sink = fold.new()
  local told = grammar.new(function(event) sink:add(event) end, ID)
  tell(events, told.emit)
  told.finish()
  return sink
end

local function case_of(dialect, story, is_stream, has_usage)
  local name, has_tools, events = unpack(story)
  local sink = folded(events)
  local said = sink:result()
  local answer
  if is_stream then
    answer = stream_of(dialect, events)
  else
    answer = core.encode(dialect.encode_answer(sink:answer(), info_of(dialect, false)))
  end
  -- Some dialects have to write a number where nothing was counted.
  local usage = has_usage and not answer:find(ZERO) and { input = core.null, output = core.null }
  if usage and said.usage then usage = { input = said.usage.input, output = said.usage.output } end
  return {
    name = dialect.name .. "/" .. name .. (is_stream and " stream" or ""), dialect = dialect,
    request = request_of(is_stream, has_tools), path = fixtures.CHAT, answer = answer,
    framing = is_stream and dialect.framing or nil, status = 200, headers = {},
    expected = {
      text = said.text, finish_reason = said.finish_reason, tool_calls = said.tool_calls,
      usage = usage or nil,
    },
  }
end

--- The cases of a dialect, whole and as streams.
-- @tparam table dialect compiled
-- @tparam boolean has_usage its counts are looked for where the dialect has them
-- @treturn table like those of fixtures.read(), with `dialect`; {} where it cannot write
function M.cases(dialect, has_usage)
  local list = {}
  if not dialect.serves then return list end
  for _, story in ipairs(STORIES) do
    for _, is_stream in ipairs({ false, true }) do
      local ok, case = pcall(case_of, dialect, story, is_stream, has_usage)
      if ok then list[#list + 1] = case end
    end
  end
  return list
end

--- What the dialect says when something has gone wrong within a stream; nil where it cannot.
function M.error_event(dialect, message)
  if not dialect or not dialect.error_event then return nil end
  local err = {
    kind = "upstream_5xx", type = "server_error", code = "server_error", status = 500,
    message = message,
  }
  local ok, bytes = pcall(framing.error_event, dialect, err, info_of(dialect, true), {})
  return ok and bytes or nil
end

--- A small request of a chat.
M.request = request_of

return M
