-- Signs in to Google as a service account: a signed claim is changed for an access token, which
-- serves all requests of this worker until shortly before it ends.
local classify = require("tide.classify")
local core = require("core")

local M = {}

local SCOPE = "https://www.googleapis.com/auth/cloud-platform"
local TOKEN_URI = "https://oauth2.googleapis.com/token"
local GRANT = "urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer"

local CLAIM_SECONDS = 3600
local EARLY = 300 -- a token is changed for a new one so many seconds before it ends
local USUAL = 3600 -- that one is good for when the answer does not say
local CONNECT, ANSWER = 3, 10 -- seconds
local MAX_ANSWER = 64 * 1024

-- By account; outlives a reload. { token =, renew_at =, ends_at = (of core.now()), gate = while one
-- is being fetched, err = why the last fetch failed }
local entries = {}

-- ---- loading ------------------------------------------------------------------------------------

--- Reads a provider's key file; called while the configuration is loaded.
-- @tparam table provider its `values` have `credentials`, a path, or nothing: then keys are tokens
-- @tparam function place makes a path of one that is relative to gateway.lua
-- @treturn true|nil
-- @treturn nil|table { field =, message = }
function M.prepare(provider, place)
  local path = provider.values.credentials
  if not path then return true end
  local account, err = core.service_account(place(path))
  if not account then return nil, { field = "credentials", message = err.message } end
  provider.account = account
  return true
end

-- ---- fetching a token ---------------------------------------------------------------------------

local function encoded(value)
  return core.base64.encode_url(core.encode(value))
end

-- RFC 7523: who asks, for what, of whom, for how long.
local function claim(account, uri)
  local now = math.floor(core.time())
  local text = encoded({ alg = "RS256", typ = "JWT", kid = account.private_key_id })
    .. "." .. encoded({
      iss = account.client_email, scope = SCOPE, aud = uri, iat = now, exp = now + CLAIM_SECONDS,
    })
  local signature, err = core.sign_rs256(account.private_key, text)
  if not signature then return nil, err end
  return text .. "." .. core.base64.encode_url(signature)
end

local function ask(uri, assertion)
  local fetch, err = core.fetch(uri, "POST", {
    "content-type", "application/x-www-form-urlencoded", "accept", "application/json",
  }, "grant_type=" .. GRANT .. "&assertion=" .. assertion, CONNECT, ANSWER, ANSWER, ANSWER,
    MAX_ANSWER, false)
  if not fetch then return nil, err end
  local ended
  ended, err = fetch:await("end")
  if not ended then return nil, err end
  err = fetch:failure()
  if err then return nil, err end
  return fetch:status(), fetch:take() or ""
end

local function text_of(value)
  return type(value) == "string" and value or nil
end

-- A refusal is about the key; everything else may be over in a moment.
local function refusal(uri, status, answer)
  local said = { text_of(answer.error), text_of(answer.error_description) }
  local is_refused = status == 400 or status == 401 or status == 403
  return {
    kind = is_refused and "auth" or status == 429 and "rate_limited" or "upstream_5xx",
    message = uri .. " gave no token: status " .. status
      .. (said[1] and ", " .. table.concat(said, ": ") or ""),
  }
end

local function fetch_token(account)
  local uri = account.token_uri or TOKEN_URI
  local assertion, err = claim(account, uri)
  if not assertion then return nil, err end
  local status, body = ask(uri, assertion)
  if not status then
    return nil, { kind = body.kind, message = uri .. " gave no token: " .. body.message }
  end
  local answer = core.decode(body)
  if type(answer) ~= "table" then answer = {} end
  local token = status == 200 and text_of(answer.access_token)
  if not token or token:find("[%c ]") then return nil, refusal(uri, status, answer) end
  return token, math.max(tonumber(answer.expires_in) or USUAL, 0)
end

-- In a task of its own: whoever asked first may hang up, and others wait.
local function renew(entry, account)
  local ran, token, seconds = pcall(fetch_token, account)
  if ran and token then
    core.add_secret(token, seconds + EARLY)
    local now = core.now()
    entry.token, entry.err = "Bearer " .. token, nil
    entry.renew_at, entry.ends_at = now + seconds - EARLY, now + seconds
  else
    entry.err = ran and seconds or { kind = "script", message = "no token could be asked for" }
    if not ran then core.log("error", "gcp: " .. tostring(token)) end
  end
  local gate = entry.gate
  entry.gate = nil
  gate:open()
end

local function await_token(entry, account)
  local gate = entry.gate
  if not gate then
    gate = core.gate()
    entry.gate = gate
    local started, err = core.background(renew, entry, account)
    if not started then
      entry.gate = nil
      return nil, err
    end
  end
  return gate:wait()
end

-- ---- tokens -------------------------------------------------------------------------------------

-- Keys that are not in use any more leave with their last token.
local function drop_ended()
  for key, entry in pairs(entries) do
    if not entry.gate and (not entry.token or entry.ends_at < core.now()) then
      entries[key] = nil
    end
  end
end

local function entry_of(account)
  local key = table.concat({
    account.client_email, account.private_key_id or "", account.token_uri or "",
  }, "\0")
  local entry = entries[key]
  if not entry then
    drop_ended()
    entry = {}
    entries[key] = entry
  end
  return entry
end

--- The value of the header `authorization` for a credential (y).
-- @tparam table credential of a provider with auth.type "gcp"
-- @treturn string|nil
-- @treturn nil|table { kind =, message = }
function M.authorize(credential)
  local account = credential.provider.account
  if not account then
    return nil, { kind = "auth", message = credential.provider.name
      .. " has no credentials: set `credentials`, the file of a service account, or `keys`" }
  end
  if account.is_fake then return "Bearer none" end
  local entry = entry_of(account)
  if entry.token and core.now() < entry.renew_at then return entry.token end
  local waited, err = await_token(entry, account)
  if not waited then return nil, err end
  if entry.token and (not entry.err or core.now() < entry.ends_at) then return entry.token end
  return nil, entry.err
end

--- After a 401: the token that was used is given up, once in a request, and the attempt repeated.
-- @tparam table call of body.read(); `token` is what authorize() gave for the attempt
-- @tparam table lane
-- @tparam table verdict of classify.lua
-- @treturn table the verdict
function M.judge(call, lane, verdict)
  local account, renewed = lane.credential.provider.account, call.renewed or {}
  if not account or verdict.status ~= 401 or verdict.kind ~= "auth" or renewed[account] then
    return verdict
  end
  local entry = entry_of(account)
  if entry.token == call.token then entry.token = nil end
  call.renewed = renewed
  renewed[account] = true
  verdict.action = "again"
  return verdict
end

--- The verdict of an attempt for which there was no token.
function M.failed(err)
  return classify.summary({ kind = err.kind, message = err.message }, {}, core.time())
end

return M
