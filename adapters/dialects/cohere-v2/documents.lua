-- Documents that an answer may cite, as Cohere's clients send them and its models want them, from
-- and to canonical files of text. Pure.
local canonical = require("tide.canonical")
local core = require("core")

local M = {}

local DIALECT = "cohere-v2"

local given, string_of, text_of = canonical.given, canonical.string_of, canonical.text_of

-- Where the text of a document stands: the names that Cohere's guides use, the best first.
local TEXTS = { "text", "snippet", "content" }
local APART = { title = true, id = true }

-- ---- from clients -------------------------------------------------------------------------------

local function text_in(data)
  for _, name in ipairs(TEXTS) do
    if text_of(data[name]) then return data[name], name end
  end
end

local function line_of(name, value)
  return name .. ": " .. (type(value) == "string" and value or canonical.json_text(value))
end

-- What else is known of a document; the model is told the names of the members, too.
local function context_of(data, text_name)
  local lines = {}
  for name, value in pairs(data) do
    if name ~= text_name and not APART[name] and value ~= core.null then
      lines[#lines + 1] = line_of(name, value)
    end
  end
  table.sort(lines)
  return #lines > 0 and table.concat(lines, "\n") or nil
end

local function add_data(part, data)
  local text = string_of(data)
  if text then
    part.text = text
    return
  end
  local raw = core.is_raw(data) and data.raw or core.encode(data)
  data = core.decode(raw)
  local name
  part.title = text_of(data.title)
  part.text, name = text_in(data)
  if name then
    part.context = context_of(data, name)
  else
    part.text, part.title = raw, nil
  end
  return text_of(data.id)
end

--- The canonical file of a document; nil when it is none.
-- @param document { id, data = an object or a text }, or a text; `data` raw or decoded
-- @tparam string id what it is called when it has no id
-- @tparam boolean|nil is_cited whether the answer shall say what it takes from it
function M.file(document, id, is_cited)
  local data = document
  if type(document) == "table" and document ~= core.null then data = given(document.data) end
  if data == core.null or type(data) ~= "table" and type(data) ~= "string" then return nil end
  local part = {
    type = "file", mime = "text/plain", citations = is_cited or nil,
    origin = { dialect = DIALECT, value = document },
  }
  local inner = add_data(part, data)
  part.name = type(document) == "table" and text_of(document.id) or inner or id
  return part
end

-- ---- to providers -------------------------------------------------------------------------------

--- The text of a file; nil where it has none that could be read.
function M.text(part)
  if part.text then return part.text end
  if part.data and (part.mime or ""):find("^text/") then return core.base64.decode(part.data) end
end

--- What a client of Cohere's wrote, or nil.
local function own(part)
  local origin = part.origin
  if origin and origin.dialect == DIALECT then return origin.value end
end

M.own = own

-- No two documents of a request may be called alike.
local function unique(id, used)
  local name, n = id, 1
  while used[name] do
    n = n + 1
    name = id .. "_" .. n
  end
  used[name] = true
  return name
end

--- The document of a canonical file; nil where it has no text.
-- @tparam table part
-- @tparam table used ids so far, added to
-- @treturn table|string|nil a text where a client of Cohere's wrote a text
function M.document(part, used)
  local document = own(part)
  if type(document) == "string" then return document end
  if document then return { id = unique(part.name, used), data = document.data } end
  local text = M.text(part)
  if not text then return nil end
  return {
    id = unique(part.name or part.title or "doc:0", used),
    data = { title = part.title or part.name, text = text, context = part.context },
  }
end

--- A file said as plain text, where nothing can be cited.
function M.plain(part)
  local lines = {}
  for _, piece in ipairs({ part.title or part.name or "", part.context or "",
    M.text(part) or "" }) do
    if piece ~= "" then lines[#lines + 1] = piece end
  end
  return table.concat(lines, "\n\n")
end

-- ---- which one an answer cites ------------------------------------------------------------------

local function find(parts, citation)
  for _, part in ipairs(parts) do
    if part.type == "tool_result" then
      local found, owner = find(part.content or {}, citation)
      if found then return found, owner or part end
    elseif part.type == "file" and part.name
      and (part.name == citation.file or citation.title
        and (part.title == citation.title or part.name == citation.title)) then
      return part
    end
  end
end

local function as_object(part)
  local origin = own(part)
  local data = type(origin) == "table" and given(origin.data) or nil
  if core.is_raw(data) then data = core.decode(data.raw) end
  local object = type(data) == "table" and canonical.copy(data) or { text = part.text }
  object.id = part.name
  return object
end

--- The source of a citation as Cohere writes it: the document of the request that it is about, or
-- what is known of another.
-- @tparam table citation canonical
-- @tparam table|nil rq the canonical request
function M.source(citation, rq)
  for _, message in ipairs(rq and rq.messages or {}) do
    local part, result = find(message.content, citation)
    if part and result then
      return { type = "tool", id = part.name, tool_output = as_object(part) }
    elseif part then
      return { type = "document", id = part.name, document = as_object(part) }
    end
  end
  local id = citation.file or citation.url or citation.title or "doc:0"
  return {
    type = "document", id = id,
    document = {
      id = id, title = citation.title, url = citation.url, snippet = citation.quote,
    },
  }
end

return M
