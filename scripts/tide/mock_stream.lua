-- Writes the mock's answers exactly in OpenAI's shape: whole, or as server-sent events.
local core = require("core")

local M = {}

-- 2025-01-01: the same request has the same bytes on every day.
local CREATED = 1735689600

local OBJECTS = {
  chat = { whole = "chat.completion", chunk = "chat.completion.chunk" },
  text = { whole = "text_completion", chunk = "text_completion" },
}

local function event(answer, choices, usage)
  local chunk = {
    id = answer.id, object = OBJECTS[answer.kind].chunk, created = CREATED, model = answer.model,
    system_fingerprint = "fp_mock", choices = core.array(choices),
  }
  if usage then
    chunk.usage = usage
  elseif answer.asks_usage then
    chunk.usage = core.null
  end
  return "data: " .. core.encode(chunk) .. "\n\n"
end

local function delta(answer, index, fields, finish)
  local choice = { index = index - 1, logprobs = core.null, finish_reason = finish or core.null }
  if answer.kind == "chat" then
    choice.delta = fields
  else
    choice.text = fields.content or ""
  end
  return event(answer, { choice })
end

local function tool_delta(answer, index, position, fields)
  fields.index = position - 1
  return delta(answer, index, { tool_calls = core.array({ fields }) })
end

-- All events of one choice but its finish, one per token.
local function choice_events(answer, index, choice)
  local events = {}
  for _, piece in ipairs(choice.pieces) do
    events[#events + 1] = delta(answer, index, { content = piece })
  end
  for position, call in ipairs(choice.calls or {}) do
    events[#events + 1] = tool_delta(answer, index, position, {
      id = call.id, type = "function", ["function"] = { name = call.name, arguments = "" },
    })
    for _, piece in ipairs(call.pieces) do
      events[#events + 1] = tool_delta(answer, index, position, {
        ["function"] = { arguments = piece },
      })
    end
  end
  return events
end

-- Choices take turns, as OpenAI sends them.
local function interleave(answer)
  local lists, longest, events = {}, 0, {}
  for index, choice in ipairs(answer.choices) do
    lists[index] = choice_events(answer, index, choice)
    longest = math.max(longest, #lists[index])
  end
  for step = 1, longest do
    for index = 1, #lists do events[#events + 1] = lists[index][step] end
  end
  return events
end

local function opening(answer)
  if answer.kind ~= "chat" then return "" end
  local text = {}
  for index, choice in ipairs(answer.choices) do
    local content = choice.calls and core.null or ""
    text[index] = delta(answer, index, { role = "assistant", content = content })
  end
  return table.concat(text)
end

local function ending(answer)
  local text = {}
  for index, choice in ipairs(answer.choices) do
    text[index] = delta(answer, index, {}, choice.finish)
  end
  text[#text + 1] = event(answer, {}, answer.usage)
  text[#text + 1] = "data: [DONE]\n\n"
  return table.concat(text)
end

-- False when nobody listens any more.
local function write(out, bytes)
  if bytes == "" then return true end
  local _, err = out:write(bytes)
  return not err
end

local function pause(seconds)
  if seconds <= 0 then return true end
  local _, err = core.sleep(seconds)
  return not err
end

--- Streams an answer.
-- @param out
-- @tparam table answer of mock_chat
-- @tparam table pace seconds before the first token and between tokens
-- @tparam boolean is_cut end in the middle, without a terminal event
function M.send(out, answer, pace, is_cut)
  out:head(200, { ["content-type"] = "text/event-stream", ["cache-control"] = "no-cache" })
  if not write(out, opening(answer)) then return end
  local events = interleave(answer)
  local last = is_cut and math.ceil(#events / 2) or #events
  for i = 1, last do
    if not (pause(i == 1 and pace[1] or pace[2]) and write(out, events[i])) then return end
  end
  if is_cut then return out:cut() end
  write(out, ending(answer))
end

local function tool_calls(calls)
  local list = {}
  for i, call in ipairs(calls) do
    list[i] = {
      id = call.id, type = "function",
      ["function"] = { name = call.name, arguments = call.arguments },
    }
  end
  return core.array(list)
end

local function whole_choice(answer, index, choice)
  local content = table.concat(choice.pieces)
  local result = { index = index - 1, logprobs = core.null, finish_reason = choice.finish }
  if answer.kind == "chat" then
    result.message = { role = "assistant", content = content, refusal = core.null }
    if choice.calls then
      result.message.content, result.message.tool_calls = core.null, tool_calls(choice.calls)
    end
  else
    result.text = content
  end
  return result
end

local function whole_text(answer)
  if answer.body then return answer.body end
  local choices = {}
  for index, choice in ipairs(answer.choices) do
    choices[index] = whole_choice(answer, index, choice)
  end
  return core.encode({
    id = answer.id, object = OBJECTS[answer.kind].whole, created = CREATED, model = answer.model,
    system_fingerprint = "fp_mock", choices = core.array(choices), usage = answer.usage,
  })
end

--- Sends an answer in one piece; an answer with `body` has its text already.
function M.send_whole(out, answer, is_cut)
  local body = whole_text(answer)
  if is_cut then body = body:sub(1, math.floor(#body / 2)) end
  out:head(200, { ["content-type"] = "application/json" })
  if write(out, body) and is_cut then out:cut() end
end

return M
