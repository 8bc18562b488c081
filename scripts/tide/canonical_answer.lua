-- Tells a whole answer as events: the canonical answer, or the short form that an adapter's
-- `decode` may return, with the fields of a result of tide.chat().
local core = require("core")

local M = {}

local function emit_text(part, emit, choice)
  emit("text", {
    delta = part.text, choice = choice, signature = part.signature, format = part.format,
  })
  for _, citation in ipairs(part.citations or {}) do
    local fields = { choice = choice }
    for name, value in pairs(citation) do fields[name] = value end
    emit("citation", fields)
  end
end

local function emit_tool(part, emit, choice, i)
  emit("tool_start", {
    i = i, id = part.id, name = part.name, kind = part.kind, choice = choice,
    signature = part.signature, format = part.format,
  })
  local arguments = part.kind == "custom" and part.input or part.arguments
  if type(arguments) == "table" then arguments = core.encode(arguments) end
  emit("tool_args", { i = i, delta = arguments, choice = choice })
  emit("tool_end", { i = i, choice = choice })
end

local PARTS = {
  text = emit_text,
  tool_use = emit_tool,
  refusal = function(part, emit, choice)
    emit("refusal", { delta = part.text, choice = choice })
  end,
  reasoning = function(part, emit, choice)
    emit("reasoning", {
      delta = part.text, signature = part.signature, redacted = part.redacted,
      format = part.format, id = part.id, summary = part.summary, choice = choice,
    })
  end,
  image = function(part, emit, choice)
    emit("image", { data = part.data, mime = part.mime, url = part.url, choice = choice })
  end,
  audio = function(part, emit, choice)
    emit("audio", {
      data = part.data, id = part.id, transcript = part.transcript, mime = part.mime,
      choice = choice,
    })
  end,
}

local function emit_choice(choice, emit, number)
  for i, part in ipairs(choice.content or {}) do
    local tell = PARTS[part.type]
    if tell then tell(part, emit, number, i) else emit("dropped", { what = part.type }) end
  end
  emit("finish", {
    reason = choice.finish_reason or "stop", raw = choice.finish_raw, sequence = choice.sequence,
    message = choice.finish_message,
    choice = number,
  })
end

-- { text =, reasoning =, tool_calls = { { id, name, arguments } }, finish_reason = }
local function choice_of(short)
  local content = {}
  if type(short.reasoning) == "string" then
    content[#content + 1] = { type = "reasoning", text = short.reasoning }
  end
  if type(short.text) == "string" then
    content[#content + 1] = { type = "text", text = short.text }
  end
  for _, call in ipairs(short.tool_calls or {}) do
    content[#content + 1] = {
      type = "tool_use", id = call.id, name = call.name,
      arguments = call.arguments or call.arguments_text,
    }
  end
  return { content = content, finish_reason = short.finish_reason }
end

-- Nobody has said anything, nor that it ended: a body that is no answer, read as if it were one.
local NO_ANSWER = {
  kind = "protocol", message = "decode returned neither content nor a finish_reason",
}

local function is_nothing(answer)
  if answer.choices then return false end
  local choice = choice_of(answer)
  for _, part in ipairs(choice.content) do
    if part.text ~= "" then return false end
  end
  return choice.finish_reason == nil
end

--- Emits the events of an answer.
-- @tparam table answer { id =, model =, choices = {...}, usage = {...}, error = {...} }, or without
--   choices: text =, reasoning =, tool_calls =, finish_reason =
-- @tparam function emit of canonical_grammar.lua
function M.emit(answer, emit)
  if answer.error then return emit("error", { error = answer.error }) end
  if is_nothing(answer) then return emit("error", { error = NO_ANSWER }) end
  emit("start", {
    id = answer.id, model = answer.model, created = answer.created,
    service_tier = answer.service_tier, fingerprint = answer.fingerprint,
  })
  for i, choice in ipairs(answer.choices or { choice_of(answer) }) do
    emit_choice(choice, emit, i > 1 and i or nil)
  end
  if type(answer.usage) == "table" then
    local usage = {}
    for name, value in pairs(answer.usage) do usage[name] = value end
    emit("usage", usage)
  end
end

return M
