-- Citations in Bedrock's words and the canonical ones. Pure.
local canonical = require("tide.canonical")
local core = require("core")

local M = {}

local given, object = canonical.given, canonical.table_of
local text_of, number_of = canonical.text_of, canonical.number_of

local KNOWN = {
  web = true, documentChar = true, documentPage = true, documentChunk = true,
  searchResultLocation = true,
}

local function location_of(raw)
  local kind, place = next(object(given(raw.location)))
  return kind, object(place)
end

--- Whether a citation's `raw` is one of Converse's.
function M.is_own(raw)
  if type(raw) ~= "table" or raw == core.null or raw.type ~= nil then return false end
  local kind = location_of(raw)
  return kind ~= nil and KNOWN[kind] == true
end

local function quote_of(raw)
  local pieces = {}
  for _, item in ipairs(object(given(raw.sourceContent))) do
    pieces[#pieces + 1] = text_of(object(item).text)
  end
  return #pieces > 0 and table.concat(pieces) or nil
end

--- The canonical citation of one that is about the characters `first` to `last` of an answer.
function M.canonical(raw, first, last)
  raw = object(given(raw))
  local kind, place = location_of(raw)
  return {
    url = kind == "web" and text_of(place.url) or nil, title = text_of(raw.title),
    quote = quote_of(raw), start = first, stop = last, raw = raw,
  }
end

--- A citation for a client.
function M.own(citation)
  if M.is_own(citation.raw) then return citation.raw end
  local location
  if citation.url then
    location = { web = { url = citation.url, domain = citation.url:match("^%a+://([^/?#]+)") } }
  else
    location = {
      documentChar = {
        documentIndex = 0, start = number_of(citation.start) or 0,
        ["end"] = number_of(citation.stop) or 0,
      },
    }
  end
  return {
    title = citation.title, location = location,
    sourceContent = citation.quote and core.array({ { text = citation.quote } }) or nil,
  }
end

local function all_own(list)
  local own = {}
  for _, citation in ipairs(list) do
    if M.is_own(citation.raw) then own[#own + 1] = citation.raw end
  end
  return own
end

local function cited(text, list)
  return {
    citationsContent = {
      content = core.array({ { text = text } }), citations = core.array(list),
    },
  }
end

--- A text with those citations that are Converse's own; nil where none is.
function M.block(text, list)
  local own = all_own(list)
  return #own > 0 and cited(text, own) or nil
end

--- A text with all its citations, for a client.
function M.told(text, list)
  local own = {}
  for i, citation in ipairs(list) do own[i] = M.own(citation) end
  return cited(text, own)
end

return M
