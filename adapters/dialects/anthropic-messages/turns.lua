-- A conversation in the canonical form as turns of Anthropic's Messages API: blocks of content,
-- turns that alternate, results of tools where the API looks for them. Pure.
local call_ids = require("tide.call_ids")
local canonical = require("tide.canonical")
local core = require("core")

local M = {}

local DIALECT, FORMAT = "anthropic-messages", "anthropic"

-- ---- content ------------------------------------------------------------------------------------

-- Citations in Anthropic's own form, which alone it takes back.
local OWN_CITATIONS = {
  char_location = true, page_location = true, content_block_location = true,
  web_search_result_location = true, search_result_location = true,
}

--- Whether a citation's `raw` is Anthropic's.
function M.is_own_citation(raw)
  return type(raw) == "table" and OWN_CITATIONS[raw.type] ~= nil
end

local function own_citations(citations)
  local list = {}
  for _, citation in ipairs(citations or {}) do
    if M.is_own_citation(citation.raw) then list[#list + 1] = citation.raw end
  end
  return #list > 0 and core.array(list) or nil
end

-- A block of text with nothing to read in it is refused.
local function text_block(text, part)
  if type(text) ~= "string" or not text:find("%S") then return nil end
  return {
    type = "text", text = text, cache_control = part.cache,
    citations = own_citations(part.citations),
  }
end

local MIMES = { ["image/jpg"] = "image/jpeg" }

local function source_of(part)
  if part.data then
    local mime = part.mime
    return { type = "base64", media_type = MIMES[mime] or mime, data = part.data }
  end
  if part.url then return { type = "url", url = part.url } end
  if part.id then return { type = "file", file_id = part.id } end
end

local function image_block(part, out)
  local source = source_of(part)
  if not source then return nil end
  if part.detail and part.detail ~= "auto" then out.warn("image detail") end
  return { type = "image", source = source, cache_control = part.cache }
end

local TEXT_MIMES = {
  ["application/json"] = true, ["application/xml"] = true, ["application/yaml"] = true,
  ["application/x-yaml"] = true, ["application/javascript"] = true,
}

local function is_text(mime)
  return mime and (mime:sub(1, 5) == "text/" or TEXT_MIMES[mime])
end

-- A document is a PDF, a text, or what stands behind an address or an id.
local function document_source(part)
  local text = part.text
  if not text and part.data and is_text(part.mime) then text = core.base64.decode(part.data) end
  if text then return { type = "text", media_type = "text/plain", data = text } end
  local source = source_of(part)
  if source and source.type == "base64" and not source.media_type then
    source.media_type = "application/pdf"
  end
  return source
end

local function file_block(part, out)
  local mime = part.mime
  if mime and mime:sub(1, 6) == "image/" then return image_block(part, out) end
  local source = document_source(part)
  if not source then return nil end
  return {
    type = "document", source = source, title = part.title or part.name, context = part.context,
    citations = part.citations and { enabled = true } or nil, cache_control = part.cache,
  }
end

local function opaque_block(part, out)
  if part.dialect == DIALECT then return part.value end
  out.warn(part.what or "a block of another provider")
end

-- What the model would have to see or hear and cannot: said in the place where it stood, so that
-- it does not guess.
local function missing(what)
  return function(_, out)
    out.warn(what)
    return { type = "text", text = "[" .. what .. " that this model cannot take was left out]" }
  end
end

-- ---- tools --------------------------------------------------------------------------------------

--- The arguments of a call as the object that the API wants.
function M.input(part)
  if part.kind == "custom" then return { input = part.input or part.arguments or "" } end
  local text = canonical.arguments(part.arguments)
  return core.raw(text:match("^%s*(.-)%s*$"))
end

local function tool_use_block(part, out)
  return {
    type = "tool_use", id = out.ids:of_call(part.id), name = part.name or "tool",
    input = M.input(part), cache_control = part.cache,
  }
end

local RESULT_PARTS = {
  text = function(part) return text_block(part.text, part) end,
  image = image_block, file = file_block, opaque = opaque_block,
  audio = missing("audio"), video = missing("video"),
}

local function blocks_of(parts, makers, out)
  local blocks = {}
  for _, part in ipairs(parts or {}) do
    local make = makers[part.type]
    if make then
      blocks[#blocks + 1] = make(part, out)
    else
      out.warn(tostring(part.type))
    end
  end
  return blocks
end

local function is_plain(blocks)
  local first = blocks[1]
  return #blocks == 1 and first.type == "text" and not (first.cache_control or first.citations)
end

local function tool_result_block(part, out)
  local content = blocks_of(part.content, RESULT_PARTS, out)
  if is_plain(content) then content = content[1].text end
  return {
    type = "tool_result", tool_use_id = out.ids:of_result(part.id),
    content = #content > 0 and (type(content) == "string" and content or core.array(content))
      or nil,
    is_error = part.is_error or nil, cache_control = part.cache,
  }
end

-- ---- reasoning ----------------------------------------------------------------------------------

-- Thinking goes back as it came, signed by Anthropic, or not at all.
local function reasoning_block(part, out)
  if part.format == FORMAT then
    if part.redacted then return { type = "redacted_thinking", data = part.redacted } end
    if part.signature then
      return { type = "thinking", thinking = part.text or "", signature = part.signature }
    end
  end
  out.warn("reasoning of another provider")
end

-- ---- turns --------------------------------------------------------------------------------------

local USER_PARTS = {
  text = RESULT_PARTS.text, image = image_block, file = file_block, opaque = opaque_block,
  tool_result = tool_result_block, audio = missing("audio"), video = missing("video"),
}

local ASSISTANT_PARTS = {
  text = RESULT_PARTS.text, refusal = RESULT_PARTS.text, tool_use = tool_use_block,
  reasoning = reasoning_block, opaque = opaque_block,
  image = missing("image of the assistant"), audio = missing("audio"),
}

local function turn_of(turns, role)
  local last = turns[#turns]
  if last and last.role == role then return last end
  last = { role = role, results = {}, blocks = {} }
  turns[#turns + 1] = last
  return last
end

local function add_blocks(turns, role, blocks)
  if #blocks == 0 then return end
  local turn = turn_of(turns, role)
  for _, block in ipairs(blocks) do
    local list = block.type == "tool_result" and turn.results or turn.blocks
    list[#list + 1] = block
  end
end

local SYSTEM_PARTS = { text = RESULT_PARTS.text }

-- Where the model takes system messages between turns, they stand right behind a user turn and
-- before the assistant's; elsewhere the user passes them on.
local function flush_system(turns, out)
  local pending = out.pending
  if #pending == 0 then return end
  out.pending = {}
  local last = turns[#turns]
  if out.traits.mid_system and last and last.role == "user" then
    turns[#turns + 1] = { role = "system", results = {}, blocks = pending }
  else
    add_blocks(turns, "user", pending)
  end
end

local function add_system(turns, message, out)
  local blocks = blocks_of(message.content, SYSTEM_PARTS, out)
  if out.traits.mid_system then
    for _, block in ipairs(blocks) do out.pending[#out.pending + 1] = block end
    return
  end
  if #blocks > 0 then out.warn("role of a system message amid the conversation") end
  add_blocks(turns, "user", blocks)
end

local function add_message(turns, message, out)
  if message.name then out.warn("name") end
  if message.role == "system" then return add_system(turns, message, out) end
  local is_assistant = message.role == "assistant"
  if is_assistant then flush_system(turns, out) end
  local role = is_assistant and "assistant" or "user"
  add_blocks(turns, role, blocks_of(message.content, is_assistant and ASSISTANT_PARTS
    or USER_PARTS, out))
end

-- The answer goes on where the last turn of the assistant stops, which may not be in white space.
local function trim_prefill(turn)
  local block = turn.blocks[#turn.blocks]
  if block and block.type == "text" then block.text = block.text:gsub("%s+$", "") end
end

local function said(text)
  return { role = "user", results = {}, blocks = { { type = "text", text = text } } }
end

local function close_turns(turns, out)
  flush_system(turns, out)
  if #turns == 0 or turns[1].role ~= "user" then table.insert(turns, 1, said("Begin.")) end
  local last = turns[#turns]
  if last.role ~= "assistant" then return end
  if out.traits.prefill == false then
    out.warn("assistant prefill")
    turns[#turns + 1] = said("Continue.")
  else
    trim_prefill(last)
  end
end

--- What the blocks of one request have to know of each other.
function M.new(traits, warn)
  return {
    traits = traits, warn = warn, pending = {},
    ids = call_ids.new(canonical.tool_ids()),
  }
end

--- The conversation as the API takes it.
-- @tparam table messages of the canonical request
-- @tparam table out of new()
-- @treturn table list of { role =, content = list of blocks }
function M.turns(messages, out)
  local turns = {}
  for _, message in ipairs(messages or {}) do add_message(turns, message, out) end
  close_turns(turns, out)
  local list = {}
  for i, turn in ipairs(turns) do
    local content = turn.results
    for _, block in ipairs(turn.blocks) do content[#content + 1] = block end
    list[i] = { role = turn.role, content = core.array(content) }
  end
  return core.array(list)
end

--- The instructions before the conversation: a text, or blocks where a cache marker stands.
function M.system(parts, out)
  local blocks = blocks_of(parts, SYSTEM_PARTS, out)
  if #blocks == 0 then return nil end
  if is_plain(blocks) then return blocks[1].text end
  return core.array(blocks)
end

return M
