-- Pictures and files that a client names by URL, fetched and put into the request as data for a
-- provider that wants bytes. Only public addresses are asked (media.allow names exceptions), also
-- behind redirects; sizes, counts and times have limits (media.*).
local core = require("core")
local url = require("tide.url")

local M = {}

local REDIRECTS = { [301] = true, [302] = true, [303] = true, [307] = true, [308] = true }
local LONGEST_SHOWN = 200
local CONNECT = 3

-- First bytes of the kinds that providers take, for servers that do not say what they send.
local MAGIC = {
  { "\137PNG\r\n\26\n", "image/png" }, { "\255\216\255", "image/jpeg" }, { "GIF8", "image/gif" },
  { "%PDF-", "application/pdf" }, { "ID3", "audio/mpeg" }, { "OggS", "audio/ogg" },
}
local RIFF = { ["WEBP"] = "image/webp", ["WAVE"] = "audio/wav" }
local VAGUE = {
  [""] = true, ["application/octet-stream"] = true, ["binary/octet-stream"] = true,
}
local WANTED = { image = "^image/", audio = "^audio/", video = "^video/" }

local function setting(name)
  local own, usual = core.config.media or {}, (core.config.defaults or {}).media or {}
  return own[name] or usual[name]
end

-- A query may hold a signature, which is nobody else's business.
local function shown(address)
  local text = address:gsub("[?#].*$", "")
  return #text > LONGEST_SHOWN and text:sub(1, LONGEST_SHOWN) .. "..." or text
end

local function refused(address, reason)
  return {
    kind = "bad_request", code = "invalid_url",
    message = "cannot fetch " .. shown(address) .. ": " .. reason,
  }
end

local function is_allowed(address)
  local origin = core.url_origin(address)
  for _, allowed in ipairs(setting("allow") or {}) do
    if origin and (allowed == "*" or core.url_origin(allowed) == origin) then return true end
  end
  return false
end

local function ask(address)
  local seconds = setting("timeout")
  local handle, err = core.fetch(address, "GET", {
    "accept-encoding", "identity", "user-agent", "tidegate/" .. core.version,
  }, nil, CONNECT, seconds, seconds, seconds, setting("max"), false, not is_allowed(address))
  if not handle then return nil, err end
  local ok
  ok, err = handle:await("end")
  err = not ok and err or handle:failure()
  if err then
    handle:close()
    return nil, err
  end
  return handle
end

-- Follows redirects, each looked at as the first address was.
local function follow(address)
  local first = address
  for _ = 0, setting("redirects") do
    local handle, err = ask(address)
    if not handle then
      if err.kind == "canceled" then return nil, err end
      return nil, refused(first, err.message)
    end
    local status, headers = handle:status(), handle:headers()
    if not (REDIRECTS[status] and headers.location) then
      if status ~= 200 then return nil, refused(first, "the answer has status " .. status) end
      return handle:take() or "", headers["content-type"]
    end
    address = url.join(address, headers.location)
  end
  return nil, refused(first, "too many redirects (media.redirects)")
end

local function sniff(bytes)
  for _, magic in ipairs(MAGIC) do
    if bytes:sub(1, #magic[1]) == magic[1] then return magic[2] end
  end
  return bytes:sub(1, 4) == "RIFF" and RIFF[bytes:sub(9, 12)] or nil
end

local function type_of(bytes, content_type)
  local said = (content_type or ""):match("^[^;]*"):gsub("%s+$", ""):lower()
  return VAGUE[said] and sniff(bytes) or said
end

local function fetch(part)
  local bytes, content_type = follow(part.url)
  if not bytes then return nil, content_type end
  if bytes == "" then return nil, refused(part.url, "the answer is empty") end
  local mime = type_of(bytes, content_type)
  local wanted = WANTED[part.type]
  if wanted and not mime:find(wanted) then
    return nil, refused(part.url, "it is no " .. part.type .. " but '" .. mime .. "'")
  end
  if mime == "" then mime = part.mime end
  return { data = core.base64.encode(bytes), mime = mime, size = #bytes }
end

-- ---- the request ----------------------------------------------------------------------------

-- The parts that the dialect wants as bytes, by URL: the same URL is fetched once.
local function collect(content, dialect, call, found)
  for _, part in ipairs(content) do
    if part.url and dialect.needs_bytes(part, call) and not found[part.url] then
      found[part.url] = part
      found[#found + 1] = part
    elseif part.type == "tool_result" then
      collect(part.content, dialect, call, found)
    end
  end
end

local function fetch_all(parts, known)
  if #parts > setting("count") then
    return nil, {
      kind = "bad_request", code = "invalid_url",
      message = #parts .. " URLs would have to be fetched for this provider, " .. setting("count")
        .. " are allowed (media.count): send the files as data",
    }
  end
  local jobs = {}
  for i, part in ipairs(parts) do jobs[i] = function() return fetch(part) end end
  local results = { core.all(jobs) }
  if #jobs > 0 and not results[1] then return nil, results[2] end
  local total = 0
  for i, result in ipairs(results) do
    total = total + result.size
    known[parts[i].url] = result
  end
  if total <= setting("total") then return true end
  return nil, {
    kind = "too_large", message = "the files of this request are larger than media.total",
  }
end

local function with_data(part, fetched)
  local result = {}
  for name, value in pairs(part) do result[name] = value end
  result.url, result.data, result.mime = nil, fetched.data, fetched.mime
  return result
end

-- The same list where nothing is replaced.
local function replaced(content, known)
  local result
  for i, part in ipairs(content) do
    local new = part.url and known[part.url] and with_data(part, known[part.url])
    if part.type == "tool_result" then
      local inner = replaced(part.content, known)
      if inner ~= part.content then
        new = with_data(part, {})
        new.content = inner
      end
    end
    if new then
      result = result or { unpack(content) }
      result[i] = new
    end
  end
  return result or content
end

local function copy_with(rq, known)
  local result, messages = {}, {}
  for name, value in pairs(rq) do result[name] = value end
  for i, message in ipairs(rq.messages) do
    local content = replaced(message.content, known)
    messages[i] = message
    if content ~= message.content then
      messages[i] = {}
      for name, value in pairs(message) do messages[i][name] = value end
      messages[i].content = content
    end
  end
  result.messages = messages
  return result
end

--- (y) A request whose URLs are data where the dialect's `needs_bytes(part, call)` says so.
-- @tparam table rq canonical; it is not changed
-- @tparam table dialect of the provider
-- @tparam table call what the dialect's functions get
-- @tparam table known what was fetched for this request before, by URL; gets what is fetched now
-- @treturn table|nil `rq` itself when nothing was to be fetched
-- @treturn nil|table err: bad_request, too_large or canceled
function M.apply(rq, dialect, call, known)
  if not dialect.needs_bytes then return rq end
  local found = {}
  for _, message in ipairs(rq.messages) do collect(message.content, dialect, call, found) end
  if #found == 0 then return rq end
  local missing, wanted = {}, {}
  for _, part in ipairs(found) do
    if not known[part.url] then missing[#missing + 1] = part end
  end
  local ok, err = fetch_all(missing, known)
  if not ok then return nil, err end
  for _, part in ipairs(found) do wanted[part.url] = known[part.url] end
  return copy_with(rq, wanted)
end

return M
