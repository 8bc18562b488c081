-- Pictures, documents, films and sound: media types and Bedrock's words for them. Pure.
local M = {}

local IMAGES = {
  png = "image/png", jpeg = "image/jpeg", gif = "image/gif", webp = "image/webp",
}

local DOCUMENTS = {
  pdf = "application/pdf", csv = "text/csv", doc = "application/msword",
  docx = "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
  xls = "application/vnd.ms-excel",
  xlsx = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
  html = "text/html", txt = "text/plain", md = "text/markdown",
}

local VIDEOS = {
  mkv = "video/x-matroska", mov = "video/quicktime", mp4 = "video/mp4", webm = "video/webm",
  flv = "video/x-flv", mpeg = "video/mpeg", mpg = "video/mpeg", wmv = "video/x-ms-wmv",
  three_gp = "video/3gpp",
}

local AUDIOS = {
  mp3 = "audio/mpeg", opus = "audio/opus", wav = "audio/wav", aac = "audio/aac",
  flac = "audio/flac", mp4 = "audio/mp4", ogg = "audio/ogg", mkv = "audio/x-matroska",
  mka = "audio/x-matroska", ["x-aac"] = "audio/x-aac", m4a = "audio/x-m4a", mpeg = "audio/mpeg",
  mpga = "audio/mpeg", pcm = "audio/pcm", webm = "audio/webm",
}

local KINDS = { image = IMAGES, document = DOCUMENTS, video = VIDEOS, audio = AUDIOS }

-- Of several words for a type, the usual one.
local USUAL = {
  ["video/mpeg"] = "mpeg", ["audio/mpeg"] = "mp3", ["audio/x-matroska"] = "mka",
  ["image/jpg"] = "jpeg", ["audio/mp3"] = "mp3", ["audio/x-wav"] = "wav", ["audio/m4a"] = "m4a",
  ["audio/wave"] = "wav", ["text/x-markdown"] = "md",
}

local FORMATS = {}
for kind, formats in pairs(KINDS) do
  FORMATS[kind] = {}
  for format, mime in pairs(formats) do FORMATS[kind][mime] = format end
end

--- The media type of a format.
-- @tparam string kind "image", "document", "video" or "audio"
function M.mime(kind, format)
  if type(format) ~= "string" then return nil end
  return KINDS[kind][format] or kind ~= "document" and kind .. "/" .. format or nil
end

local function bare(mime)
  return mime:lower():match("^[^;%s]*")
end

--- The format of a media type; nil where Bedrock has no word for it.
function M.format(kind, mime)
  if not mime then return nil end
  mime = bare(mime)
  local usual = USUAL[mime]
  if usual and KINDS[kind][usual] then return usual end
  return FORMATS[kind][mime]
end

-- Texts that have no format of their own.
local TEXTS = {
  ["application/json"] = true, ["application/xml"] = true, ["application/yaml"] = true,
  ["application/x-yaml"] = true, ["application/javascript"] = true,
}

--- Whether a type is one of plain text, whatever it is called.
function M.is_text(mime)
  mime = mime and bare(mime)
  return mime ~= nil and (mime:sub(1, 5) == "text/" or TEXTS[mime] == true)
end

local PDF = "JVBERi" -- "%PDF" in base64

--- The format of a file by its type, its name or its first bytes; nil for one that is no document.
function M.document_format(part)
  local format = M.format("document", part.mime)
  if format then return format end
  if M.is_text(part.mime) or part.text then return "txt" end
  local name = part.name or part.title or part.url
  local extension = name and name:lower():match("%.(%w+)$")
  if extension and DOCUMENTS[extension] then return extension end
  if part.data and part.data:sub(1, #PDF) == PDF then return "pdf" end
end

return M
