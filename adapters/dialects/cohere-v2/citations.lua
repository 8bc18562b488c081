-- What an answer takes from its sources, from and to Cohere's citations: spans of a block of the
-- content, each with several sources. The canonical form has one citation for each source, its span
-- counted over all text of the answer. Pure.
local canonical = require("tide.canonical")
local core = require("core")
local documents = require("dialects.cohere-v2.documents")

local M = {}

local given, text_of, number_of = canonical.given, canonical.text_of, canonical.number_of
local table_of = canonical.table_of

-- ---- from Cohere --------------------------------------------------------------------------------

local QUOTES = { "text", "snippet", "content" }

local function quote_of(said)
  for _, name in ipairs(QUOTES) do
    if text_of(said[name]) then return said[name] end
  end
end

local function only(raw, source)
  local own = canonical.copy(raw)
  own.sources = core.array({ source })
  return own
end

-- The span in all text of the answer; what is cited within thoughts or a plan has none.
local function span_of(raw, offset_of)
  if raw.type ~= nil and raw.type ~= "TEXT_CONTENT" then return nil end
  local start, stop = number_of(raw.start), number_of(raw["end"])
  if not (start and stop) then return nil end
  local offset = offset_of(number_of(raw.content_index))
  return offset + start, offset + stop
end

local function citation_of(source)
  local said = table_of(given(source.document) or given(source.tool_output))
  local url, id = text_of(said.url), text_of(source.id)
  return {
    url = url, title = text_of(said.title) or not url and id or nil, quote = quote_of(said),
    file = id,
  }
end

--- Tells one citation.
-- @param raw as it came
-- @tparam function offset_of takes a content index or nil, gives where that block begins
function M.emit(raw, offset_of, emit)
  raw = given(raw)
  if type(raw) ~= "table" then return end
  local start, stop = span_of(raw, offset_of)
  for _, source in ipairs(table_of(given(raw.sources))) do
    local citation = citation_of(table_of(source))
    citation.start, citation.stop, citation.raw = start, stop, only(raw, source)
    emit("citation", citation)
  end
end

-- ---- to clients ---------------------------------------------------------------------------------

--- Whether Cohere wrote it.
function M.is_own(raw)
  return type(raw) == "table" and type(raw.sources) == "table"
end

-- The byte behind so many characters.
local function bytes_at(said, count)
  if not said:find("[\128-\255]") then return math.min(count, #said) end
  local at = 1
  while count > 0 and at <= #said do
    at = said:find("[^\128-\191]", at + 1) or #said + 1
    count = count - 1
  end
  return at - 1
end

local function slice(said, start, stop)
  return said:sub(bytes_at(said, start) + 1, bytes_at(said, stop))
end

-- The block of text that a place is in; of none the last one before.
local function block_at(blocks, place)
  local found
  for _, block in ipairs(blocks) do
    if not found or block.first <= place then found = block end
  end
  return found
end

--- A citation as its client gets it, with one source.
-- @tparam table citation canonical
-- @tparam table blocks { index, first = characters of text before it } of the text so far
-- @tparam string said all text so far
-- @tparam table|nil rq the canonical request
function M.write(citation, blocks, said, rq)
  if M.is_own(citation.raw) then return citation.raw end
  local start, stop = citation.start or 0, citation.stop or 0
  local block = block_at(blocks, start) or { index = 0, first = 0 }
  return {
    start = math.max(start - block.first, 0), ["end"] = math.max(stop - block.first, 0),
    text = stop > start and slice(said, start, stop) or "", content_index = block.index,
    sources = core.array({ documents.source(citation, rq) }), type = "TEXT_CONTENT",
  }
end

--- Whether two written citations are about the same words: then they are one with more sources.
function M.is_same(a, b)
  return a.start == b.start and a["end"] == b["end"] and a.content_index == b.content_index
    and a.type == b.type
end

--- `a` with the sources of both.
function M.joined(a, b)
  local both, sources = canonical.copy(a), core.array({})
  for _, list in ipairs({ a.sources, b.sources }) do
    for _, source in ipairs(list) do sources[#sources + 1] = source end
  end
  both.sources = sources
  return both
end

return M
