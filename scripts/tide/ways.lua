-- How a lane serves clients of a dialect: passed through, or translated to one of the provider's.
local address = require("tide.address")
local framing = require("tide.framing")

local M = {}

local function is_openai(dialect)
  return dialect == nil or dialect.name == "openai-chat"
end

-- A protocol that nobody translates is spoken by clients as they like: as it was before there were
-- others. Its clients come by OpenAI's paths.
local function is_native(client, dialect)
  return client == dialect or (not dialect.speaks and is_openai(client))
end

local function has_any(hooks, first, second)
  return hooks ~= nil and (hooks[first] or hooks[second]) ~= nil
end

local function has_address(adapter, op, dialect)
  return adapter.serve ~= nil or address.path(adapter, op, dialect, false) ~= nil
end

local function new_way(lane, op, client, dialect, retells)
  local provider = lane.provider
  local hooks = provider.adapter.hooks
  local native = is_native(client, dialect)
  local is_alike = native and framing.of(provider.adapter, dialect) == client.framing
  local can_translate = op == "chat" and client.serves and dialect.speaks
  return {
    dialect = dialect,
    client = client,
    hooks = hooks,
    translates_request = can_translate
      and (not native or retells or has_any(hooks, "prepare", "encode")),
    translates_answer = can_translate and (not is_alike or has_any(hooks, "decode", "on_event")),
    can = (native or can_translate) and has_address(provider.adapter, op, dialect),
    prepared = {},
  }
end

-- A native provider would refuse what another one has signed and a client brings back: requests
-- with such marks in them are told anew, without.
local function retold(way, lane, op)
  if op ~= "chat" or way.translates_request or not way.can or is_openai(way.dialect) then
    return nil
  end
  local result = new_way(lane, op, way.client, way.dialect, true)
  return result.translates_request and result or nil
end

-- The dialects that the lane's model speaks, by name, and the one to translate to.
local function spoken_by(lane)
  local own = lane.family.dialects
  if own then return own.by_name, own.first end
  return lane.provider.dialects, lane.provider.adapter.dialect
end

local function make(lane, op, client)
  local spoken, first = spoken_by(lane)
  local dialect = client and spoken[client.name] or first
  local way = new_way(lane, op, client or dialect, dialect)
  way.retold = retold(way, lane, op)
  local via = lane.family.via
  if op == "chat" and via and spoken[via.dialect.name] and via.dialect ~= dialect then
    way.via = { when = via.when, way = new_way(lane, op, client or dialect, via.dialect) }
  end
  return way
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
-- @treturn table { dialect = of the provider, client =, translates_request =, translates_answer =,
--   can = false where the lane cannot serve it, via = { when =, way = } or nil, retold = the way of
--   requests with what another provider signed, or nil, prepared = {} }
function M.find(lane, op, client)
  local of_op = lane.ways[op]
  if not of_op then
    of_op = {}
    lane.ways[op] = of_op
  end
  local key = client and client.name or ""
  local way = of_op[key]
  if not way then
    way = make(lane, op, client)
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
