-- Reasoning as openai-chat carries it: text in reasoning_content (or reasoning), and what has to
-- come back unchanged in reasoning_details, as OpenRouter writes them, or in thinking_blocks. Pure.
local canonical = require("tide.canonical")
local core = require("core")

local given, string_of, text_of = canonical.given, canonical.string_of, canonical.text_of
local table_of = canonical.table_of

local M = {}

-- Whose a signature is: the names that stand in `format`, and the gateway's.
local FORMATS = {
  ["anthropic-claude-v1"] = "anthropic", ["google-gemini-v1"] = "gemini",
  ["openai-responses-v1"] = "openai",
}
local NAMES = {}
for name, format in pairs(FORMATS) do NAMES[format] = name end

--- The gateway's word for a `format`; others stay.
function M.format_of(name)
  name = text_of(name)
  return FORMATS[name] or name
end

--- What stands in `format`.
function M.name_of(format)
  return format and (NAMES[format] or format) or nil
end

-- ---- reading ------------------------------------------------------------------------------------

-- Clients that collect the pieces of a stream without joining them send them all back.
local function goes_on(part, index, summary)
  return part ~= nil and part.index == index and index ~= nil and part.summary == summary
    and not part.signature and not part.redacted
end

local function add_text(parts, detail, text, summary)
  local last = parts[#parts]
  local index = given(detail.index)
  if not goes_on(last, index, summary) then
    last = { type = "reasoning", text = "", summary = summary, index = index }
    parts[#parts + 1] = last
  end
  last.text = last.text .. (string_of(text) or "")
  last.signature = text_of(detail.signature)
  last.id = text_of(detail.id) or last.id
  if last.signature then last.format = M.format_of(detail.format) end
end

-- What belongs to the summary before it has its id.
local function add_encrypted(parts, detail)
  local last, id = parts[#parts], text_of(detail.id)
  if not (last and last.summary and id and last.id == id and not last.redacted) then
    last = { type = "reasoning", text = "", id = id }
    parts[#parts + 1] = last
  end
  last.redacted, last.format = detail.data, M.format_of(detail.format)
end

local function of_details(list)
  local parts, has_text = {}, false
  for _, detail in ipairs(table_of(list)) do
    detail = table_of(detail)
    if detail.type == "reasoning.text" then
      add_text(parts, detail, detail.text)
      has_text = true
    elseif detail.type == "reasoning.summary" then
      add_text(parts, detail, detail.summary, true)
      has_text = true
    elseif detail.type == "reasoning.encrypted" and text_of(detail.data) then
      add_encrypted(parts, detail)
    end
  end
  for _, part in ipairs(parts) do part.index = nil end
  return parts, has_text
end

local function of_blocks(list)
  local parts = {}
  for _, block in ipairs(table_of(list)) do
    block = table_of(block)
    if block.type == "thinking" then
      parts[#parts + 1] = {
        type = "reasoning", text = string_of(block.thinking) or "",
        signature = text_of(block.signature),
        format = text_of(block.signature) and "anthropic" or nil,
      }
    elseif block.type == "redacted_thinking" and text_of(block.data) then
      parts[#parts + 1] = {
        type = "reasoning", text = "", redacted = block.data, format = "anthropic",
      }
    end
  end
  return parts
end

--- The reasoning of an assistant's message, as parts, in order.
function M.parts(message)
  local text = text_of(message.reasoning_content) or text_of(message.reasoning)
  local parts, has_text = of_details(message.reasoning_details)
  if #parts == 0 then
    parts = of_blocks(message.thinking_blocks)
    has_text = #parts > 0
  end
  if text and not has_text then
    table.insert(parts, 1, { type = "reasoning", text = text })
  end
  return parts
end

local function event_of_encrypted(detail, known)
  local id = text_of(detail.id)
  return {
    delta = "", redacted = text_of(detail.data), format = M.format_of(detail.format), id = id,
    summary = id ~= nil and id == known.summary_id or nil,
  }
end

local function event_of_summary(detail, known)
  known.summary_id = text_of(detail.id) or known.summary_id
  return { delta = string_of(detail.summary) or "", summary = true, id = known.summary_id }
end

local function event_of_text(detail)
  local signature = text_of(detail.signature)
  return {
    delta = string_of(detail.text) or "", signature = signature,
    format = signature and M.format_of(detail.format), id = text_of(detail.id),
  }
end

local KINDS = {
  ["reasoning.text"] = event_of_text, ["reasoning.summary"] = event_of_summary,
  ["reasoning.encrypted"] = event_of_encrypted,
}

-- The text of details stands in `reasoning` as well; details that have none leave it to that.
local function has_text(details)
  for _, detail in ipairs(details) do
    local kind = table_of(detail).type
    if kind == "reasoning.text" or kind == "reasoning.summary" then return true end
  end
  return false
end

local function emit_details(details, emit, known, number, delta, name)
  for _, detail in ipairs(details) do
    detail = table_of(detail)
    local event_of = KINDS[detail.type]
    if event_of then
      local event = event_of(detail, known)
      event.choice = number
      local is_text = event.delta ~= "" and name
      emit("reasoning", event, is_text and delta or nil, is_text or nil)
    else
      emit("dropped", { what = "reasoning_details" })
    end
  end
end

local function emit_text(emit, number, delta, name)
  if name then emit("reasoning", { delta = delta[name], choice = number }, delta, name) end
end

--- Tells the reasoning of a message or a delta of one.
-- @tparam table known what has to be remembered of this choice
function M.emit(delta, emit, known, number)
  local name = text_of(delta.reasoning_content) and "reasoning_content"
    or text_of(delta.reasoning) and "reasoning"
  local details = delta.reasoning_details
  if type(details) ~= "table" or #details == 0 then return emit_text(emit, number, delta, name) end
  if not has_text(details) then emit_text(emit, number, delta, name) end
  emit_details(details, emit, known, number, delta, name)
end

-- ---- writing ------------------------------------------------------------------------------------

local function add_detail(details, detail)
  detail.index = #details
  details[#details + 1] = detail
end

--- Parts of reasoning as reasoning_content and reasoning_details; nil for none.
function M.fields(parts)
  local texts, details = {}, {}
  for _, part in ipairs(parts) do
    if part.type == "reasoning" then
      local format = M.name_of(part.format)
      texts[#texts + 1] = text_of(part.text)
      if text_of(part.text) or part.signature then
        local name = part.summary and "summary" or "text"
        add_detail(details, {
          type = "reasoning." .. name, [name] = part.text or "", signature = part.signature,
          format = format, id = part.id,
        })
      end
      if part.redacted then
        add_detail(details, {
          type = "reasoning.encrypted", data = part.redacted, format = format, id = part.id,
        })
      end
    end
  end
  if #details == 0 then return nil, nil end
  return #texts > 0 and table.concat(texts) or nil, core.array(details)
end

return M
