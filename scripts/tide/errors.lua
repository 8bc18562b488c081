-- The errors that the gateway itself gives to clients. The dialect turns them into bytes: it gets
-- { status, kind, type, code, message, param, request_id }, type and code in OpenAI's words.
local core = require("core")
local framing = require("tide.framing")
local http_date = require("tide.http_date")

local M = {}

-- What the clients' SDKs expect as `type` beside a kind.
local TYPES = {
  auth = "authentication_error", quota = "rate_limit_error", rate_limited = "rate_limit_error",
  bad_request = "invalid_request_error", too_large = "invalid_request_error",
  context_length = "invalid_request_error", content_filter = "invalid_request_error",
  no_target = "invalid_request_error", timeout = "timeout_error", script = "server_error",
}

-- As OpenAI spells the codes that programs look for.
local CODES = {
  context_length = "context_length_exceeded", no_target = "model_not_found",
  too_large = "request_too_large", bad_request = false,
}

local LONGEST_NAME = 200

function M.type_of(kind)
  return TYPES[kind] or "upstream_error"
end

function M.code_of(kind)
  if CODES[kind] == nil then return kind end
  return CODES[kind] or nil
end

--- A request that cannot be understood.
function M.bad_request(message, param, code)
  return {
    status = 400, kind = "bad_request", type = "invalid_request_error", message = message,
    param = param, code = code, outcome = "client_error",
  }
end

--- What req:scan() said about a body.
function M.bad_body(problem)
  local err = M.bad_request(problem.message, nil, nil)
  if problem.kind == "too_large" then
    err.status, err.kind, err.code = 413, "too_large", "request_too_large"
  end
  return err
end

--- No client key, or an unknown one.
function M.unauthorized(message)
  return {
    status = 401, kind = "auth", type = "invalid_request_error", message = message,
    code = "invalid_api_key", headers = { ["www-authenticate"] = "Bearer" },
    outcome = "client_error",
  }
end

--- A signature that is not taken: in the words of AWS, whose SDKs are those that sign.
-- @tparam table problem of req:verify_signature(); one that is about time tells ours, which some of
--   these SDKs then sign by
function M.bad_signature(problem)
  return {
    status = 403, kind = "auth", type = "invalid_request_error", message = problem.message,
    code = problem.code, outcome = "client_error",
    headers = problem.is_time and { date = http_date.write(core.time()) } or nil,
  }
end

--- A model that nobody configured. `reason` says what is wrong with the name.
function M.model_not_found(name, reason)
  if #name > LONGEST_NAME then
    name, reason = name:sub(1, LONGEST_NAME) .. "...", "the name is too long"
  end
  return {
    status = 404, kind = "no_target", type = "invalid_request_error", param = "model",
    message = "The model `" .. name .. "` does not exist here: " .. reason
      .. ". GET /v1/models lists what there is.",
    code = "model_not_found", outcome = "client_error", model = name,
  }
end

--- A path that no endpoint has.
function M.not_found(method, path, known)
  if #path > LONGEST_NAME then path = path:sub(1, LONGEST_NAME) .. "..." end
  return {
    status = 404, kind = "bad_request", type = "invalid_request_error", code = "not_found",
    message = "There is no " .. method .. " " .. path .. ". There is " .. known .. ".",
    outcome = "client_error",
  }
end

--- A path that exists, asked with the wrong method.
function M.method_not_allowed(method, path, allow)
  return {
    status = 405, kind = "bad_request", type = "invalid_request_error",
    code = "method_not_allowed", message = path .. " takes " .. allow .. ", not " .. method .. ".",
    headers = { allow = allow }, outcome = "client_error",
  }
end

-- The status of an error that a script hands over: what a client can make of its kind.
local STATUSES = {
  bad_request = 400, context_length = 400, content_filter = 400, upstream_4xx = 400, auth = 401,
  quota = 402, budget = 402, no_target = 404, too_large = 413, rate_limited = 429,
  canceled = 499, script = 500, dns = 502, connect = 502, tls = 502, protocol = 502,
  upstream_5xx = 502, overloaded = 503, breaker_open = 503, timeout = 504,
}

M.kinds = STATUSES

local function outcome_of(status, kind)
  if kind == "script" then return "script_error" end
  if kind == "canceled" then return "canceled" end
  if status == 429 then return "limited" end
  return status < 500 and "client_error" or "gateway_error"
end

--- What a script said with `return nil, err`, for the client.
-- @tparam table said { kind = of the closed list, message =, retry_after = seconds }
function M.of_script(said)
  local kind = said.kind
  local status = STATUSES[kind]
  local wait = tonumber(said.retry_after)
  return {
    status = status, kind = kind, type = M.type_of(kind), code = M.code_of(kind) or kind,
    message = type(said.message) == "string" and core.redact(said.message) or kind,
    headers = wait and { ["retry-after"] = string.format("%d", math.max(1, math.ceil(wait))) },
    outcome = outcome_of(status, kind),
  }
end

--- A script failed: the log says how, the client is told where to look.
function M.script_failed(id)
  local err = M.of_script({
    kind = "script", message = "a script of the gateway failed; request id " .. id,
  })
  err.code = "gateway_script_error"
  return err
end

--- What a stream that breaks after the commit point tells.
function M.of_stream(kind, message)
  return {
    kind = kind, message = message, type = M.type_of(kind), code = M.code_of(kind),
    status = STATUSES[kind] or 502,
  }
end

--- For req:attempt: writes the error event of a stream that breaks after the commit point.
function M.event_writer(dialect)
  return function(kind, message, id)
    local err = M.of_stream(kind, message)
    err.request_id = id
    return framing.error_event(dialect, err)
  end
end

return M
