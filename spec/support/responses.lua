-- Helps the specs of the dialect openai-responses: streams in and out, and recorded traffic.
local core = require("core")
local fold = require("tide.canonical_fold")
local grammar = require("tide.canonical_grammar")

local M = {}

M.FOLDER = os.getenv("TIDEGATE_RECORDINGS") or "../shared/recordings"

--- `call` as a dialect gets it; `call.warned` lists what it warned of.
function M.call(fields)
  local call = {
    op = "chat", stream = true, model = "gpt-5.6", asked = "smart", provider = "openai",
    client_dialect = "openai-responses", provider_dialect = "anthropic-messages",
    id = "0123456789abcdef0123456789abcdef", created = 1790000000, traits = {}, warned = {},
  }
  call.warn = function(what) call.warned[#call.warned + 1] = what end
  for name, value in pairs(fields or {}) do call[name] = value end
  return call
end

--- The text of a file, nil where there is none.
function M.read(path)
  local file = io.open(path, "rb")
  if not file then return nil end
  local text = file:read("*a")
  file:close()
  return text
end

--- The events of a stream: { name =, data = decoded or text }.
function M.events(text)
  local events = {}
  for block in (text:gsub("\r\n", "\n") .. "\n\n"):gmatch("(.-)\n\n+") do
    local name, data = block:match("event: ([^\n]*)"), block:match("data: ([^\n]*)")
    if data then events[#events + 1] = { name = name, data = core.decode(data) or data } end
  end
  return events
end

--- What a provider's events tell, through the grammar: canonical events, and the error if it
-- failed.
function M.decode(dialect, events)
  local told, state = {}, {}
  local between = grammar.new(function(event) told[#told + 1] = event end, "0123456789")
  for _, event in ipairs(events) do dialect.decode_event(event, between.emit, state, M.call()) end
  local _, err = between.finish()
  return told, err
end

--- The same for a whole answer.
function M.decode_answer(dialect, body)
  local told = {}
  local between = grammar.new(function(event) told[#told + 1] = event end, "0123456789")
  dialect.decode_answer(body, between.emit, M.call())
  local _, err = between.finish()
  return told, err
end

--- The canonical answer of events.
function M.fold(events)
  local folded = fold.new()
  for _, event in ipairs(events) do folded:add(event) end
  return folded:answer()
end

--- What a client gets for canonical events: decoded events in order.
function M.encode(dialect, events, call)
  local sent, state = {}, {}
  call = call or M.call()
  local function write(data, name)
    local value = type(data) == "string" and assert(core.decode(data)) or data
    sent[#sent + 1] = { name = name, data = value }
  end
  for _, event in ipairs(events) do
    local own = {}
    for key, value in pairs(event) do own[key] = value end
    dialect.encode_event(own, write, state, call)
  end
  dialect.end_stream(write, state, call)
  return sent
end

--- Recorded answers of one kind, "sse" or "json": { name =, text =, request = }.
function M.recorded(extension)
  local list = {}
  local index = M.read(M.FOLDER .. "/INDEX.csv")
  for line in (index or ""):gmatch("[^\n]+") do
    local provider, name, endpoint = line:match("^([^,]*),([^,]*),([^,]*)")
    local path = M.FOLDER .. "/" .. tostring(provider) .. "/" .. tostring(name)
    local text = endpoint == "responses" and M.read(path .. ".response." .. extension)
    if text then
      list[#list + 1] = {
        name = provider .. "/" .. name, text = text, request = M.read(path .. ".request.json"),
      }
    end
  end
  return list
end

return M
