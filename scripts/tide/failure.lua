-- The one error that a client gets when every try of its request has failed.
local core = require("core")
local errors = require("tide.errors")

local M = {}

local LONGEST_QUOTE = 500
local LONGEST_LIST = 1000
local NOT_ACCEPTED = "no answer was accepted by the policy"

local function every(tries, kind)
  for _, verdict in ipairs(tries) do
    if verdict.kind ~= kind then return false end
  end
  return #tries > 0
end

-- The outcome of a lane's last try counts: it is what would happen again.
local function last_of_each(tries)
  local latest, order = {}, {}
  for _, verdict in ipairs(tries) do
    if not latest[verdict.label] then order[#order + 1] = verdict.label end
    latest[verdict.label] = verdict
  end
  local result = {}
  for i, label in ipairs(order) do result[i] = latest[label] end
  return result
end

-- "429 rate_limited", "timeout (first_token)", "connect"
local function describe(verdict)
  if verdict.status then return verdict.status .. " " .. verdict.kind end
  if verdict.phase then return verdict.kind .. " (" .. verdict.phase .. ")" end
  return verdict.kind
end

local function quote(text)
  text = core.redact(text or "")
  if #text > LONGEST_QUOTE then text = text:sub(1, LONGEST_QUOTE) .. "..." end
  return text
end

local function message_of(tries, lanes)
  if every(lanes, "rejected") then return NOT_ACCEPTED end
  if #lanes == 1 then
    local verdict = lanes[1]
    local text = verdict.label .. " failed: " .. describe(verdict)
    if #tries > 1 then text = text .. ", " .. #tries .. " attempts" end
    local said = quote(verdict.message)
    return said == "" and text or text .. ": " .. said
  end
  local parts = {}
  for i, verdict in ipairs(lanes) do parts[i] = verdict.label .. ": " .. describe(verdict) end
  local list = table.concat(parts, "; ")
  if #list > LONGEST_LIST then list = list:sub(1, LONGEST_LIST) .. "..." end
  local text = "no lane could serve this request (" .. list .. ")"
  -- A limit of the gateway's own is named.
  return every(lanes, "too_large") and text .. ": " .. quote(lanes[#lanes].message) or text
end

local function earliest(lanes)
  local best
  for _, verdict in ipairs(lanes) do
    local wait = verdict.retry_after
    if wait and (not best or wait < best) then best = wait end
  end
  return string.format("%d", math.max(1, math.ceil(best or 1)))
end

local function status_of(lanes, last)
  if every(lanes, "rate_limited") then return 429, "rate_limited" end
  if every(lanes, "no_target") then return 404, "no_target" end
  if not last or last.kind == "timeout" then return 504, "timeout" end
  return 502, last.kind
end

local OUTCOMES = { [404] = "client_error", [429] = "limited" }

-- Every lane would have to be asked what it cannot be asked: that is the client's to know.
local function refusal(tries)
  for _, verdict in ipairs(tries) do
    if not verdict.err then return nil end
  end
  return #tries > 0 and tries[#tries].err or nil
end

local function summed(tries)
  local lanes = last_of_each(tries)
  local status, kind = status_of(lanes, tries[#tries])
  local type_ = status >= 500 and "upstream_error" or errors.type_of(kind)
  if status == 504 then type_ = "timeout_error" end
  return {
    status = status,
    kind = kind,
    type = type_,
    code = errors.code_of(kind) or kind,
    message = #tries > 0 and message_of(tries, lanes) or "the time for this request is over",
    request_id = #tries > 0 and tries[#tries].request_id or nil,
    headers = status == 429 and { ["retry-after"] = earliest(lanes) } or nil,
    outcome = OUTCOMES[status] or "upstream_error",
  }
end

--- Sums up the tries of one request.
-- @tparam table tries verdicts in order, each with the `label` of its lane
-- @treturn table an error of errors.lua
function M.of(tries)
  return refusal(tries) or summed(tries)
end

return M
