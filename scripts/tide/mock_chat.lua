-- What the mock says: chat and text completions as an answer in neutral form, which mock_stream
-- writes. An answer is { id, model, kind, choices = { { pieces, calls, finish } }, usage }.
local core = require("core")
local check = require("tide.mock_check")
local schema = require("tide.mock_schema")
local text = require("tide.mock_text")
local tools = require("tide.mock_tools")

local M = {}

local function content_text(content)
  if type(content) == "string" then return content end
  if type(content) ~= "table" then return "" end
  local parts = {}
  for _, part in ipairs(content) do
    if type(part) == "table" and type(part.text) == "string" then parts[#parts + 1] = part.text end
  end
  return table.concat(parts, " ")
end

local function last_of(messages, role)
  for i = #messages, 1, -1 do
    if messages[i].role == role then return content_text(messages[i].content) end
  end
  return ""
end

-- What tools have just answered, in their order.
local function results(messages)
  local list = {}
  for i = #messages, 1, -1 do
    if messages[i].role ~= "tool" then break end
    table.insert(list, 1, content_text(messages[i].content))
  end
  return list
end

local function shape_of(request)
  local format = request.response_format
  if type(format) ~= "table" then return nil end
  if format.type == "json_object" then
    return { type = "object", properties = { answer = { type = "string" } } }
  end
  local wrapped = format.type == "json_schema" and format.json_schema
  return type(wrapped) == "table" and type(wrapped.schema) == "table" and wrapped.schema or nil
end

local function json_reply(shape, prompt)
  local names = text.names(prompt)
  local value = schema.sample(shape, prompt, function(name)
    if name == "answer" then return "The mock answers: " .. prompt end
    return names[1] or "mock " .. name
  end)
  return core.encode(value)
end

local function reply(call, request, prompt)
  if call.model == "echo" then return prompt end
  local shape = shape_of(request)
  if shape then return json_reply(shape, prompt) end
  local found = results(request.messages or {})
  if #found > 0 then return "The tools answered: " .. table.concat(found, "; ") end
  return "Hello from tidegate's mock, which needs no key and no network. You said: \"" .. prompt
    .. "\". For a real model set a key such as OPENAI_API_KEY and ask for openai/gpt-4o-mini."
end

local function find_mark(said, mark)
  return type(mark) == "string" and mark ~= "" and said:find(mark, 1, true) or nil
end

local function cut_at_stop(said, stop)
  local stops = type(stop) == "table" and stop or { stop }
  local first = #said + 1
  for _, mark in ipairs(stops) do first = math.min(first, find_mark(said, mark) or first) end
  return said:sub(1, first - 1)
end

local function limit_of(request)
  local limit = request.max_completion_tokens
  if type(limit) ~= "number" then limit = request.max_tokens end
  return type(limit) == "number" and limit or math.huge
end

local function text_choice(request, said)
  local pieces, limit = text.pieces(cut_at_stop(said, request.stop)), limit_of(request)
  local finish = #pieces > limit and "length" or "stop"
  for i = #pieces, limit + 1, -1 do pieces[i] = nil end
  return { pieces = pieces, finish = finish, tokens = #pieces }
end

local function call_choice(calls)
  local tokens = 0
  for _, call in ipairs(calls) do
    call.pieces = text.pieces(call.arguments)
    tokens = tokens + #call.pieces + 1
  end
  return { pieces = {}, calls = calls, finish = "tool_calls", tokens = tokens }
end

local function count_of(request)
  return type(request.n) == "number" and request.n or 1
end

local function answer(call, kind, choices, prompt_tokens)
  local completion = 0
  for _, choice in ipairs(choices) do completion = completion + choice.tokens end
  local options = call.request.stream_options
  return {
    kind = kind,
    id = (kind == "chat" and "chatcmpl-mock-" or "cmpl-mock-") .. text.hex(call.body),
    model = call.model,
    choices = choices,
    asks_usage = type(options) == "table" and options.include_usage == true,
    usage = {
      prompt_tokens = prompt_tokens, completion_tokens = completion,
      total_tokens = prompt_tokens + completion,
      prompt_tokens_details = { cached_tokens = 0 },
      completion_tokens_details = { reasoning_tokens = 0 },
    },
  }
end

--- POST /v1/chat/completions. Returns an answer, or nil and what is wrong.
function M.chat(call, request)
  local problem = check.chat(request)
  if problem then return nil, problem end
  call.request = request
  local messages = request.messages
  local prompt, tokens = last_of(messages, "user"), 0
  for _, message in ipairs(messages) do
    tokens = tokens + 4 + text.count(content_text(message.content))
  end
  local choices = {}
  for i = 1, count_of(request) do
    local seed = call.body .. i
    local calls = tools.calls(request, messages[#messages].role, prompt, seed)
    choices[i] = calls and call_choice(calls) or text_choice(request, reply(call, request, prompt))
  end
  return answer(call, "chat", choices, tokens)
end

local function prompts_of(prompt)
  if type(prompt) == "string" then return { prompt } end
  if type(prompt) ~= "table" or #prompt == 0 then return nil end
  if type(prompt[1]) == "number" then return { #prompt .. " tokens" } end
  local list = {}
  for i, item in ipairs(prompt) do
    list[i] = type(item) == "string" and item or (type(item) == "table" and #item .. " tokens")
    if not list[i] then return nil end
  end
  return list
end

--- POST /v1/completions.
function M.complete(call, request)
  local prompts = prompts_of(request.prompt)
  if not prompts then
    return nil, { param = "prompt", message = "prompt must be text, or a list of texts or tokens." }
  end
  local problem = check.numbers(request)
  if problem then return nil, problem end
  call.request = request
  local choices, tokens = {}, 0
  for _, prompt in ipairs(prompts) do
    tokens = tokens + text.count(prompt)
    for _ = 1, count_of(request) do
      local said = reply(call, request, prompt)
      choices[#choices + 1] = text_choice(request, request.echo == true and prompt .. said or said)
    end
  end
  return answer(call, "text", choices, tokens)
end

return M
