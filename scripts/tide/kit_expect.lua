-- Is the answer the one that it should be? Says in words what is otherwise.
local core = require("core")
local diff = require("tide.testing_diff")

local M = {}

--- Why a request has failed, without the name of the lane: there is but one.
function M.why(outcome)
  local message = tostring(outcome.message):gsub("^%S+#%d+ failed: ", "")
  return tostring(outcome.kind) .. ", " .. message
end

-- What of tool calls can be compared: ids may be made up.
local function calls_of(said)
  local calls = {}
  for i, call in ipairs(said.tool_calls or {}) do
    calls[i] = { name = call.name, arguments = call.arguments or call.arguments_text }
  end
  return calls
end

local function compare(what, got, expected)
  local found = diff.find(got, expected)
  if not found then return nil end
  return what .. found.path .. " is " .. found.got .. ", not " .. found.expected
end

local FIELDS = {
  { "text", function(said) return said.text or "" end },
  { "reasoning", function(said) return said.reasoning or "" end },
  { "tool_calls", calls_of },
  { "finish_reason", function(said) return said.finish_reason end },
}

--- How a success differs from another one; nil when it does not. Counts are not looked at.
-- @tparam table said of kit:said()
-- @tparam table base likewise
function M.other(said, base)
  for _, field in ipairs(FIELDS) do
    local found = compare(field[1], field[2](said), field[2](base))
    if found then return found end
  end
end

local function has_broken_calls(said)
  for _, call in ipairs(calls_of(said)) do
    if type(call.arguments) ~= "table" then return true end
  end
end

-- What a dialect may have no place for: reasoning, arguments that broke off. A refusal may be text
-- there, or a reason to finish; and where there are calls of tools, they are the reason.
local function is_excused(name, said, base, has_refusal)
  if name == "reasoning" then return (said.reasoning or "") == "" end
  if name == "text" then return has_refusal and (base.text or "") == "" end
  if name == "finish_reason" then
    return has_refusal or (#calls_of(base) > 0 and said.finish_reason == "tool_calls")
  end
  return name == "tool_calls" and has_broken_calls(base)
end

--- The same for a client of another dialect.
-- @tparam boolean has_refusal the first one has heard a refusal, which is no text there
function M.other_client(said, base, has_refusal)
  for _, field in ipairs(FIELDS) do
    local name, of = field[1], field[2]
    local found = not is_excused(name, said, base, has_refusal)
      and compare(name, of(said), of(base))
    if found then return found end
  end
end

local function trimmed(said)
  local copy = {}
  for name, value in pairs(said) do copy[name] = value end
  copy.text = copy.text and copy.text:gsub("%s+$", "")
  copy.finish_reason = said.finish_reason and "told"
  return copy
end

--- True when a success lacks something that the whole one has. Some providers finish twice, with a
-- line break before the second time: neither that nor its reason counts.
function M.lacks(said, base)
  return M.other(trimmed(said), trimmed(base)) ~= nil
end

--- How an outcome differs from that of the same bytes told otherwise; nil when it does not.
function M.same(kit, request, outcome, base)
  if outcome.ok ~= base.ok then
    if outcome.ok then return "it is a success now" end
    return "it fails: " .. M.why(outcome)
  end
  if not base.ok then return compare("the error's kind", outcome.kind, base.kind) end
  if outcome.body ~= base.body then
    local found = M.other(kit:said(request, outcome), kit:said(request, base))
    if found then return found end
  end
  return compare("usage", outcome.usage, base.usage)
end

-- In expected.json arguments stand as an object, or as text.
local function wanted_calls(calls)
  local list = {}
  for i, call in ipairs(calls) do
    local arguments = call.arguments
    if type(arguments) == "string" then arguments = core.decode(arguments) or arguments end
    list[i] = { name = call.name, arguments = arguments or {} }
  end
  return list
end

local function wanted_usage(usage, expected)
  local got, wanted = {}, {}
  for name, value in pairs(expected) do
    got[name] = usage[name]
    if value ~= core.null then wanted[name] = value end
  end
  return got, wanted
end

local function said_otherwise(said, expected)
  for _, field in ipairs(FIELDS) do
    local wanted = expected[field[1]]
    if field[1] == "tool_calls" and wanted then wanted = wanted_calls(wanted) end
    local found = wanted ~= nil and compare(field[1], field[2](said), wanted)
    if found then return found end
  end
end

--- How an outcome differs from an expected.json; nil when it does not. What is not in it counts
-- not.
function M.expected(kit, request, outcome, expected)
  if expected.status then
    local found = compare("the status", outcome.status, expected.status)
    if found then return found end
  end
  if expected.error then
    if outcome.ok then return "it is a success, and an error was expected" end
    return expected.error.kind and compare("the error's kind", outcome.kind, expected.error.kind)
  end
  if not outcome.ok then
    return "it fails: " .. M.why(outcome)
  end
  local found = said_otherwise(kit:said(request, outcome), expected)
  if found or not expected.usage then return found end
  return compare("usage", wanted_usage(outcome.usage, expected.usage))
end

local function other_header(sent, wanted)
  local headers = {}
  for name, value in pairs(sent.headers) do headers[name:lower()] = value end
  for name, value in pairs(wanted.headers or {}) do
    local found = compare("the header " .. name, headers[name:lower()], value)
    if found then return found end
  end
end

local function other_body(sent, wanted)
  if wanted.body == nil then return nil end
  local body = core.decode(sent.body)
  if body == nil then body = sent.body end
  return compare("the body", body, wanted.body)
end

--- How a request to the provider differs from a sent.json; nil when it does not.
-- @tparam table sent what it got
-- @tparam table|nil wanted { method, path, headers, body = decoded }, each may be left out
function M.sent(sent, wanted)
  if not wanted then return nil end
  if not sent then return "nothing was sent" end
  for _, field in ipairs({ "method", "path" }) do
    local found = wanted[field] and compare("the " .. field, sent[field], wanted[field])
    if found then return found end
  end
  return other_header(sent, wanted) or other_body(sent, wanted)
end

--- True when counts say 0 where `base` says more: of something that was not told.
function M.has_zero(outcome, base)
  for _, name in ipairs({ "input", "output" }) do
    if outcome.usage[name] == 0 and (base.usage[name] or 0) > 0 then return name end
  end
end

return M
