-- The request of one attempt in the dialect of its provider: the canonical request, changed by the
-- adapter's hooks, encoded, and with what the adapter's `params` make of it.
local core = require("core")
local errors = require("tide.errors")
local guarded = require("tide.guarded")
local inline = require("tide.inline")
local params = require("tide.params")
local pieces = require("tide.pieces")
local plain = require("tide.plain")
local warnings = require("tide.warnings")
local ways = require("tide.ways")

local M = {}

local NOTHING = {}

-- ---- what dialects and hooks are told -----------------------------------------------------------

-- A protocol of an adapter's own that has no words for a stream is asked for whole answers.
local function is_whole_only(way)
  return way.dialect.watch == nil and way.hooks ~= nil and way.hooks.on_event == nil
end

--- The `call` of a dialect's functions, for one attempt; read only.
function M.context(call, lane, way)
  local dropped, begun = warnings.list(), core.now()
  return {
    op = call.op.name,
    endpoint = call.op.endpoint,
    stream = call.stream and not is_whole_only(way),
    include_usage = call.asks_usage,
    model = lane.sent_model,
    asked = call.model,
    target = lane.target,
    provider = lane.provider.name,
    client_dialect = way.client.name,
    provider_dialect = way.dialect.name,
    id = call.req:id(),
    created = math.floor(core.time()),
    traits = lane.family.traits,
    warn = function(what) dropped:add(what) end,
    elapsed = function() return core.now() - begun end,
  }, dropped
end

-- ---- rq for hooks -------------------------------------------------------------------------------

local Rq = { __metatable = false }
Rq.__index = Rq

local function text_of(parts)
  local texts = {}
  for _, part in ipairs(parts) do
    if part.type == "text" then texts[#texts + 1] = part.text end
  end
  return table.concat(texts)
end

--- The text of the last message of the user; nil when there is none.
function Rq:last_user_text()
  if not self.messages then return nil end
  for i = #self.messages, 1, -1 do
    local message = self.messages[i]
    local text = message.role == "user" and text_of(message.content)
    if text and text ~= "" then return text end
  end
end

local function for_hooks(rq)
  return setmetatable(plain.copy(rq), Rq)
end

-- ---- encoding -----------------------------------------------------------------------------------

local function default_body(way, rq, context)
  local encode = way.speaker.encode_request
  if not encode then return nil end
  local body, refusal = encode(rq, context)
  if body == nil and type(refusal) == "table" then error({ refusal = refusal }, 0) end
  if type(body) ~= "table" then error("encode_request returned no table", 0) end
  if way.client.name ~= way.dialect.name then
    for name in pairs(rq.ext or {}) do context.warn(name) end
    return body
  end
  -- "a.b" stands within a member, where the encoder has put it.
  for name, value in pairs(rq.ext or {}) do
    if body[name] == nil and not name:find(".", 1, true) then body[name] = value end
  end
  return body
end

local function wrong_result(lane, message)
  local place = guarded.place(lane.provider.adapter.hooks.encode)
  if place then message = place .. ": " .. message end
  error({ adapter = "the adapter of " .. lane.target .. ": " .. message }, 0)
end

local function check_http(lane, http)
  if http.body ~= nil and type(http.body) ~= "string" then
    wrong_result(lane, "http.body must be a string")
  end
  if http.path ~= nil and not (type(http.path) == "string" and http.path:find("^/%S*$")) then
    wrong_result(lane, "http.path must be a path that begins with /")
  end
  if http.headers ~= nil and type(http.headers) ~= "table" then
    wrong_result(lane, "http.headers must be a table")
  end
  if not (http.body or http.json) then
    wrong_result(lane, "encode must set http.json or http.body")
  end
end

-- Returns the body as a table, or nil where a hook has made text of it, and what else a hook wants.
local function encode(lane, way, rq, context)
  local hooks = way.hooks
  if not hooks then return default_body(way, rq, context), {} end
  if hooks.prepare then
    local own = for_hooks(rq)
    local given = hooks.prepare(own, context)
    rq = type(given) == "table" and given or plain.copy(own)
  end
  local http = { json = default_body(way, rq, context) }
  if hooks.encode then
    hooks.encode(for_hooks(rq), context, http)
    http = plain.copy(http)
  end
  check_http(lane, http)
  return not http.body and http.json or nil, http
end

-- `params` of adapter and family. What they say of streams is for the adapter's own dialect.
local function apply_params(call, lane, way, body)
  local compiled = lane.family.params
  local bent = compiled and params.apply_table(compiled, body, ways.op_of(call, lane, way))
  if call.stream and ways.asks_usage(lane, way) then
    body.stream_options = { include_usage = true }
  end
  return bent
end

local function make(call, lane, way, rq, context)
  local body, http = encode(lane, way, rq, context)
  local bent
  if type(body) == "table" then bent = apply_params(call, lane, way, body) end
  return {
    text = http.body or core.encode(body), path = http.path, headers = http.headers, bent = bent,
  }
end

-- ---- failing ------------------------------------------------------------------------------------

-- This provider cannot be asked that; another one may.
local function refused(said)
  local err = errors.bad_request(tostring(said.message), said.param, said.code)
  return { action = "never", kind = "bad_request", message = err.message, err = err }
end

local function failed(lane, raised)
  local err = guarded.failure(raised)
  local ours = type(raised) == "table" and raised.adapter
  local refusal = type(raised) == "table" and raised.refusal
  if refusal then return refused(refusal) end
  local message = ours or guarded.text_of(raised)
  core.log("error", "a request for " .. lane.target .. " could not be translated: " .. message)
  return {
    action = "next", kind = "script",
    message = (err or ours) and "a script of its adapter failed" or "it could not be translated",
  }
end

--- The canonical request of a call and what its decoder left out; nil and an error of errors.lua.
function M.canonical(call)
  return require("tide.canonical_request").of(call)
end

-- What the provider does not fetch itself is fetched once per request, whatever the attempts.
local function with_data(call, way, rq, context)
  if not rq.messages then return rq end
  call.fetched = call.fetched or {}
  local inlined, err = inline.apply(rq, way.dialect, context, call.fetched)
  if inlined then return inlined end
  if err.kind == "canceled" then return nil, { action = "gone", kind = "canceled" } end
  local told = errors.bad_request(err.message, nil, err.code)
  if err.kind == "too_large" then told.status, told.kind = 413, "too_large" end
  return nil, { action = "script", kind = err.kind, err = told }
end

-- One body after the other, each when it is its turn; nil where one will do.
local function pieces_of(call, lane, way, rq, context)
  local cut = way.reader and pieces.cut(rq, way.batch)
  if not cut then return nil, rq end
  local last = table.remove(cut)
  return {
    requests = cut, last = last, answers = {}, count = #cut,
    encode = function(i)
      local ok, made = pcall(make, call, lane, way, cut[i], context)
      if not ok then return nil, failed(lane, made) end
      return made
    end,
  }, last
end

--- Translates the request for one attempt (y).
-- @tparam table call of body.read()
-- @tparam table lane
-- @tparam table way of ways.lua
-- @treturn table|nil { text = the body, path = below base_url or nil, headers = or nil, context =,
--   dropped = of warnings.list(), pieces = nil, or of pieces.lua: what is to be asked before }
-- @treturn nil|table a verdict of classify.lua
function M.request(call, lane, way)
  local rq, problem = M.canonical(call)
  if not rq then return nil, { action = "script", kind = "bad_request", err = problem } end
  local context, dropped = M.context(call, lane, way)
  context.rq = rq
  for _, what in ipairs(problem or NOTHING) do dropped:add(what) end
  local verdict
  rq, verdict = with_data(call, way, rq, context)
  if not rq then return nil, verdict end
  local before, last = pieces_of(call, lane, way, rq, context)
  local ok, made = pcall(make, call, lane, way, last, context)
  if not ok then return nil, failed(lane, made) end
  warnings.say(call, lane, dropped:take())
  warnings.say(call, lane, made.bent)
  made.context, made.dropped, made.pieces = context, dropped, before
  return made
end

return M
