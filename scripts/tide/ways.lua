-- How a lane serves clients of a dialect: passed through, or translated to one of the provider's.
local core = require("core")
local address = require("tide.address")
local dialects = require("tide.dialects")
local framing = require("tide.framing")
local operations = require("tide.operations")

local M = {}

local NO_WATCH = core.watch({})

local function is_openai(dialect)
  return dialect == nil or dialect.name == "openai-chat"
end

-- A protocol that nobody translates is spoken by clients as they like: as it was before there were
-- others. Its clients come by OpenAI's paths.
local function is_native(client, dialect, speaker)
  return client == dialect or (not (dialect.speaks or speaker) and is_openai(client))
end

local function has_any(hooks, first, second)
  return hooks ~= nil and (hooks[first] or second and hooks[second]) ~= nil
end

local function watch_of(adapter, dialect)
  return adapter.watches and adapter.watches[dialect.name] or dialect.watch or NO_WATCH
end

-- What reads the client's requests and what writes the provider's, where both are there.
local function sides(op, hooks, client, dialect)
  local from, to = operations.of(client, op), operations.of(dialect, op)
  if dialect == dialects.own and op ~= "chat" and has_any(hooks, "encode")
    and has_any(hooks, "decode") then
    to = operations.own
  end
  if from and to and from.serves and to.speaks then return from, to end
end

-- A hook may have been written for conversations: other operations of native clients come to it
-- where the adapter says `translate`.
local function changes(op, hooks, first, second)
  return op == "chat" and has_any(hooks, first, second)
end

-- The same protocol, and the provider has that endpoint of it; bodies that name the model inside
-- name it as the provider does.
local function goes_through(lane, what, client, dialect, speaker, spec)
  local own = operations.of(dialect, what.op)
  return is_native(client, dialect, speaker)
    and address.has_endpoint(lane.provider.adapter, spec, dialect, what.endpoint)
    and not (own and own.model_within and lane.model_text)
end

-- Where the counts and errors of an operation's answers stand, if not where those of chat do.
local function add_places(way, own)
  local watch
  if way.translates_answer then
    watch, way.usage = own.errors or NO_WATCH, dialects.own_usage()
  elseif own then
    watch, way.usage = own.watch, own.usage or way.usage
  end
  -- An adapter that knows more errors than its dialect finds them here, too.
  local special = way.adapter.watches and way.adapter.watches[way.dialect.name]
  way.watch = special or watch or way.watch
end

-- An adapter may frame its dialect's streams otherwise than its clients know them.
local function has_frames_of(way, op)
  return op ~= "chat" or framing.of(way.adapter, way.dialect) == way.client.framing
end

-- What is told anew: nothing where the bytes may go through.
local function set_translations(way, what, native, is_told)
  local hooks, translate = way.hooks, way.spec ~= nil and way.spec.translate
  if not way.speaker then return end
  way.translates_request = not native or is_told ~= nil or translate
    or changes(what.op, hooks, "prepare", "encode") or false
  way.translates_answer = not (native and has_frames_of(way, what.op)) or is_told == "both"
    or translate or changes(what.op, hooks, "decode", "on_event") or false
end

local function new_way(lane, what, client, dialect, is_told)
  local adapter, op = lane.provider.adapter, what.op
  local spec = address.spec(adapter, op, lane.family)
  local from, to = sides(op, adapter.hooks, client, dialect)
  local native = goes_through(lane, what, client, dialect, to, spec)
  local way = {
    dialect = dialect, client = client, adapter = adapter, hooks = adapter.hooks, spec = spec,
    translates_request = false, translates_answer = false,
    reader = op ~= "chat" and from or nil, speaker = to,
    batch = spec and spec.batch,
    watch = watch_of(adapter, dialect), usage = adapter.usages[dialect.name],
    prepared = {},
  }
  set_translations(way, what, native, is_told)
  local endpoint = what.endpoint
  if way.translates_request then endpoint = to.endpoint end
  way.path = address.path(adapter, spec, op, dialect, false, endpoint)
  way.stream_path = address.path(adapter, spec, op, dialect, true, endpoint)
  way.can = (native or to ~= nil) and (adapter.serve ~= nil or way.path ~= nil)
  if op ~= "chat" then add_places(way, operations.of(dialect, op) or to) end
  return way
end

-- A native provider would refuse what another one has signed and a client brings back: requests
-- with such marks in them are told anew, without.
local function retold(way, lane, what)
  if what.op ~= "chat" or way.translates_request or not way.can or is_openai(way.dialect) then
    return nil
  end
  local result = new_way(lane, what, way.client, way.dialect, true)
  return result.translates_request and result or nil
end

-- What a native provider takes only in pieces, or not in that form, is told anew.
local function split(way, lane, what)
  local traits = lane.family.traits
  local is_choosy = what.op == "embed"
    and (traits.embed_base64 == false or traits.embed_tokens == false)
  if not (way.batch or is_choosy) or not way.can or way.translates_request then return nil end
  way.traits = traits
  local result = new_way(lane, what, way.client, way.dialect, "both")
  return result.translates_request and result or nil
end

-- The dialects that the lane's model speaks, by name, and the one to translate to.
local function spoken_by(lane)
  local own = lane.family.dialects
  if own then return own.by_name, own.first end
  return lane.provider.dialects, lane.provider.adapter.dialect
end

-- The client's own, where the provider has the operation in it.
local function dialect_for(lane, what, client, spoken, first)
  local own = client and spoken[client.name]
  local spec = own and address.spec(lane.provider.adapter, what.op, lane.family)
  return own and not address.leaves_out(spec, own) and own or first
end

local function make(lane, what, client)
  local spoken, first = spoken_by(lane)
  local dialect = dialect_for(lane, what, client, spoken, first)
  local way = new_way(lane, what, client or dialect, dialect)
  way.retold, way.split = retold(way, lane, what), split(way, lane, what)
  local via = lane.family.via
  if what.op == "chat" and via and spoken[via.dialect.name] and via.dialect ~= dialect then
    way.via = { when = via.when, way = new_way(lane, what, client or dialect, via.dialect) }
  end
  return way
end

--- True when a native request must take the way of `split`.
function M.must_split(way, call)
  if way.batch and call.inputs and call.inputs > way.batch then return true end
  return call.wants_base64 and way.traits.embed_base64 == false
    or call.has_tokens and way.traits.embed_tokens == false
end

--- The operation as params.lua takes it: nil for chats in another dialect than the lane's first.
function M.op_of(call, lane, way)
  local op = call.op.name
  local _, first = spoken_by(lane)
  return (op ~= "chat" or way.dialect == first) and op or nil
end

--- True where streams of that way have usage only when it is asked for. That is something of the
-- lane's own dialect, the first one.
function M.asks_usage(lane, way)
  local family, adapter = lane.family, lane.provider.adapter
  if family.dialects then return family.asks_usage and way.dialect == family.dialects.first end
  return adapter.asks_usage and way.dialect == adapter.dialect
end

--- True when a translated request for more than one answer can be met.
function M.gives_choices(way, call)
  local request = way.dialect.request
  if not way.translates_request or way.hooks then return true end
  return request ~= nil and request.choices ~= nil and not (call.stream and request.one_in_streams)
end

local function is_asked(value)
  return value ~= nil and next(value) ~= nil
end

-- What a request must have for a family's `via`; rq is the canonical request.
local WHEN = {
  always = function() return true end,
  tools = function(rq) return is_asked(rq.tools) end,
  tools_and_reasoning = function(rq)
    local effort = rq.reasoning and rq.reasoning.effort
    return is_asked(rq.tools) and rq.reasoning ~= nil and effort ~= "none"
  end,
}

M.conditions = WHEN

--- The way from a client's dialect to the lane.
-- @tparam table lane
-- @tparam string op name of the operation
-- @tparam table|nil client the client's dialect; nil: the provider's own
-- @tparam string|nil endpoint of the operation, as that of endpoints.lua
-- @treturn table { dialect = of the provider, client =, translates_request =, translates_answer =,
--   can = false where the lane cannot serve it, via = { when =, way = } or nil, retold = the way of
--   requests with what another provider signed, or nil, split = that of requests for which
--   must_split() is true, or nil, reader and speaker = of operations.of() where an operation
--   besides chat can be translated, watch and usage = of its answers, path =, stream_path =,
--   prepared = {} }
function M.find(lane, op, client, endpoint)
  local of_op = lane.ways[endpoint or op]
  if not of_op then
    of_op = {}
    lane.ways[endpoint or op] = of_op
  end
  local key = client and client.name or ""
  local way = of_op[key]
  if not way then
    way = make(lane, { op = op, endpoint = endpoint }, client)
    of_op[key] = way
  end
  return way
end

--- The way of one request: a family may ask for another dialect when the request has tools.
-- @tparam table way of find()
-- @tparam function canonical gives the canonical request, or nil
function M.choose(way, canonical)
  local via = way.via
  if not via then return way end
  if via.when == "always" then return via.way end
  local rq = canonical()
  return rq and WHEN[via.when](rq) and via.way or way
end

return M
