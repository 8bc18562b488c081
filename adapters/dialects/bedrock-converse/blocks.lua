-- Parts of a canonical message as Converse's blocks of content. A maker returns a list of blocks,
-- or nil; what a model cannot take is said in the place where it stood. Pure.
local canonical = require("tide.canonical")
local citations = require("dialects.bedrock-converse.citations")
local core = require("core")
local custom_tools = require("tide.custom_tools")
local media = require("dialects.bedrock-converse.media")
local names = require("dialects.bedrock-converse.names")
local seals = require("dialects.bedrock-converse.seals")

local M = {}

local DIALECT = "bedrock-converse"

-- ---- what all blocks share ----------------------------------------------------------------------

-- Where a prompt is cached up to; `of` is "messages" or "tools".
function M.cache_point(cache, of, out)
  if not cache then return nil end
  local takes = out.traits.cache
  if not takes or takes == "messages" and of == "tools" then
    out.warn("cache_control")
    return nil
  end
  local ttl = cache.ttl
  if ttl and ttl ~= "5m" and not out.traits.cache_ttl then
    out.warn("ttl of cache_control")
    ttl = nil
  end
  return { cachePoint = { type = "default", ttl = ttl ~= "5m" and ttl or nil } }
end

local function with_cache(block, part, out)
  if not block then return nil end
  return { block, M.cache_point(part.cache, "messages", out) }
end

-- What the model would have to see or hear and cannot: named, so that it does not guess.
local function missing(what, out)
  out.warn(what)
  return { { text = "[" .. what .. " that this model cannot take was left out]" } }
end

-- ---- text ---------------------------------------------------------------------------------------

-- A block of text with nothing to read in it is refused.
local function text_block(text)
  if type(text) ~= "string" or not text:find("%S") then return nil end
  return { text = text }
end

local function text_parts(part, out)
  local block = text_block(part.text)
  if not block then return nil end
  if part.guard then
    block = { guardContent = { text = { text = part.text, qualifiers = part.guard.qualifiers } } }
  elseif part.citations and out.traits.citations then
    block = citations.block(part.text, part.citations) or block
  end
  return with_cache(block, part, out)
end

-- ---- media --------------------------------------------------------------------------------------

local function source_of(part)
  if part.data then return { bytes = part.data } end
  if part.url and part.url:sub(1, 5) == "s3://" then
    return { s3Location = { uri = part.url, bucketOwner = part.owner } }
  end
end

local function image_parts(part, out)
  local format = media.format("image", part.mime)
  local source = source_of(part)
  if not (format and source) or out.traits.images == false then return missing("image", out) end
  if part.detail and part.detail ~= "auto" then out.warn("image detail") end
  local block = { image = { format = format, source = source } }
  return with_cache(part.guard and { guardContent = block } or block, part, out)
end

-- What the canonical form has of a document as base64 text.
local function data_of(part)
  if part.data or not part.text then return part end
  local result = canonical.copy(part)
  result.data, result.text = core.base64.encode(part.text), nil
  return result
end

local function plain_text(part)
  if part.text then return part.text end
  return part.data and media.is_text(part.mime) and core.base64.decode(part.data) or nil
end

-- A text for a model that takes no documents.
local function told_text(part, out)
  local text = plain_text(part)
  if not (text and text:find("%S")) then return missing("document", out) end
  local title = part.title or part.name
  return with_cache({ text = title and title .. ":\n" .. text or text }, part, out)
end

local function document_parts(part, out)
  local format = media.document_format(part)
  if part.citations and not out.traits.citations then out.warn("citations of a document") end
  if out.traits.documents == false then return told_text(part, out) end
  local source = source_of(data_of(part))
  if not (format and source) then return missing("document", out) end
  return with_cache({
    document = {
      format = format, name = out.document_name(part.title or part.name), source = source,
      context = part.context,
      citations = part.citations and out.traits.citations and { enabled = true } or nil,
    },
  }, part, out)
end

local function file_parts(part, out)
  local kind = part.mime and part.mime:match("^%a+")
  if kind == "image" then return image_parts(part, out) end
  if kind == "video" then return M.video(part, out) end
  return document_parts(part, out)
end

function M.video(part, out)
  local format, source = media.format("video", part.mime), source_of(part)
  if not (format and source and out.traits.video) then return missing("video", out) end
  return with_cache({ video = { format = format, source = source } }, part, out)
end

local function audio_parts(part, out)
  local mime = part.mime or part.format and canonical.audio_mime(part.format)
  local format, source = media.format("audio", mime), source_of(part)
  if not (format and source and out.traits.audio) then return missing("audio", out) end
  return with_cache({ audio = { format = format, source = source } }, part, out)
end

-- ---- tools --------------------------------------------------------------------------------------

--- The arguments of a call, an object.
function M.input(part)
  if part.kind == "custom" then
    return core.raw(custom_tools.arguments(part.input or part.arguments or ""))
  end
  local text = canonical.arguments(part.arguments)
  return core.raw(text:match("^%s*(.-)%s*$"))
end

local function tool_use_parts(part, out)
  local name = part.name or "tool"
  local id, input = out.ids:of_call(part.id), M.input(part)
  if out.traits.tools == false then
    out.warn("tools")
    return { { text = "[called " .. name .. " with " .. input.raw .. "]" } }
  end
  out.has_tool_blocks = true
  out.seen_tools[#out.seen_tools + 1] = name
  return with_cache({
    toolUse = { toolUseId = id, name = names.sent(out.names, name), input = input },
  }, part, out)
end

-- A text that is JSON, as some models want the results of tools.
local function json_result(text)
  local value = core.decode(text)
  if type(value) == "table" and text:find("^%s*{") then return { json = core.raw(text) } end
  return { json = { result = text } }
end

local RESULTS = {
  text = function(part, out)
    local block = text_block(part.text)
    if block and out.traits.tool_results == "json" then block = json_result(part.text) end
    return block and { block }
  end,
  image = image_parts, file = file_parts, video = function(part, out) return M.video(part, out) end,
  audio = audio_parts,
}

local IN_RESULTS = { text = true, json = true, image = true, document = true, video = true }

-- What may not stand in a result stands behind it.
local function sort_result(block, content, beside, out)
  local kind = next(block)
  local is_media = kind ~= "text" and kind ~= "json"
  if not IN_RESULTS[kind] or is_media and not out.traits.result_media then
    beside[#beside + 1] = block
  else
    content[#content + 1] = block
  end
end

local function result_content(part, out)
  local content, beside = {}, {}
  for _, piece in ipairs(part.content or {}) do
    local make = RESULTS[piece.type]
    local blocks = make and make(piece, out)
    if not make then out.warn(tostring(piece.type)) end
    for _, block in ipairs(blocks or {}) do sort_result(block, content, beside, out) end
  end
  if #content == 0 then
    content[1] = { text = #beside > 0 and "(see below)" or "(no output)" }
  end
  return content, beside
end

local function told_result(part, content, out)
  local pieces = {}
  for _, block in ipairs(content) do
    pieces[#pieces + 1] = block.text or block.json and canonical.json_text(block.json)
  end
  out.warn("tools")
  return "[result of " .. (part.name or "a tool") .. ": " .. table.concat(pieces, "\n") .. "]"
end

--- The result of a tool: its block, or text for models without tools, and what stands behind it.
function M.tool_result(part, out)
  local content, beside = result_content(part, out)
  local id = out.ids:of_result(part.id)
  if out.traits.tools == false then
    table.insert(beside, 1, { text = told_result(part, content, out) })
    return nil, beside
  end
  out.has_tool_blocks = true
  if part.name then out.seen_tools[#out.seen_tools + 1] = part.name end
  local takes_status = out.traits.result_status
  if part.is_error and not takes_status then table.insert(content, 1, { text = "Error:" }) end
  return {
    toolResult = {
      toolUseId = id, content = core.array(content),
      status = takes_status and (part.is_error and "error" or "success") or nil,
    },
  }, beside, M.cache_point(part.cache, "messages", out)
end

-- ---- reasoning and the rest ---------------------------------------------------------------------

-- Thinking goes back as it came, signed, or not at all.
local function reasoning_parts(part, out)
  local is_ours = seals.is_taken(part.format, out.traits)
  if part.redacted and is_ours then
    return { { reasoningContent = { redactedContent = seals.closed(part.redacted, part.format) } } }
  end
  if part.signature and is_ours then
    return { {
      reasoningContent = { reasoningText = { text = part.text or "", signature = part.signature } },
    } }
  end
  out.warn("reasoning of another turn")
end

local function opaque_parts(part, out)
  if part.dialect == DIALECT then return { part.value } end
  out.warn(part.what or "a block of another provider")
end

--- What users say, besides results of tools.
M.user = {
  text = text_parts, image = image_parts, file = file_parts, opaque = opaque_parts,
  audio = audio_parts, video = function(part, out) return M.video(part, out) end,
}

--- What the assistant says.
M.assistant = {
  text = text_parts, refusal = text_parts, tool_use = tool_use_parts,
  reasoning = reasoning_parts, opaque = opaque_parts,
  image = function(_, out) return missing("image of the assistant", out) end,
  audio = function(_, out) return missing("audio", out) end,
}

--- Instructions.
M.system = { text = text_parts }

--- Appends what a maker of these makes of each part.
function M.add(list, parts, makers, out)
  for _, part in ipairs(parts or {}) do
    local make = makers[part.type]
    local blocks = make and make(part, out)
    if not make then out.warn(tostring(part.type)) end
    for _, block in ipairs(blocks or {}) do list[#list + 1] = block end
  end
  return list
end

return M
