-- t.chat and t.request: requests as a client would send them, and their answers taken apart.
local client_answer = require("tide.client_answer")
local core = require("core")
local current = require("tide.current")
local endpoints = require("tide.endpoints")

local M = {}

--- Says which client a request of a test is from.
M.CLIENT_HEADER = "x-tidegate-test-client"

local AS_CLIENT = { as_client = true } -- see gateway.serve_inner
local NOT_BODY = { headers = true, client = true, path = true }

local function list_of(text, pattern)
  local list = {}
  for item in (text or ""):gmatch(pattern) do list[#list + 1] = item end
  return list
end

-- "groq/llama#1=429/0 openai/gpt-4o#1=200/12": targets and the names of their providers.
local function attempts_of(text)
  local targets, providers = {}, {}
  for i, label in ipairs(list_of(text, "(%S+)=%S+")) do
    targets[i] = label:match("^(.*)#") or label
    providers[i] = targets[i]:match("^([^/]*)")
  end
  return targets, providers
end

local function events_of(body, framing)
  local events = {}
  for _, data in ipairs((core.event_data(body, framing))) do
    local event = core.decode(data)
    if type(event) == "table" then events[#events + 1] = event end
  end
  return events
end

local function is_set(value)
  return value ~= nil and value ~= core.null
end

local function add_thought(result, text)
  if type(text) == "string" then result.reasoning = (result.reasoning or "") .. text end
end

-- What matters of one event or whole answer joins `result`.
local function add(result, parts, value)
  if is_set(value.usage) then result.usage = value.usage end
  if is_set(value.error) then result.error = value.error end
  local choice = type(value.choices) == "table" and value.choices[1]
  if type(choice) ~= "table" then return end
  if is_set(choice.finish_reason) then result.finish_reason = choice.finish_reason end
  local said = choice.message or choice.delta or { content = choice.text }
  if type(said.content) == "string" then parts[#parts + 1] = said.content end
  add_thought(result, said.reasoning_content)
  if is_set(said.tool_calls) and choice.message then result.tool_calls = said.tool_calls end
end

-- What an answer in another dialect than OpenAI's says; its usage is in the gateway's words.
local function read_other(result, dialect, path)
  local is_array = path:find(":streamGenerateContent", 1, true) ~= nil
  local said = client_answer.read(dialect, result.body, {
    stream = result.events ~= nil or is_array, as_array = result.events == nil,
  }, {
    op = "chat", client_dialect = dialect.name, asked = "test", id = ("0"):rep(32), created = 0,
    traits = {}, warn = function() end,
  })
  if said.text ~= "" then result.text = said.text end
  if said.reasoning ~= "" then result.reasoning = said.reasoning end
  if #said.tool_calls > 0 then result.tool_calls = said.tool_calls end
  result.finish_reason, result.usage = said.finish_reason, said.usage
end

local function dialect_of(path)
  local route = endpoints.find(path:match("^[^?]*"))
  local op = route and route.POST
  if type(op) == "table" and op.name == "chat" and op.dialect ~= "openai-chat" then
    return current.gen.dialects[op.dialect]
  end
end

-- How the events of an answer are framed; nil: it is no stream.
local function framing_of(result, dialect)
  local content_type = result.headers["content-type"] or ""
  if content_type:find("^text/event%-stream") then return "sse" end
  return dialect and content_type == dialect.content_type and dialect.framing or nil
end

-- In whichever dialect: { error = { message } }, { message }, or { error = text }.
local function error_of(value)
  if type(value) ~= "table" then return nil end
  if is_set(value.error) then value = value.error end
  return type(value) == "string" and { message = value } or value
end

local function read_content(result, path)
  local parts, dialect = {}, dialect_of(path)
  local framing = framing_of(result, dialect)
  if framing then
    result.events = events_of(result.body, framing)
    for _, event in ipairs(result.events) do add(result, parts, event) end
  else
    local value = core.decode(result.body)
    result.json = value
    if type(value) == "table" then add(result, parts, value) end
    if result.status >= 400 then result.error = error_of(value) end
  end
  if #parts > 0 then result.text = table.concat(parts) end
  if dialect and result.status == 200 then read_other(result, dialect, path) end
end

local function read_headers(result)
  local headers = result.headers
  result.targets, result.attempts = attempts_of(headers["x-tidegate-attempts"])
  result.target = headers["x-tidegate-target"]
  result.policy = (headers["x-tidegate-policy"] or ""):match("^([^@]+)")
  result.warnings = list_of(headers["x-tidegate-warnings"], "%s*([^,]+)")
end

-- The one who waits is the case: the request gets a task of its own.
local function ask(request)
  local inner, err = core.inner({
    method = request.method, path = request.path, body = request.body or "",
    headers = request.headers, as_client = true, context = AS_CLIENT,
  })
  if not inner then error("the request cannot be asked: " .. err.message, 4) end
  local status, headers, body = inner:wait()
  local result = { status = status, headers = status and headers or {}, body = body or "" }
  if not status then result.error, result.kind = headers, headers.kind end
  read_headers(result)
  read_content(result, request.path)
  local facts = inner:facts()
  result.outcome = facts and facts.outcome
  return result
end

-- Clients have no keys in a test, but names: `client` is one of them, false stands for none.
local function headers_of(request)
  local headers = { ["content-type"] = "application/json", ["user-agent"] = "tidegate test" }
  for name, value in pairs(request.headers or {}) do headers[name:lower()] = tostring(value) end
  if request.client ~= false then headers[M.CLIENT_HEADER] = request.client or "test" end
  return headers
end

--- A chat. Everything but headers, client and path is the body; without messages it says "hi".
-- @tparam table request
function M.chat(request)
  if type(request) ~= "table" then error("t.chat takes a table", 3) end
  local body = { messages = { { role = "user", content = "hi" } } }
  for name, value in pairs(request) do
    if not NOT_BODY[name] then body[name] = value end
  end
  return ask({
    method = "POST", path = request.path or "/v1/chat/completions", headers = headers_of(request),
    body = core.encode(body),
  })
end

--- Any request: { method = "GET", path =, headers =, body = text or table, client = }.
function M.request(request)
  if type(request) ~= "table" or type(request.path) ~= "string" then
    error("t.request takes a table with a path", 3)
  end
  local body = request.body
  if type(body) == "table" then body = core.encode(body) end
  return ask({
    method = request.method or (body and "POST" or "GET"), path = request.path, body = body,
    headers = headers_of(request),
  })
end

return M
