-- The canonical form of a client's request: decoded once, and only when somebody needs it.
local call_info = require("tide.call_info")
local core = require("core")
local errors = require("tide.errors")
local operations = require("tide.operations")

local M = {}

local NOTHING = {}

-- What a dialect's function raised; the file of a user says more in the log.
local function failed(call, raised)
  local path = "adapters/dialects/" .. call.dialect.name .. ".lua"
  local err = type(raised) == "table" and raised.err or { message = raised }
  core.log("error", path .. ": the request could not be decoded: " .. tostring(err.message))
  return errors.script_failed(call.req:id())
end

-- As if the client had said so: each provider gets it in its own words.
local function set_by_plan(call)
  return call.plan and call.plan.params or NOTHING
end

-- A call has one result; no provider takes a second.
local function merge_results(message)
  local known, content, is_merged = {}, {}, false
  for _, part in ipairs(message.content or {}) do
    local first = part.type == "tool_result" and part.id and known[part.id]
    if first then
      is_merged = true
      first.content = first.content or {}
      for _, piece in ipairs(part.content or {}) do first.content[#first.content + 1] = piece end
    else
      content[#content + 1] = part
      if part.type == "tool_result" and part.id then known[part.id] = part end
    end
  end
  if is_merged then message.content = content end
end

-- What reads it: the dialect itself, but for an operation that it has words of its own for.
local function reader_of(call)
  local own = operations.of(call.dialect, call.op.name)
  return own and own.decode_request and own or call.dialect
end

local function complete(rq, call, reader)
  for _, message in ipairs(rq.messages or NOTHING) do
    if message.role == "user" then merge_results(message) end
  end
  if rq.system and #rq.system == 0 then rq.system = nil end
  rq.op = reader == call.dialect and "chat" or call.op.name
  rq.model, rq.stream = call.model, call.stream
  if rq.include_usage == nil then rq.include_usage = call.asks_usage end
end

local function decode(call)
  local reader, warnings = reader_of(call), {}
  local body, problem = core.decode(call.req:body(), reader.raw)
  if not body then return nil, errors.bad_body(problem) end
  for name, value in pairs(set_by_plan(call)) do body[name] = value end
  local info = call_info.of(call, function(what) warnings[#warnings + 1] = what end)
  local ok, rq, said = pcall(reader.decode_request, body, info)
  if not ok then return nil, failed(call, rq) end
  if not rq then
    said = said or {}
    if said.reply then return nil, { reply = said.reply } end
    return nil, errors.bad_request(said.message or "the request cannot be read", said.param,
      said.code)
  end
  complete(rq, call, reader)
  return { rq = rq, warnings = warnings, plan = call.plan }
end

--- The canonical request of a call. It is shared: an encoder does not change it.
-- @tparam table call of body.read()
-- @treturn table|nil rq, as adapters/README.md describes it
-- @treturn table an error of errors.lua, or { reply = what the client is answered instead }; or
--   names of what the decoder could not carry
function M.of(call)
  local made = call.canonical
  if not made or made.plan ~= call.plan then
    local err
    made, err = decode(call)
    if not made then return nil, err end
    call.canonical = made
  end
  return made.rq, made.warnings
end

return M
