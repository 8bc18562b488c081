-- What req:attempt is told about one try. Most requests need nothing of their own: their options
-- are made once per lane and used again, so that the hot path builds no table.
local core = require("core")
local address = require("tide.address")
local canonical = require("tide.canonical")
local errors = require("tide.errors")
local extras = require("tide.extras")
local framing = require("tide.framing")
local later = require("tide.later")
local model_facts = require("tide.model_facts")
local operations = require("tide.operations")
local params = require("tide.params")
local warnings = require("tide.warnings")
local ways = require("tide.ways")

local translate = later("tide.translate")

local M = {}

local USAGE_OPTIONS = core.encode({ include_usage = true })

local function injects(call, lane, way)
  return call.stream and not call.asks_usage and ways.asks_usage(lane, way)
end

-- What stands in for the client's body where it is not translated. A dialect whose bodies do not
-- name the model has it in the path.
local function edits_of(call, lane, way, variant)
  if way.translates_request then return nil end
  local edits
  local own = operations.of(way.dialect, call.op.name)
  local request = own and own.request or way.dialect.request
  local member = not request and "model" or request.model
  if lane.model_text and member then edits = { member, lane.model_text } end
  if variant == "inject" then
    edits = edits or {}
    edits[#edits + 1] = "stream_options"
    edits[#edits + 1] = USAGE_OPTIONS
  end
  return edits
end

-- Most are server-sent events, for which C needs no word.
local function framing_of(adapter, dialect)
  local name = framing.of(adapter, dialect)
  if name ~= "sse" then return name end
end

local function endpoint_of(call, lane, way)
  local path = call.stream and way.stream_path or way.path
  return address.of(lane.provider, lane.credential, call.op.name, way.dialect, call.stream,
    lane.sent_model, path)
end

local function prepare(call, lane, way, variant)
  local adapter, dialect, client = lane.provider.adapter, way.dialect, way.client
  local endpoint, err
  if not adapter.serve then
    endpoint, err = endpoint_of(call, lane, way)
    if not endpoint then return nil, err end
  end
  local is_translated = way.translates_answer
  return {
    label = lane.label,
    target = lane.target,
    endpoint = endpoint,
    edits = edits_of(call, lane, way, variant),
    watch = way.watch,
    framing = framing_of(adapter, dialect),
    usage = way.usage,
    price = model_facts.price(lane, call.op.name),
    stream = call.stream,
    hide_usage = not is_translated
      and (variant == "inject" or (variant == "stream" and adapter.serve ~= nil)),
    add_terminal = call.stream and not is_translated and dialect.terminal_bytes or nil,
    error_event = call.stream and errors.event_writer(client) or nil,
    timeout = lane.timeout,
  }
end

-- array: a stream that is one JSON array; asked: the client wants usage; inject: the gateway asks
-- for it; stream: nobody needs to.
local function variant_of(call, lane, way)
  if not call.stream then return "unary" end
  if call.as_array then return "array" end
  if call.asks_usage then return "asked" end
  return injects(call, lane, way) and "inject" or "stream"
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

local function own_edits(call, lane, way, shared)
  local edits = shared and copy(shared) or {}
  if call.stream_options and injects(call, lane, way) then
    edits[#edits] = merged_stream_options(call) -- in place of USAGE_OPTIONS, which comes last
  end
  local compiled, wanted = lane.family.params, call.plan and call.plan.params
  if compiled then
    warnings.say(call, lane, params.apply(compiled, call.req, ways.op_of(call, lane, way),
      edits, wanted))
  elseif wanted then
    params.set(wanted, edits)
  end
  return #edits > 0 and edits or nil
end

local function server(call, lane, body)
  local serve = lane.provider.adapter.serve
  return function(out)
    return serve({
      op = call.op.name,
      stream = call.stream,
      model = lane.model,
      target = lane.target,
      body = body or call.req:body(),
    }, out)
  end
end

local function own(call, lane, way, shared, fresh)
  local options = copy(shared)
  options.choices = call.choices
  options.fresh = fresh or nil
  if lane.provider.adapter.serve then
    options.serve = server(call, lane)
    options.edits = nil
  elseif not way.translates_request then
    options.edits = own_edits(call, lane, way, shared.edits)
  end
  return options
end

-- The options that requests of a kind share; nil and an error.
local function shared_options(call, lane, way)
  local variant = variant_of(call, lane, way)
  local of_op = way.prepared
  local shared, err = of_op[variant], nil
  if not shared then
    shared, err = prepare(call, lane, way, variant)
    of_op[variant] = shared
  end
  return shared, err
end

local function translated(call, lane, way, options)
  local made, verdict
  if way.translates_request then
    made, verdict = translate.request(call, lane, way)
    if not made then return nil, verdict end
    options.edits = nil
    if lane.provider.adapter.serve then
      options.serve = server(call, lane, made.text)
      if made.pieces then
        made.pieces.server = function(text) return server(call, lane, text) end
      end
    else
      options.body = made.text
    end
  end
  return made or {}
end

local function is_marked(call)
  if call.is_marked == nil then call.is_marked = call.req:holds(canonical.MARK) end
  return call.is_marked
end

-- In a function of its own: one that makes a closure is not compiled, and every request takes the
-- way below.
local function chosen(call, way)
  return ways.choose(way, function() return (translate.canonical(call)) end)
end

--- The way from the client to a lane.
-- @treturn table of ways.lua
function M.way(call, lane)
  local way = ways.find(lane, call.op.name, call.dialect, call.op.endpoint)
  if way.via and not (call.choices and not ways.gives_choices(way.via.way, call)) then
    way = chosen(call, way)
  end
  if way.retold and is_marked(call) then return way.retold end
  if way.split and ways.must_split(way, call) then return way.split end
  return way
end

local function needs_own(call, lane)
  return call.choices or call.stream_options or lane.family.params or lane.provider.adapter.serve
    or (call.plan and call.plan.params)
end

--- The options for one try of `lane`, and what few requests have besides: for req:attempt() (y).
-- @tparam table call of body.read()
-- @tparam table lane
-- @tparam boolean fresh not on a pooled connection
-- @treturn table|nil
-- @treturn table|nil what few requests have besides; a verdict of classify.lua, when there are no
--   options
function M.of(call, lane, fresh)
  local way = M.way(call, lane)
  local shared, err = shared_options(call, lane, way)
  if not shared then return nil, { action = "never", kind = "no_target", message = err.message } end
  local changes = way.translates_request or way.translates_answer
  if changes or fresh or needs_own(call, lane) then shared = own(call, lane, way, shared, fresh) end
  local made
  if changes then
    made, err = translated(call, lane, way, shared)
    if not made then return nil, err end
  end
  return extras.add(call, lane, way, shared, made)
end

return M
