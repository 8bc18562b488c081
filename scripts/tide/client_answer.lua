-- Reads the bytes of an answer as the client gets them, whatever its dialect: for `accept` and for
-- tests of scripts. Pure.
local core = require("core")
local fold = require("tide.canonical_fold")
local grammar = require("tide.canonical_grammar")
local view = require("tide.canonical_view")

local M = {}

local function chunks(body)
  local state, folded = view.new_state(), fold.new()
  for _, data in ipairs((core.event_data(body))) do
    local chunk = core.decode(data)
    if type(chunk) == "table" then
      for _, event in ipairs(view.events(state, chunk).events) do folded:add(event) end
    end
  end
  return folded:result()
end

local function of_openai(body, is_stream)
  if is_stream then return chunks(body) end
  local answer = core.decode(body)
  return view.answer(type(answer) == "table" and answer or {})
end

-- The data of each event, text, or what an array holds; and the names of those that have one.
local function data_of(dialect, body, is_array)
  if not is_array then return core.event_data(body, dialect.framing) end
  local list = core.decode(body, dialect.raw)
  return type(list) == "table" and list or {}, {}
end

local function tell_events(dialect, body, is_array, emit, info)
  local state = {}
  local list, names = data_of(dialect, body, is_array)
  for i, data in ipairs(list) do
    if type(data) == "string" then
      local value = core.decode(data, dialect.raw)
      if value ~= nil then data = value end
    end
    dialect.decode_event({ data = data, name = names[i] }, emit, state, info)
  end
  if dialect.end_events then dialect.end_events(emit, state, info) end
end

local function tell(dialect, body, form, emit, info)
  if form.stream then return tell_events(dialect, body, form.as_array, emit, info) end
  local answer = core.decode(body, dialect.raw)
  if type(answer) == "table" then dialect.decode_answer(answer, emit, info) end
end

--- What an answer says, as scripts see it.
-- @tparam table dialect the client's
-- @tparam string body
-- @tparam table form { stream = boolean, as_array = boolean or nil }
-- @tparam table info of call_info.of()
-- @treturn table { text, reasoning, message, tool_calls, finish_reason, usage }; of what cannot be
--   read as much as could be
-- @treturn nil|string why some of it could not be read
function M.read(dialect, body, form, info)
  if dialect.name == "openai-chat" then return of_openai(body, form.stream) end
  local folded = fold.new()
  local told = grammar.new(function(event)
    if event.type ~= "error" and event.type ~= "dropped" then folded:add(event) end
  end, info.id)
  local ok, raised = pcall(tell, dialect, body, form, told.emit, info)
  told.finish()
  if ok then return folded:result() end
  local err = type(raised) == "table" and raised.err or { message = raised }
  return folded:result(), tostring(err.message)
end

return M
