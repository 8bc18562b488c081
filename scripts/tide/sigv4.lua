-- Adapters with auth.type "sigv4": pairs of keys that sign each request, and what their refusals
-- mean. A single key of such a provider is sent as a bearer token.
local core = require("core")
local http_date = require("tide.http_date")
local provider_error = require("tide.provider_error")

local M = {}

-- What AWS calls a refusal of the credential itself, whatever the model.
local REFUSED = {
  ExpiredToken = true, ExpiredTokenException = true, InvalidClientTokenId = true,
  UnrecognizedClientException = true, InvalidSignatureException = true,
  SignatureDoesNotMatch = true, IncompleteSignature = true,
  IncompleteSignatureException = true, MissingAuthenticationToken = true,
  MissingAuthenticationTokenException = true, NotSignedException = true,
}

-- Refusals that a wrong clock may be the reason of.
local UNTIMELY = {
  InvalidSignatureException = true, SignatureDoesNotMatch = true, RequestExpired = true,
  RequestExpiredException = true, RequestTimeTooSkewed = true, AuthFailure = true,
}

-- A signature is good for five minutes; the header Date has whole seconds.
local SKEW = 60 -- seconds

-- ---- loading ------------------------------------------------------------------------------------

local function pair_of_environment(auth)
  local id, secret, token = unpack(auth.keys or {})
  if not id then return nil end
  local key = {
    access_key_id = core.env_secret(id), secret_access_key = core.env_secret(secret),
    session_token = token and core.env_secret((token:gsub("%?$", ""))),
  }
  local is_token_missing = token and token:sub(-1) ~= "?" and not key.session_token
  if key.access_key_id and key.secret_access_key and not is_token_missing then return key end
end

--- The key of a provider from the variables that its adapter names: a single one wins.
-- @tparam table auth the adapter's
-- @treturn table|nil as one of the configuration's `keys`
function M.of_environment(auth)
  local secret = auth.secret and core.env_secret(auth.secret)
  if secret then return { value = secret } end
  return pair_of_environment(auth)
end

--- A variable that has to be set and is not; nil when nothing is missing.
function M.missing_variable(auth)
  if M.of_environment(auth) then return nil end
  for _, name in ipairs(auth.keys or {}) do
    if name:sub(-1) ~= "?" and not core.env_secret(name) then return name end
  end
  return auth.secret
end

--- What may be set, for people; "" for nothing.
function M.variables(auth)
  local names = {}
  for _, name in ipairs(auth.keys or {}) do
    if name:sub(-1) ~= "?" then names[#names + 1] = name end
  end
  local pair = table.concat(names, " and ")
  if not auth.secret then return pair end
  return pair == "" and auth.secret or pair .. ", or " .. auth.secret
end

--- What signs with a key of the configuration.
-- @tparam table provider
-- @tparam table key with access_key_id
-- @treturn table|nil a signer of core
-- @treturn nil|table { field =, message = }
function M.signer(provider, key)
  local auth = provider.adapter.auth
  if auth.type ~= "sigv4" then
    return nil, { message = "takes a key, not a pair of keys to sign with" }
  end
  if key.value then
    return nil, { message = "either a key or access_key_id and secret_access_key, not both" }
  end
  if not provider.values.region then
    return nil, { field = "region", message = "needs `region`, which its signatures have" }
  end
  return core.signer({
    access_key_id = key.access_key_id, secret_access_key = key.secret_access_key,
    session_token = key.session_token, region = provider.values.region, service = auth.service,
  })
end

-- ---- judging ------------------------------------------------------------------------------------

-- "InvalidSignatureException:http://..." or "com.amazon.coral.service#InvalidSignatureException".
local function code_of(summary)
  local headers = summary.headers or {}
  local body = provider_error.decode(summary.body)
  local said = headers["x-amzn-errortype"]
    or type(body) == "table" and (body.__type or body.code)
  if type(said) ~= "string" then return nil end
  return (said:gsub(":.*$", ""):gsub("^.*#", ""))
end

-- How far the provider's clock is ahead of ours when that may be why it refused; else nil. What has
-- been learned already counts as well: another request may have learned it after this one was sent.
local function skew_of(signer, code, summary)
  local date = UNTIMELY[code] and http_date.read((summary.headers or {}).date)
  local offset = date and date - core.time()
  if not offset then return nil end
  local is_off = math.abs(offset) > SKEW or math.abs(offset - signer:offset()) > SKEW
  return is_off and offset or nil
end

--- After a refusal: the signature of a wrong time is made again by the provider's clock, once in a
-- request.
-- @tparam table call of body.read()
-- @tparam table lane
-- @tparam table verdict of classify.lua
-- @tparam table summary of the attempt
-- @treturn table the verdict
function M.judge(call, lane, verdict, summary)
  if verdict.status ~= 403 and verdict.status ~= 401 and verdict.status ~= 400 then
    return verdict
  end
  local code, signer = code_of(summary), lane.credential.signer
  local skew = signer and skew_of(signer, code, summary)
  if REFUSED[code] or skew then verdict.kind, verdict.action = "auth", "credential" end
  local resigned = call.resigned or {}
  if skew and not resigned[signer] then
    signer:set_offset(skew)
    call.resigned = resigned
    resigned[signer] = true
    verdict.action = "again"
  end
  return verdict
end

return M
