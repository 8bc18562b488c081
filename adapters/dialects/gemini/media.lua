-- Pictures, sound and files as Gemini's parts, from and to the canonical ones. Pure.
local canonical = require("tide.canonical")
local members = require("dialects.gemini.members")

local M = {}

local text = members.text

-- Where the end of an address tells what it holds.
local ENDINGS = {
  jpg = "image/jpeg", jpeg = "image/jpeg", png = "image/png", gif = "image/gif",
  webp = "image/webp", heic = "image/heic", heif = "image/heif", bmp = "image/bmp",
  pdf = "application/pdf", txt = "text/plain", md = "text/markdown", csv = "text/csv",
  html = "text/html", json = "application/json", mp3 = "audio/mpeg", wav = "audio/wav",
  ogg = "audio/ogg", flac = "audio/flac", mp4 = "video/mp4", mov = "video/quicktime",
  webm = "video/webm", mpeg = "video/mpeg",
}

-- The canonical type of something by its media type.
local function kind_of(mime)
  local kind = (mime or ""):match("^(%a+)/")
  if kind == "image" or kind == "audio" or kind == "video" then return kind end
  return "file"
end

--- A canonical part of an inlineData; nil without data.
function M.inline(value)
  local data, mime = text(value, "data"), text(value, "mimeType")
  if not data then return nil end
  local kind = kind_of(mime)
  return {
    type = kind, data = members.base64(data), mime = mime,
    format = kind == "audio" and canonical.audio_format(mime) or nil,
    name = kind ~= "image" and kind ~= "audio" and text(value, "displayName") or nil,
  }
end

--- A canonical part of a fileData; nil without an address. Sound by address is a file.
function M.linked(value)
  local url, mime = text(value, "fileUri"), text(value, "mimeType")
  if not url then return nil end
  local kind = kind_of(mime)
  return { type = kind == "audio" and "file" or kind, url = url, mime = mime,
    name = kind ~= "image" and text(value, "displayName") or nil }
end

local USUAL = { image = "image/png", video = "video/mp4", file = "application/pdf" }

-- What an address or a name does not tell is left open, but data must have a type.
local function mime_of(part)
  if part.mime then return part.mime end
  if part.type == "audio" then return canonical.audio_mime(part.format or "wav") end
  local name = part.url and part.url:gsub("[?#].*", "") or part.name or ""
  local ending = name:match("%.(%w+)$")
  return ending and ENDINGS[ending:lower()] or part.data and USUAL[part.type] or nil
end

-- Ids of other providers' files mean nothing to Google; its own are addresses.
local function own_address(id)
  if type(id) ~= "string" then return nil end
  if id:find("^gs://") or id:find("^https?://") then return id end
  if id:find("^files/") then
    return "https://generativelanguage.googleapis.com/v1beta/" .. id
  end
end

local function textual(part)
  local lines = {}
  for _, piece in ipairs({ part.title or part.name or "", part.context or "", part.text }) do
    if piece ~= "" then lines[#lines + 1] = piece end
  end
  return { text = table.concat(lines, "\n\n") }
end

-- Google fetches from its own stores and from YouTube, from elsewhere only for some models.
local OWN = {
  "^gs://", "^https://generativelanguage%.googleapis%.com/", "^https://www%.youtube%.com/",
  "^https://youtube%.com/", "^https://youtu%.be/",
}

--- Whether a part with an address must come as data.
function M.needs_bytes(part)
  for _, own in ipairs(OWN) do
    if part.url:find(own) then return false end
  end
  return true
end

--- Gemini's part for an image, audio, video or file; nil when there is none.
function M.part(part)
  if part.data then return { inlineData = { mimeType = mime_of(part), data = part.data } } end
  local url = part.url or own_address(part.id)
  if url then return { fileData = { fileUri = url, mimeType = mime_of(part) } } end
  if part.text then return textual(part) end
  return nil
end

return M
