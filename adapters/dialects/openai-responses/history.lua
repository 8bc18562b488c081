-- Canonical messages as the input items of the Responses protocol. Pure.
local canonical = require("tide.canonical")
local core = require("core")

local M = {}

local LONGEST_ID = 64

-- ---- parts --------------------------------------------------------------------------------------

local function breakpoint(writing, part)
  if not part.cache then return nil end
  if writing.call.traits.cache_breakpoints then return { mode = "explicit" } end
  writing.call.warn("cache_control")
end

local function text_part(writing, part)
  return {
    type = "input_text", text = part.text, prompt_cache_breakpoint = breakpoint(writing, part),
  }
end

local function url_of(part)
  return part.data and canonical.data_url(part.mime, part.data) or part.url
end

local function image_part(writing, part)
  return {
    type = "input_image", image_url = url_of(part), file_id = not part.data and part.id or nil,
    detail = part.detail or "auto", prompt_cache_breakpoint = breakpoint(writing, part),
  }
end

-- A file that is text needs no name and no type.
local function text_file(writing, part)
  local title = part.title or part.name
  return {
    type = "input_text", text = title and title .. "\n\n" .. part.text or part.text,
    prompt_cache_breakpoint = breakpoint(writing, part),
  }
end

local function file_part(writing, part)
  if part.citations then writing.call.warn("citations") end
  if part.text then return text_file(writing, part) end
  local file = { type = "input_file", prompt_cache_breakpoint = breakpoint(writing, part) }
  if part.data then
    file.file_data = canonical.data_url(part.mime, part.data)
    file.filename = part.name or part.title or "file"
  else
    file.file_url, file.file_id = part.url, part.id
  end
  return file
end

local PARTS = {
  text = text_part, image = image_part, file = file_part,
  refusal = function(_, part) return { type = "input_text", text = part.text } end,
}

local function part_of(writing, part)
  local write = PARTS[part.type]
  if write then return write(writing, part) end
  writing.call.warn(part.what or part.type)
end

-- ---- what the user said -------------------------------------------------------------------------

local function add(writing, item)
  writing.items[#writing.items + 1] = item
end

local function flush_user(writing, role, content)
  if #content > 0 then
    add(writing, { type = "message", role = role, content = content })
  end
  return core.array({})
end

-- One text is a string, which every service takes.
local function output_of(writing, content)
  local texts, parts, is_plain = {}, core.array({}), true
  for _, part in ipairs(content or {}) do
    parts[#parts + 1] = part_of(writing, part)
    if part.type == "text" then texts[#texts + 1] = part.text else is_plain = false end
  end
  if is_plain then return table.concat(texts, "\n") end
  return parts
end

local function add_result(writing, part)
  if part.is_error then writing.call.warn("is_error") end
  if part.cache then writing.call.warn("cache_control") end
  local id = writing.id_of(part.id or "call_0")
  add(writing, {
    type = writing.custom[id] and "custom_tool_call_output" or "function_call_output",
    call_id = id, output = output_of(writing, part.content),
  })
end

local function add_opaque(writing, part)
  if part.dialect == "openai-responses" then add(writing, part.value)
  else writing.call.warn(part.what or "opaque") end
end

-- Results stand right behind their calls.
local function add_user(writing, message, role)
  local content = core.array({})
  for _, part in ipairs(message.content) do
    if part.type == "tool_result" then add_result(writing, part) end
  end
  for _, part in ipairs(message.content) do
    if part.type == "opaque" then
      content = flush_user(writing, role, content)
      add_opaque(writing, part)
    elseif part.type ~= "tool_result" then
      content[#content + 1] = part_of(writing, part)
    end
  end
  flush_user(writing, role, content)
end

-- ---- what the assistant said --------------------------------------------------------------------

-- One text is a string: with a list some services want ids that only OpenAI gives.
local function flush_assistant(writing, content)
  if #content == 0 then return content end
  local only = #content == 1 and content[1].text
  add(writing, { type = "message", role = "assistant", content = only or content })
  return core.array({})
end

local function add_call(writing, part)
  if part.cache then writing.call.warn("cache_control") end
  local id = writing.id_of(part.id or "call_0")
  if part.kind == "custom" then
    writing.custom[id] = true
    add(writing, {
      type = "custom_tool_call", call_id = id, name = part.name, input = part.input or "",
    })
    return
  end
  local arguments = part.arguments
  add(writing, {
    type = "function_call", call_id = id, name = part.name,
    arguments = arguments and arguments ~= "" and arguments or "{}",
  })
end

-- Pieces of one item have its id.
local function same_item(writing, part)
  local last = writing.items[#writing.items]
  if last and last.type == "reasoning" and part.id and last.id == part.id then return last end
end

-- Only what OpenAI has sealed, or what the service takes as text: an item that is neither would
-- have to be kept there.
local function is_taken(writing, part, sealed, said)
  if sealed then return true end
  if not said then return false end
  return writing.call.traits.reasoning_text or writing.sealed[part.id or ""] or false
end

local function add_reasoning(writing, part)
  local sealed = part.format == "openai" and (part.signature or part.redacted) or nil
  local said = canonical.text_of(part.text)
  if not is_taken(writing, part, sealed, said) then return end
  local item = same_item(writing, part)
  if not item then
    item = { type = "reasoning", id = part.id, summary = core.array({}) }
    add(writing, item)
  end
  item.encrypted_content = item.encrypted_content or sealed
  writing.is_sealed = writing.is_sealed or sealed ~= nil
  if not said then return end
  if part.summary or not writing.call.traits.reasoning_text then
    item.summary[#item.summary + 1] = { type = "summary_text", text = said }
  else
    item.content = item.content or core.array({})
    item.content[#item.content + 1] = { type = "reasoning_text", text = said }
  end
end

local ASSISTANT = { tool_use = add_call, reasoning = add_reasoning, opaque = add_opaque }

local function add_assistant(writing, message)
  local content = core.array({})
  for _, part in ipairs(message.content) do
    local write = ASSISTANT[part.type]
    if write then
      content = flush_assistant(writing, content)
      write(writing, part)
    elseif part.type == "text" then
      content[#content + 1] = {
        type = "output_text", text = part.text, annotations = core.array({}),
      }
    elseif part.type == "refusal" then
      content[#content + 1] = { type = "refusal", refusal = part.text }
    else
      writing.call.warn(part.what or part.type)
    end
  end
  flush_assistant(writing, content)
end

-- ---- the whole ----------------------------------------------------------------------------------

-- Items whose text comes before the part with their seal.
local function sealed_ids(rq)
  local ids = {}
  for _, message in ipairs(rq.messages or {}) do
    for _, part in ipairs(message.content) do
      if part.type == "reasoning" and part.id and part.format == "openai" and part.signature then
        ids[part.id] = true
      end
    end
  end
  return ids
end

--- The input items.
-- @treturn table a list
-- @treturn boolean true when there is encrypted reasoning among them
function M.input(rq, call)
  local writing = {
    call = call, items = core.array({}), custom = {}, sealed = sealed_ids(rq),
    id_of = canonical.tool_ids({ max = LONGEST_ID }),
  }
  for _, message in ipairs(rq.messages or {}) do
    if message.name then call.warn("name") end
    if message.role == "assistant" then
      add_assistant(writing, message)
    else
      add_user(writing, message, message.role == "system" and "developer" or "user")
    end
  end
  return writing.items, writing.is_sealed or false
end

--- The system's texts as one; nil without any.
function M.instructions(rq, call)
  local pieces = {}
  for _, part in ipairs(rq.system or {}) do
    if part.cache then call.warn("cache_control") end
    if part.text and part.text ~= "" then pieces[#pieces + 1] = part.text end
  end
  return #pieces > 0 and table.concat(pieces, "\n\n") or nil
end

return M
