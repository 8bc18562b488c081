-- Answers and events of the dialect openai-chat as scripts see them: canonical ones, each with its
-- place in what it was read from. Pure.
local core = require("core")
local fold = require("tide.canonical_fold")

local M = {}

local REASONS = {
  stop = "stop", length = "length", tool_calls = "tool_calls", function_call = "tool_calls",
  content_filter = "content_filter", error = "error",
}

local function given(value)
  if value ~= core.null then return value end
end

local function text_of(value)
  return type(value) == "string" and value ~= "" and value or nil
end

local function items(value)
  return type(value) == "table" and value or {}
end

local function object(value)
  return type(value) == "table" and value or {}
end

--- The gateway's word for a provider's finish reason; nil for none.
function M.reason(value)
  value = given(value)
  return value and (REASONS[value] or "stop")
end

--- Counts of tokens as OpenAI writes them, in the gateway's words; nil when there are none.
function M.usage(value)
  value = given(value)
  if type(value) ~= "table" then return nil end
  local input = object(value.prompt_tokens_details)
  return {
    input = given(value.prompt_tokens), output = given(value.completion_tokens),
    cached = given(input.cached_tokens), cache_write = given(input.cache_write_tokens),
    reasoning = given(object(value.completion_tokens_details).reasoning_tokens),
  }
end

-- ---- whole answers ------------------------------------------------------------------------------

-- Content is a string, or a list of parts of which those of text count.
local function content_text(content)
  if type(content) ~= "table" then return text_of(content) or "" end
  local parts = {}
  for _, part in ipairs(content) do parts[#parts + 1] = text_of(object(part).text) end
  return table.concat(parts)
end

local function tool_calls(message)
  local result = {}
  for i, call in ipairs(items(message.tool_calls)) do
    local called = object(object(call)["function"])
    result[i] = fold.tool_call(given(call.id), given(called.name), text_of(called.arguments) or "")
  end
  return result
end

--- A whole answer of a chat or a completion.
-- @tparam table answer decoded
-- @treturn table { text, reasoning, message, tool_calls, finish_reason }
function M.answer(answer)
  local choice = object(items(answer.choices)[1])
  local message = object(choice.message)
  return {
    text = choice.message and content_text(message.content) or text_of(choice.text) or "",
    reasoning = text_of(message.reasoning_content) or text_of(message.reasoning),
    message = choice.message and message or nil,
    tool_calls = tool_calls(message),
    finish_reason = M.reason(choice.finish_reason),
  }
end

--- A whole answer of embeddings: the vectors in the order of the input.
function M.embeddings(answer)
  local vectors = {}
  for position, item in ipairs(items(answer.data)) do
    local index = tonumber(given(item.index))
    vectors[index and index + 1 or position] = item.embedding
  end
  return vectors
end

-- ---- events -------------------------------------------------------------------------------------

-- Where an event stands in its chunk: `of` is the table that holds it, `name` its field.
local function add(found, event, of, name)
  found.events[#found.events + 1] = event
  found.places[#found.events] = of and { of = of, name = name } or false
end

local function end_tool(found, state, choice)
  local open = state.open[choice or 1]
  if not open then return end
  state.open[choice or 1] = nil
  add(found, { type = "tool_end", i = open, choice = choice })
end

local function add_tool(found, state, choice, call, position)
  local called = object(call["function"])
  local i = (tonumber(given(call.index)) or position - 1) + 1
  if state.open[choice or 1] ~= i and (given(call.id) or given(called.name)) then
    end_tool(found, state, choice)
    state.open[choice or 1] = i
    local event = { type = "tool_start", i = i, id = given(call.id), name = given(called.name),
      choice = choice }
    add(found, event, call, "tool")
  end
  local piece = text_of(called.arguments)
  if piece then
    add(found, { type = "tool_args", i = i, delta = piece, choice = choice }, called, "arguments")
  end
end

local function add_delta(found, type_, choice, of, name)
  local piece = text_of(of[name])
  if piece then add(found, { type = type_, delta = piece, choice = choice }, of, name) end
end

local function add_choice(found, state, choice, position)
  local number = (tonumber(given(choice.index)) or position - 1) + 1
  local n = number > 1 and number or nil
  local delta = object(choice.delta)
  local thought = text_of(delta.reasoning_content) and "reasoning_content" or "reasoning"
  add_delta(found, "reasoning", n, delta, thought)
  add_delta(found, "text", n, delta, "content")
  add_delta(found, "text", n, choice, "text")
  for k, call in ipairs(items(delta.tool_calls)) do
    add_tool(found, state, n, object(call), k)
  end
  local reason = M.reason(choice.finish_reason)
  if reason then
    end_tool(found, state, n)
    add(found, { type = "finish", reason = reason, choice = n }, choice, "finish_reason")
  end
end

--- What M.events() has to remember from one chunk of a stream to the next.
function M.new_state()
  return { open = {} }
end

--- The events of one chunk, in order.
-- @tparam table state of M.new_state()
-- @tparam table chunk decoded
-- @treturn table { events = list, places = where each stands in the chunk, false: nowhere }
function M.events(state, chunk)
  local found = { events = {}, places = {} }
  for position, choice in ipairs(items(chunk.choices)) do
    add_choice(found, state, object(choice), position)
  end
  local usage = M.usage(chunk.usage)
  if usage then
    usage.type = "usage"
    add(found, usage, chunk, "usage")
  end
  local problem = given(chunk.error)
  if problem then
    local message = type(problem) == "table" and given(problem.message) or problem
    add(found, { type = "error", error = { kind = "upstream_5xx", message = tostring(message) } })
  end
  return found
end

return M
