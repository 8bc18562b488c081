-- Where an answer comes from: citationMetadata and groundingMetadata of a candidate, from and to
-- canonical citations. Google counts in bytes of UTF-8, the canonical form in characters. Pure.
local canonical = require("tide.canonical")
local core = require("core")
local members = require("dialects.gemini.members")

local M = {}

local get, object, objects = members.get, members.object, members.objects
local text, number = members.text, members.number

-- ---- from Google --------------------------------------------------------------------------------

local function characters(said, bytes)
  if not bytes then return nil end
  if bytes >= #said then return canonical.length(said) + bytes - #said end
  return canonical.length(said:sub(1, bytes))
end

-- The whole of what is known so far is told again in later chunks.
local function tell(emit, candidate, citation)
  local key = table.concat({ citation.url or citation.title or "", citation.start or "",
    citation.stop or "" }, "\0")
  if candidate.told[key] then return end
  candidate.told[key] = true
  citation.choice = candidate.choice
  emit("citation", citation)
end

local function emit_cited(emit, candidate, metadata, said)
  local list = objects(metadata, "citationSources")
  if #list == 0 then list = objects(metadata, "citations") end
  for _, source in ipairs(list) do
    local stop = number(source, "endIndex")
    tell(emit, candidate, {
      url = text(source, "uri"), title = text(source, "title"),
      start = stop and characters(said, number(source, "startIndex") or 0),
      stop = characters(said, stop),
    })
  end
end

local CHUNKS = { "web", "retrievedContext", "maps", "image" }

local function source_of(chunk)
  for _, name in ipairs(CHUNKS) do
    local source = object(chunk, name)
    if source then
      return {
        url = text(source, "uri") or text(source, "sourceUri"), title = text(source, "title"),
        quote = text(source, "text"),
      }
    end
  end
end

-- `segment` says which words of the answer the sources support.
local function emit_support(emit, candidate, support, chunks, said, used)
  local segment = object(support, "segment") or {}
  local stop = number(segment, "endIndex")
  local start = stop and characters(said, number(segment, "startIndex") or 0)
  local indices = get(support, "groundingChunkIndices")
  for _, index in ipairs(type(indices) == "table" and indices or {}) do
    local source = type(index) == "number" and chunks[index + 1]
    if source then
      used[index + 1] = true
      tell(emit, candidate, {
        url = source.url, title = source.title, quote = source.quote, start = start,
        stop = characters(said, stop),
      })
    end
  end
end

local function emit_grounded(emit, candidate, metadata, said)
  local chunks, used = {}, {}
  for i, chunk in ipairs(objects(metadata, "groundingChunks")) do
    chunks[i] = source_of(chunk) or false
  end
  for _, support in ipairs(objects(metadata, "groundingSupports")) do
    emit_support(emit, candidate, support, chunks, said, used)
  end
  for i, source in ipairs(chunks) do
    if source and not used[i] then
      tell(emit, candidate, { url = source.url, title = source.title, quote = source.quote })
    end
  end
  if get(metadata, "searchEntryPoint") ~= nil then
    emit("dropped", { what = "groundingMetadata.searchEntryPoint" })
  end
end

--- Emits the citations of a candidate.
-- @tparam function emit
-- @tparam table candidate { pieces = its text so far, told = set, choice = }
-- @tparam table value as it came
function M.emit(emit, candidate, value)
  local cited, grounded = object(value, "citationMetadata"), object(value, "groundingMetadata")
  if not (cited or grounded) then return end
  local said = table.concat(candidate.pieces)
  if cited then emit_cited(emit, candidate, cited, said) end
  if grounded then emit_grounded(emit, candidate, grounded, said) end
end

-- ---- to clients ---------------------------------------------------------------------------------

-- The byte behind so many characters.
local function bytes_at(said, count)
  if not said:find("[\128-\255]") then return math.min(count, #said) end
  local at = 1
  while count > 0 and at <= #said do
    at = (said:find("[^\128-\191]", at + 1)) or #said + 1
    count = count - 1
  end
  return at - 1
end

local function chunk_of(citation)
  if citation.url then
    return { web = { uri = citation.url, title = citation.title } }
  end
  return { retrievedContext = { title = citation.title, text = citation.quote } }
end

local function support_of(citation, index, said)
  local start, stop = bytes_at(said, citation.start or 0), bytes_at(said, citation.stop)
  return {
    segment = { startIndex = start, endIndex = stop, text = said:sub(start + 1, stop) },
    groundingChunkIndices = core.array({ index }),
  }
end

--- The groundingMetadata of a candidate.
-- @tparam table citations canonical ones
-- @tparam string said the candidate's text
-- @treturn table
function M.grounding(citations, said)
  local chunks, supports, known = core.array({}), core.array({}), {}
  for _, citation in ipairs(citations) do
    local key = citation.url or "\0" .. (citation.title or "") .. (citation.quote or "")
    if not known[key] then
      chunks[#chunks + 1] = chunk_of(citation)
      known[key] = #chunks
    end
    if type(citation.stop) == "number" then
      supports[#supports + 1] = support_of(citation, known[key] - 1, said)
    end
  end
  return {
    groundingChunks = chunks, groundingSupports = #supports > 0 and supports or nil,
  }
end

return M
