-- Puts events together to the answer that they tell. Pure.
local canonical = require("tide.canonical")
local core = require("core")

local Fold = {}
Fold.__index = Fold

local M = {}

function M.new()
  return setmetatable({ choices = {}, order = {} }, Fold)
end

-- ---- parts --------------------------------------------------------------------------------------

local function choice_of(self, event)
  local number = event.choice or 1
  local choice = self.choices[number]
  if not choice then
    choice = { number = number, content = {}, calls = {} }
    self.choices[number] = choice
    self.order[#self.order + 1] = choice
  end
  return choice
end

-- A part that is still being told has its pieces; `last` is the one that the next piece goes to.
local function open_part(choice, part)
  part.pieces = {}
  choice.content[#choice.content + 1] = part
  choice.last = part
  return part
end

local function add_logprobs(choice, name, list)
  choice[name] = choice[name] or {}
  for _, item in ipairs(list) do choice[name][#choice[name] + 1] = item end
end

-- Signed text is a part of its own; a signature without text belongs to the text before it.
local function take_text(choice, event)
  if event.logprobs then add_logprobs(choice, "logprobs", event.logprobs) end
  if event.delta == "" and not event.signature then return end
  local part = choice.last
  local is_open = part and part.type == "text" and not part.signature
  if not is_open or event.signature and event.delta ~= "" then
    part = open_part(choice, { type = "text" })
  end
  part.pieces[#part.pieces + 1] = event.delta
  part.signature, part.format = event.signature, event.format
  choice.text = part
end

local function take_refusal(choice, event)
  if event.logprobs then add_logprobs(choice, "refusal_logprobs", event.logprobs) end
  local part = choice.last
  if not (part and part.type == "refusal") then
    part = open_part(choice, { type = "refusal" })
  end
  part.pieces[#part.pieces + 1] = event.delta
end

-- The block ends with its signature, or with what is to be kept without being read.
local function take_reasoning(choice, event)
  local part = choice.last
  if not (part and part.type == "reasoning" and part.id == event.id
    and part.summary == event.summary) then
    part = open_part(choice, { type = "reasoning", id = event.id, summary = event.summary })
  end
  part.pieces[#part.pieces + 1] = event.delta
  part.format = event.format or part.format
  part.signature, part.redacted = event.signature, event.redacted
  if event.signature or event.redacted then choice.last = nil end
end

local function take_tool_start(choice, event)
  choice.calls[event.i] = open_part(choice, {
    type = "tool_use", id = event.id, name = event.name, kind = event.kind,
    signature = event.signature, format = event.format,
  })
end

local function take_tool_args(choice, event)
  local call = choice.calls[event.i]
  if call then call.pieces[#call.pieces + 1] = event.delta end
end

local function take_audio(choice, event)
  local part = choice.audio
  if not part then
    part = open_part(choice, { type = "audio", transcripts = {} })
    choice.audio = part
  end
  part.id, part.mime = event.id or part.id, event.mime or part.mime
  part.expires = event.expires or part.expires
  part.pieces[#part.pieces + 1] = event.data
  part.transcripts[#part.transcripts + 1] = event.transcript
end

local function take_image(choice, event)
  choice.last = nil
  choice.content[#choice.content + 1] = {
    type = "image", data = event.data, mime = event.mime, url = event.url,
  }
end

-- The text that is being told is what it speaks of.
local function take_citation(choice, event)
  local of = choice.text or choice
  of.citations = of.citations or {}
  of.citations[#of.citations + 1] = {
    url = event.url, title = event.title, quote = event.quote, start = event.start,
    stop = event.stop, file = event.file, raw = event.raw,
  }
end

local function take_finish(choice, event)
  choice.finish_reason, choice.finish_raw = event.reason, event.raw
  choice.finish_message = event.message
  choice.sequence = event.sequence
end

local OF_CHOICE = {
  text = take_text, refusal = take_refusal, reasoning = take_reasoning,
  tool_start = take_tool_start, tool_args = take_tool_args, image = take_image,
  audio = take_audio, citation = take_citation, finish = take_finish,
}

local function take_usage(self, event)
  self.usage = self.usage or {}
  for name, value in pairs(event) do
    if name ~= "type" and name ~= "early" then self.usage[name] = value end
  end
end

--- Takes one event. It is not kept.
function Fold:add(event)
  local take = OF_CHOICE[event.type]
  if take then return take(choice_of(self, event), event) end
  if event.type == "usage" then return take_usage(self, event) end
  if event.type == "start" then
    self.id, self.model, self.created = event.id, event.model, event.created
    self.service_tier, self.fingerprint = event.service_tier, event.fingerprint
  end
end

-- ---- the canonical answer -----------------------------------------------------------------------

-- Pieces of base64 join as text only where none but the last has a rest.
local function join_base64(pieces)
  for i = 1, #pieces - 1 do
    if #pieces[i] % 4 ~= 0 or pieces[i]:sub(-1) == "=" then
      local bytes = {}
      for k, piece in ipairs(pieces) do bytes[k] = core.base64.decode(piece) or "" end
      return core.base64.encode(table.concat(bytes))
    end
  end
  return table.concat(pieces)
end

local CLOSE = {
  text = function(part, text) part.text = text end,
  refusal = function(part, text) part.text = text end,
  reasoning = function(part, text) part.text = text end,
  tool_use = function(part, text)
    if part.kind == "custom" then
      part.input = text
    else
      part.arguments = text ~= "" and text or "{}"
    end
  end,
  audio = function(part, _, said)
    if #said.pieces > 0 then part.data = join_base64(said.pieces) end
    if #said.transcripts > 0 then part.transcript = table.concat(said.transcripts) end
  end,
}

local NOT_TOLD = { pieces = true, transcripts = true }

local function closed(said)
  if not said.pieces then return said end
  local part = {}
  for name, value in pairs(said) do
    if not NOT_TOLD[name] then part[name] = value end
  end
  CLOSE[said.type](part, table.concat(said.pieces), said)
  return part
end

local function parts_of(choice)
  local parts = {}
  for i, said in ipairs(choice.content) do parts[i] = closed(said) end
  return parts
end

local function answer_of(choice)
  return {
    content = parts_of(choice), finish_reason = choice.finish_reason,
    finish_raw = choice.finish_raw, finish_message = choice.finish_message,
    sequence = choice.sequence, logprobs = choice.logprobs,
    refusal_logprobs = choice.refusal_logprobs, citations = choice.citations,
  }
end

--- The canonical answer: { id, model, created, service_tier, fingerprint, choices, usage } with
-- choices = { { content = parts, finish_reason, finish_raw, finish_message, sequence, logprobs,
-- refusal_logprobs, citations } }, the citations being those that no text was told before.
function Fold:answer()
  table.sort(self.order, function(a, b) return a.number < b.number end)
  local choices = {}
  for i, choice in ipairs(self.order) do choices[i] = answer_of(choice) end
  return {
    id = self.id, model = self.model, created = self.created, service_tier = self.service_tier,
    fingerprint = self.fingerprint, choices = choices, usage = self.usage,
  }
end

-- ---- what scripts see ---------------------------------------------------------------------------

--- A tool call as scripts see it: `arguments` is the decoded table, nil when it is none.
function M.tool_call(id, name, text)
  local arguments = core.decode(text == "" and "{}" or text)
  return {
    id = id, name = name, arguments = type(arguments) == "table" and arguments or nil,
    arguments_text = text,
  }
end

-- As the next request of the conversation would send it.
local function message_of(text, reasoning, tools)
  local calls = {}
  for i, tool in ipairs(tools) do
    calls[i] = {
      id = tool.id, type = "function",
      ["function"] = { name = tool.name, arguments = tool.arguments_text },
    }
  end
  return {
    role = "assistant",
    content = (text ~= "" or #calls == 0) and text or core.null,
    reasoning_content = reasoning,
    tool_calls = #calls > 0 and core.array(calls) or nil,
  }
end

local function joined(choice, type_)
  local pieces = {}
  for _, part in ipairs(choice.content) do
    if part.type == type_ then pieces[#pieces + 1] = table.concat(part.pieces) end
  end
  return table.concat(pieces)
end

--- The first answer so far: { text, reasoning, message, tool_calls, finish_reason, usage }.
function Fold:result()
  local choice = self.choices[1] or { content = {} }
  local text, reasoning = joined(choice, "text"), canonical.text_of(joined(choice, "reasoning"))
  local tools = {}
  for _, part in ipairs(choice.content) do
    if part.type == "tool_use" then
      tools[#tools + 1] = M.tool_call(part.id, part.name, table.concat(part.pieces))
    end
  end
  return {
    text = text, reasoning = reasoning, message = message_of(text, reasoning, tools),
    tool_calls = tools, finish_reason = choice.finish_reason, usage = self.usage,
  }
end

return M
