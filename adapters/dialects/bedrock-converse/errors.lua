-- Errors as AWS writes them: a type in a header, a message in the body. Pure.
local core = require("core")

local M = {}

-- ---- to clients ---------------------------------------------------------------------------------

local OF_STATUS = {
  [400] = "ValidationException", [401] = "UnrecognizedClientException",
  [402] = "ServiceQuotaExceededException", [403] = "AccessDeniedException",
  [404] = "ResourceNotFoundException", [408] = "ModelTimeoutException",
  [424] = "ModelErrorException", [429] = "ThrottlingException",
  [500] = "InternalServerException", [502] = "ModelErrorException",
  [503] = "ServiceUnavailableException", [504] = "ModelTimeoutException",
  [529] = "ServiceUnavailableException",
}

-- An error that has a name of AWS already, as those of signatures, keeps it.
local function type_of(err)
  local status, code = err.status, err.code
  if type(code) == "string" and code:find("^%u%a+Exception$") then return code end
  if err.code == "not_found" and status == 404 then return "UnknownOperationException" end
  if status and OF_STATUS[status] then return OF_STATUS[status] end
  return status and status >= 400 and status < 500 and "ValidationException"
    or "InternalServerException"
end

--- The headers of an error: SDKs read the type there.
function M.headers(err)
  return { ["x-amzn-errortype"] = type_of(err) }
end

--- Its body.
function M.body(err)
  return core.encode({ message = err.message })
end

-- The exceptions that a stream may have, by the kind of what happened.
local OF_KIND = {
  rate_limited = "throttlingException", quota = "throttlingException",
  budget = "throttlingException", overloaded = "serviceUnavailableException",
  breaker_open = "serviceUnavailableException", bad_request = "validationException",
  context_length = "validationException", content_filter = "validationException",
  too_large = "validationException", no_target = "validationException",
  upstream_4xx = "validationException", script = "internalServerException",
  canceled = "internalServerException",
}
local BROKEN = "modelStreamErrorException"

--- The payload of an exception in a stream, and its name.
function M.event(err)
  local name = OF_KIND[err.kind] or BROKEN
  return core.encode({
    message = err.message,
    originalMessage = name == BROKEN and err.message or nil,
    originalStatusCode = name == BROKEN and (err.status or 502) or nil,
  }), name
end

-- ---- of providers -------------------------------------------------------------------------------

--- An exception's name as HTTP has it: without what follows a colon or stands before a hash, and
-- with a capital letter also where a stream has told it.
function M.name(text)
  if type(text) ~= "string" then return nil end
  text = text:match("^[^:]*"):match("([^#]*)$"):gsub("%s+$", "")
  if text == "" then return nil end
  return text:sub(1, 1):upper() .. text:sub(2)
end

local function text_of(value)
  return type(value) == "string" and value ~= "" and value or nil
end

--- What a provider's error says.
-- @param body decoded: { message = } or { Message = }, with `__type` or without
-- @tparam table|nil headers of the answer
function M.read(body, headers)
  local value = type(body) == "table" and body or {}
  if type(value.error) == "table" then value = value.error end
  return {
    message = text_of(value.message) or text_of(value.Message) or text_of(value.originalMessage),
    type = M.name(headers and headers["x-amzn-errortype"]) or M.name(value.__type)
      or M.name(value.code),
  }
end

return M
