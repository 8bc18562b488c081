-- The conformance kit for what a provider refuses: statuses, when to come back, and that the key
-- that a provider repeats goes no further.
local core = require("core")

local M = {}

local JSON = { ["content-type"] = "application/json" }

local function with(headers)
  local result = { ["content-type"] = "application/json" }
  for name, value in pairs(headers) do result[name] = value end
  return result
end

local function body_of(message)
  return core.encode({ error = { message = message, type = "provider_error", code = core.null } })
end

-- What a provider answers, in which status the client hears of it (nil: any but 200), and what the
-- answer must say of coming back.
local function cases(secret)
  local message = "Incorrect API key provided: " .. secret
  return {
    { "401", 401, JSON, body_of(message) },
    { "401 in plain text", 401, { ["content-type"] = "text/plain" }, message },
    { "403", 403, JSON, body_of("no") },
    { "404", 404, JSON, body_of("no such model") },
    { "400 that repeats the key", 400, JSON, body_of(message) },
    { "429 with Retry-After", 429, with({ ["retry-after"] = "7" }), body_of("no"), 429, "7" },
    { "429", 429, JSON, body_of("slow down"), 429 },
    { "500", 500, with({ ["x-echo"] = secret }), body_of(message) },
    { "502 in HTML", 502, { ["content-type"] = "text/html" }, "<html>" .. secret .. "</html>" },
    { "503 without a body", 503, {}, "" },
    { "an error under the status 200", 200, JSON, body_of(message) },
    { "an empty answer", 200, JSON, "" },
    { "an answer that is no JSON", 200, { ["content-type"] = "text/html" }, "<html>no</html>" },
  }
end

local function shown(kit, body)
  if body == "" then return "empty" end
  return (body:gsub(kit.secret:gsub("%p", "%%%0"), "KEY"))
end

local function check(kit, request, case, fail)
  local name, status, headers, body, wanted, after = unpack(case, 1, 6)
  local outcome = kit:ask(request, { status = status, headers = headers, pieces = { body } })
  if kit.hooks.failed then return end
  local what = name .. (request.stream and " to a stream" or "") .. ": "
  if outcome.ok then
    fail(what .. "the client is told a success; the answer was " .. shown(kit, body),
      kit.hooks.last)
  elseif wanted and outcome.status ~= wanted then
    fail(what .. "the client gets " .. outcome.status .. ", not " .. wanted, kit.hooks.last)
  elseif after and outcome.headers["retry-after"] ~= after then
    fail(what .. "the client is told to come back after "
      .. tostring(outcome.headers["retry-after"]) .. ", not " .. after, kit.hooks.last)
  end
end

local MOST = 3 -- that are told; what is wrong in one way often is in many

local function few(fail)
  local count = 0
  return function(message, hook)
    count = count + 1
    if count <= MOST then fail(message, hook) end
  end
end

--- Runs all of it (y).
-- @tparam table kit of kit_run.new()
-- @tparam table requests of kit_clients.request(): a whole one and a stream, or one of them
-- @tparam function fail takes a text and the name of a hook or nil
function M.run(kit, requests, fail)
  fail = few(fail)
  for _, request in ipairs(requests) do
    for _, case in ipairs(cases(kit.secret)) do
      if kit.hooks.is_runaway then return end
      check(kit, request, case, fail)
    end
    local outcome = kit:ask(request, { reset = true })
    if outcome.ok then fail("a connection that is lost: the client is told a success") end
  end
end

return M
