-- What req:attempt is told about one try. Most requests need nothing of their own: their options
-- are made once per lane and used again, so that the hot path builds no table.
local core = require("core")
local errors = require("tide.errors")
local event_filter = require("tide.event_filter")
local request_headers = require("tide.headers")
local params = require("tide.params")

local M = {}

local USAGE_OPTIONS = core.encode({ include_usage = true })

local function injects(call, lane)
  return call.stream and not call.asks_usage and lane.provider.adapter.asks_usage
end

local function prepare(call, lane, variant)
  local adapter, op = lane.provider.adapter, call.op
  local dialect = adapter.dialect
  local edits
  if lane.model_text then edits = { "model", lane.model_text } end
  if variant == "inject" then
    edits = edits or {}
    edits[#edits + 1] = "stream_options"
    edits[#edits + 1] = USAGE_OPTIONS
  end
  local endpoint = lane.credential.endpoints[op.name]
  return {
    label = lane.label,
    target = lane.target,
    endpoint = endpoint ~= true and endpoint or nil,
    edits = edits,
    watch = dialect.watch,
    usage = adapter.usage,
    stream = call.stream,
    hide_usage = variant == "inject" or (variant == "stream" and adapter.serve ~= nil),
    add_terminal = call.stream and dialect.terminal_bytes or nil,
    error_event = call.stream and errors.event_writer(dialect) or nil,
    timeout = lane.timeout,
  }
end

-- asked: the client wants usage; inject: the gateway asks for it; stream: nobody needs to.
local function variant_of(call, lane)
  if not call.stream then return "unary" end
  if call.asks_usage then return "asked" end
  return injects(call, lane) and "inject" or "stream"
end

local function copy(list)
  local result = {}
  for key, value in pairs(list) do result[key] = value end
  return result
end

-- The client's own stream_options, with usage added.
local function merged_stream_options(call)
  if not call.usage_text then
    call.stream_options.include_usage = true
    call.usage_text = core.encode(call.stream_options)
  end
  return call.usage_text
end

-- A header once set stays, so it says for which target it holds: failover may go on to another.
local function warn(call, lane, text)
  call.warned = call.warned or {}
  if not text or call.warned[lane.target] then return end
  call.warned[lane.target] = true
  call.req:set_header("x-tidegate-warnings", lane.target .. " " .. text)
end

local function own_edits(call, lane, shared)
  local edits = shared and copy(shared) or {}
  if call.stream_options and injects(call, lane) then
    edits[#edits] = merged_stream_options(call) -- in place of USAGE_OPTIONS, which comes last
  end
  local compiled, wanted = lane.provider.adapter.params, call.plan and call.plan.params
  if compiled then
    warn(call, lane, params.apply(compiled, call.req, call.op.name, edits, wanted))
  elseif wanted then
    params.set(wanted, edits)
  end
  return #edits > 0 and edits or nil
end

local function server(call, lane)
  local serve = lane.provider.adapter.serve
  return function(out)
    return serve({
      op = call.op.name,
      stream = call.stream,
      model = lane.model,
      target = lane.target,
      body = call.req:body(),
    }, out)
  end
end

-- What only plans of policies have, and the headers that middleware adds for the provider.
local function extra(call, lane)
  local lines, plan = call.upstream_headers, call.plan
  if not (lines or plan) then return nil end
  local auth = lane.provider.adapter.auth
  local result = { headers = lines and request_headers.lines(lines, auth and auth.name) }
  if plan then
    result.hold = plan.accept ~= nil or plan.hold or nil
    result.on_event = plan.on_event and call.stream and event_filter.new(call, plan) or nil
  end
  return result
end

local function own(call, lane, shared, fresh)
  local options = copy(shared)
  options.choices = call.choices
  options.fresh = fresh or nil
  if lane.provider.adapter.serve then
    options.serve = server(call, lane)
    options.edits = nil
  else
    options.edits = own_edits(call, lane, shared.edits)
  end
  return options
end

--- The options for one try of `lane`, and what few requests have besides: for req:attempt().
-- @tparam table call of body.read()
-- @tparam table lane
-- @tparam boolean fresh not on a pooled connection
function M.of(call, lane, fresh)
  local variant = variant_of(call, lane)
  local op = call.op.name
  local prepared = lane.prepared[op]
  if not prepared then
    prepared = {}
    lane.prepared[op] = prepared
  end
  local shared = prepared[variant]
  if not shared then
    shared = prepare(call, lane, variant)
    prepared[variant] = shared
  end
  local adapter = lane.provider.adapter
  if fresh or call.choices or call.stream_options or adapter.params or adapter.serve
      or (call.plan and call.plan.params) then
    shared = own(call, lane, shared, fresh)
  end
  return shared, extra(call, lane)
end

return M
