-- What few attempts have besides their lane's options: headers of the request, what a policy wants
-- of the stream, and the codec of a translation.
local address = require("tide.address")
local request_headers = require("tide.headers")
local later = require("tide.later")

local codec = later("tide.codec")
local event_filter = later("tide.event_filter")
local gcp = later("tide.gcp")
local translate = later("tide.translate")
local unary = later("tide.unary")

local M = {}

-- Lower-case name = value of all lines, the later ones winning; nil for none.
local function add(headers, more)
  if not more then return headers end
  headers = headers or {}
  for name, value in pairs(more) do headers[name:lower()] = value end
  return headers
end

local function forwarded(call, names)
  local found
  for _, name in ipairs(names) do
    local value = call.req:header(name:lower())
    if value then
      found = found or {}
      found[name:lower()] = value
    end
  end
  return found
end

local function headers_of(call, lane, made)
  local adapter = lane.provider.adapter
  local wanted = call.upstream_headers
  if adapter.forward_headers then
    wanted = add(forwarded(call, adapter.forward_headers), wanted)
  end
  if made and made.headers then wanted = add(add(nil, wanted), made.headers) end
  return wanted and request_headers.lines(wanted, adapter.auth.name)
end

-- Google's service accounts have to ask for a token first; one that is configured is sent as it is.
local function needs_token(lane)
  return lane.provider.adapter.auth.type == "gcp" and not lane.credential.secret
end

local function token_line(call, lane)
  if not needs_token(lane) then return "" end
  local value, err = gcp.authorize(lane.credential)
  if not value then return nil, err end
  call.token = value
  return "authorization: " .. value .. "\r\n"
end

-- A policy's on_event edits chunks of openai-chat in place; those of other dialects are decoded and
-- encoded anew.
local function is_touched(call, way)
  return call.plan ~= nil and call.plan.on_event ~= nil and call.stream
    and way.client.name ~= "openai-chat" and way.client.serves and way.dialect.speaks
end

local function filter_of(call)
  local plan = call.plan
  return plan and plan.on_event and call.stream and event_filter.canonical(call, plan) or nil
end

local function codec_of(call, lane, way, made)
  if way.translates_answer or is_touched(call, way) then
    local context, dropped = made and made.context, made and made.dropped
    if not context then context, dropped = translate.context(call, lane, way) end
    if way.reader then return unary.codec(call, lane, way, context, dropped, made) end
    return codec.new(call, lane, way, context, dropped, filter_of(call))
  end
  if call.as_array and call.stream then return codec.array(way.client) end
end

local function path_of(lane, made)
  if not (made and made.path) then return nil end
  return address.base_path(lane.provider, lane.sent_model) .. made.path
end

local function needs_nothing(call, lane, way, made)
  local adapter = lane.provider.adapter
  return not (made or call.plan or call.upstream_headers or adapter.forward_headers
    or call.as_array or way.translates_answer or needs_token(lane))
end

local function add_wishes(call, plan, result)
  result.hold = plan.accept ~= nil or plan.hold or nil
  if plan.on_event and call.stream and not result.codec then
    result.on_event = event_filter.new(call, plan)
  end
end

--- Adds them (y).
-- @tparam table options of the attempt
-- @tparam table|nil made of translate.request()
-- @treturn table|nil options
-- @treturn table|nil what req:attempt() takes besides; without options a verdict of classify.lua
function M.add(call, lane, way, options, made)
  if needs_nothing(call, lane, way, made) then return options, nil end
  local lines = headers_of(call, lane, made)
  local token, err = token_line(call, lane)
  if not token then return nil, gcp.failed(err) end
  if token ~= "" then lines = (lines or "") .. token end
  local result = {
    headers = lines, path = path_of(lane, made), codec = codec_of(call, lane, way, made),
    pieces = made and made.pieces,
  }
  if call.plan then add_wishes(call, call.plan, result) end
  return options, result
end

return M
