-- What scripts see of openai-chat: canonical events, each with its place in what it was read from,
-- and whole answers. Pure.
local canonical = require("tide.canonical")
local fold = require("tide.canonical_fold")
local later = require("tide.later")

local read = later("dialects.openai-chat.answer")

local M = {}

-- What on_event is shown; the rest of what a decoder tells is for encoders.
local SHOWN = {
  text = true, reasoning = true, tool_start = true, tool_args = true, usage = true, finish = true,
  error = true,
}
local FIELDS = {
  text = { "delta" }, reasoning = { "delta" }, tool_start = { "id", "name" },
  tool_args = { "delta" }, usage = canonical.COUNTS, finish = { "reason" },
}

-- ---- events -------------------------------------------------------------------------------------

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

-- Calls are numbered by the order of their beginning.
local function number_of(state, told)
  local choice = told.choice or 1
  local numbers = state.numbers[choice] or { count = 0 }
  state.numbers[choice] = numbers
  if told.type == "tool_start" then
    numbers.count = numbers.count + 1
    numbers[told.i] = numbers.count
  end
  return numbers[told.i]
end

local function error_of(told)
  return { kind = told.error.kind or "upstream_5xx", message = told.error.message }
end

local function shown(state, told)
  local event = { type = told.type, choice = told.choice }
  for _, field in ipairs(FIELDS[told.type] or {}) do event[field] = told[field] end
  if told.i ~= nil then event.i = number_of(state, told) end
  if told.type == "error" then event.error = error_of(told) end
  return event
end

local function take(found, state, told, of, name)
  if not SHOWN[told.type] or told.delta == "" then return end
  local choice = told.choice
  if told.type == "tool_start" or told.type == "finish" then end_tool(found, state, choice) end
  local event = shown(state, told)
  if told.type == "tool_start" then state.open[choice or 1] = event.i end
  add(found, event, of, name)
end

--- What M.events() has to remember from one chunk of a stream to the next.
function M.new_state()
  local state = { open = {}, numbers = {}, of_decoder = { is_shown = true } }
  function state.emit(type_, told, of, name)
    told.type = type_
    take(state.found, state, told, of, name)
  end
  return state
end

--- The events of one chunk, in order.
-- @tparam table state of M.new_state()
-- @tparam table chunk decoded
-- @treturn table { events = list, places = where each stands in the chunk, false: nowhere }
function M.events(state, chunk)
  local found = { events = {}, places = {} }
  state.found = found
  read.event({ data = chunk }, state.emit, state.of_decoder)
  return found
end

-- ---- whole answers ------------------------------------------------------------------------------

--- A whole answer of a chat or a completion.
-- @tparam table answer decoded
-- @treturn table { text, reasoning, message, tool_calls, finish_reason }
function M.answer(answer)
  local folded = fold.new()
  read.answer(answer, function(type_, told)
    told.type = type_
    if told.i ~= nil or told.delta ~= nil or type_ == "finish" then folded:add(told) end
  end)
  local result = folded:result()
  local first = canonical.table_of(canonical.table_of(answer.choices)[1])
  result.message = type(first.message) == "table" and first.message or nil
  return result
end

--- A whole answer of embeddings: the vectors in the order of the input.
function M.embeddings(answer)
  local vectors = {}
  for position, item in ipairs(canonical.table_of(answer.data)) do
    local index = tonumber(canonical.given(item.index))
    vectors[index and index + 1 or position] = item.embedding
  end
  return vectors
end

return M
