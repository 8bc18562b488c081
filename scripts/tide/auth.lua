-- Who a client is, by the key it brings.
local errors = require("tide.errors")
local url = require("tide.url")

local M = {}

--- The token of an Authorization header, or nil when it is not of the Bearer kind.
function M.bearer(header)
  if header and header:sub(1, 7):lower() == "bearer " then return header:match("^ *(.*)$", 8) end
end

local function key_of(req, header)
  local key = M.bearer(header) or req:header("x-api-key") or req:header("x-goog-api-key")
  if key then return key end
  local query = req:query()
  return query and url.parameter(query, "key")
end

local function by_signature(req)
  local name, problem = req:verify_signature()
  if not name then return nil, errors.bad_signature(problem) end
  return name
end

local function without_key(req)
  local query = req:query()
  if query and url.parameter(query, "X-Amz-Signature") then
    return errors.bad_signature({
      code = "MissingAuthenticationTokenException",
      message = "A signature in the URL is not taken here: sign with the header Authorization.",
    })
  end
  return errors.unauthorized("A key is needed: as Authorization: Bearer KEY, "
    .. "x-api-key or x-goog-api-key.")
end

--- The client's name, or nil and an error. Only for gateways that ask for a key.
function M.client(req)
  local header = req:header("authorization")
  if header and header:sub(1, 5) == "AWS4-" then return by_signature(req) end
  local key = key_of(req, header)
  if not key or key == "" then return nil, without_key(req) end
  local name = req:find_client(key)
  if not name then return nil, errors.unauthorized("The key is not known here.") end
  return name
end

return M
