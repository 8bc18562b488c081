-- Pictures and sound as Ollama has them: base64 without a word on what it is. Pure.
local canonical = require("tide.canonical")
local core = require("core")

local M = {}

-- How the bytes begin.
local MAGIC = {
  { "\137PNG", "image/png" }, { "\255\216\255", "image/jpeg" }, { "GIF8", "image/gif" },
  { "BM", "image/bmp" }, { "ID3", "audio/mpeg" }, { "\255\251", "audio/mpeg" },
  { "OggS", "audio/ogg" }, { "fLaC", "audio/flac" },
}
local RIFF = { WEBP = "image/webp", WAVE = "audio/wav" }

-- The first twelve bytes are sixteen letters.
local HEAD = 16

--- The type of base64 text; what nobody knows is a picture.
function M.mime(data)
  local head = core.base64.decode(data:sub(1, HEAD)) or ""
  if head:sub(1, 4) == "RIFF" then return RIFF[head:sub(9, 12)] or "image/webp" end
  for _, rule in ipairs(MAGIC) do
    if head:sub(1, #rule[1]) == rule[1] then return rule[2] end
  end
  return "image/png"
end

--- A canonical part of what stands in `images`; some clients write a data: URL.
function M.part(data)
  local mime, inner = canonical.parse_data_url(data)
  data = inner or data
  mime = mime and mime ~= "text/plain" and mime or M.mime(data)
  if not mime:find("^audio/") then return { type = "image", data = data, mime = mime } end
  return { type = "audio", data = data, mime = mime, format = canonical.audio_format(mime) }
end

return M
