-- `req`: what the hooks of scripts see of a request. One small object, made only where scripts run;
-- each field is found out when it is first asked for.
--
-- The object itself is empty: what belongs to it stands in `states`, out of reach of scripts, and
-- is taken away when the request has ended.
local core = require("core")
local body = require("tide.body")
local body_facts = require("tide.body_facts")
local headers = require("tide.headers")
local suggest = require("tide.suggest")

local M = {}

-- What has not been found out yet.
local UNSET = "\0"

local ENDED = "this request has ended"

-- Weak only in case that a task dies before it has called close().
local states = setmetatable({}, { __mode = "k" })
local owners = setmetatable({}, { __mode = "k" }) -- of the tables that stand for headers

local function state_of(view)
  return states[view] or error(ENDED, 3)
end

-- ---- headers and query --------------------------------------------------------------------------

local Headers = { __metatable = false }

function Headers.__index(table_, name)
  local state = owners[table_]
  if not state or state.is_over then error(ENDED, 2) end
  if type(name) ~= "string" then error("a header's name is a string", 2) end
  return state.req:header(name)
end

function Headers.__newindex()
  error("req.headers is read only; req:set_upstream_header() adds to what the provider gets", 2)
end

local function unescaped(text)
  return (text:gsub("+", " "):gsub("%%(%x%x)", function(hex)
    return string.char(tonumber(hex, 16))
  end))
end

-- The first of each name counts.
local function query_of(state)
  local result = {}
  for name, value in (state.req:query() or ""):gmatch("([^&=]+)=?([^&]*)") do
    name = unescaped(name)
    if result[name] == nil then result[name] = unescaped(value) end
  end
  return result
end

-- ---- what the body says -------------------------------------------------------------------------

-- True when a script has changed the body, so that what was found in it holds no longer.
local function is_changed(state)
  return state.body ~= UNSET and state.req:needs_scan()
end

local function scanned(state)
  if is_changed(state) then
    state.req:scan(state.call.form.all_fields)
    state.is_stale = true -- for refresh()
  end
  return state.req
end

-- Looks at the body once for everything below, by what the scan of body.read() has found.
local function look(state)
  local prompt, max_out
  prompt, max_out, state.messages, state.has_tools, state.has_images, state.has_audio =
    body_facts.prompt(scanned(state), state.call.form)
  state.tokens = { prompt = prompt, max_out = max_out }
end

-- A field that look() finds.
local function found_in_body(name)
  return function(state)
    look(state)
    return state[name]
  end
end

local function is_json_mode(state)
  return body_facts.is_json_mode(scanned(state), state.call.form)
end

local function user_of(state)
  return body_facts.user(scanned(state), state.call.form)
end

-- ---- fields -------------------------------------------------------------------------------------

-- Fields that are at hand.
local AT_HAND = {
  id = function(state) return state.id or state.req:id() end,
  method = function(state) return state.method or state.req:method() end,
  path = function(state) return state.path or state.req:path() end,
  protocol = function(state) return state.call.dialect.name end,
  op = function(state) return state.call.op.name end,
  model = function(state) return state.call.model end,
  stream = function(state) return state.call.stream end,
  deadline = function(state) return state.started + state.total end,
}

-- Fields that are found out once and kept in the state, under the same name.
local KEPT = {
  query = query_of,
  headers = function(state)
    local table_ = setmetatable({}, Headers)
    owners[table_] = state
    return table_
  end,
  client = function(state)
    return { name = state.client_name, ip = state.req:ip() }
  end,
  tokens = found_in_body("tokens"),
  messages = found_in_body("messages"),
  has_tools = found_in_body("has_tools"),
  has_images = found_in_body("has_images"),
  has_audio = found_in_body("has_audio"),
  json_mode = is_json_mode,
  user = user_of,
  ctx = function() return {} end,
  body = function(state) return assert(state.req:document()) end,
}

local OF_BODY = {
  "tokens", "messages", "has_tools", "has_images", "has_audio", "json_mode", "user",
}

local METHODS = {}

--- True when the client has gone, or the request is to end for another reason.
function METHODS.canceled(view)
  local state = state_of(view)
  return state.is_over or state.req:is_gone()
end

--- In a middleware's `before`: ends the request with this answer. Returns it, so that
-- `return req:reply(...)` reads well; without `return` it holds as well.
function METHODS.reply(view, status, lines, text)
  local state = state_of(view)
  if not state.may_reply then error("only `before` of a middleware may reply", 2) end
  state.reply = { status = status, headers = lines, body = text }
  return state.reply
end

local function check_header(find_problem, name, value)
  local problem = find_problem(name, value)
  if problem then error(problem, 3) end
end

--- Adds a header to the answer; until its head has gone to the client.
function METHODS.set_header(view, name, value)
  local state = state_of(view)
  check_header(headers.problem, name, value)
  if state.is_over or state.req:is_started() then error("the answer's head has gone", 2) end
  state.req:set_header(name, value)
end

--- Adds a header to what the provider gets, in every attempt; before the first one.
function METHODS.set_upstream_header(view, name, value)
  local state = state_of(view)
  check_header(headers.upstream_problem, name, value)
  if state.is_sent then error("the request is on its way to a provider", 2) end
  state.upstream_headers = state.upstream_headers or {}
  state.upstream_headers[name:lower()] = value
end

local known = {}
for _, fields in ipairs({ AT_HAND, KEPT, METHODS }) do
  for name in pairs(fields) do known[#known + 1] = name end
end

-- A method, or what is wrong with the name.
local function other(name)
  if METHODS[name] then return METHODS[name] end
  local hint = suggest.hint(tostring(name), known)
  error("req has no field '" .. tostring(name) .. "'" .. hint, 3)
end

local View = { __metatable = false }

function View.__index(view, name)
  local state = states[view]
  if not state then error(ENDED, 2) end
  local find = KEPT[name]
  if find then
    local value = state[name]
    if value == nil or value == UNSET then
      value = find(state)
      state[name] = value
    end
    return value
  end
  find = AT_HAND[name]
  if find then return find(state) end
  return (other(name))
end

function View.__newindex(_, name)
  error("req." .. tostring(name) .. " is read only; values of your own go into req.ctx", 2)
end

--- The view of one request, for all its hooks.
-- @tparam table call of body.read(req, op, dialect, true)
-- @tparam string|nil client the name that the client's key belongs to
-- @tparam number total seconds that the request may take, as far as is known
function M.new(call, client, total)
  local view = setmetatable({}, View)
  -- As large from the start as it usually gets: growing costs more.
  states[view] = {
    call = call, req = call.req, client_name = client, total = total,
    started = core.now(), headers = UNSET, client = UNSET, tokens = UNSET, messages = UNSET,
    has_tools = UNSET, has_images = UNSET, has_audio = UNSET, ctx = UNSET, body = UNSET,
    is_sent = false,
  }
  return view
end

--- Looks whether a hook has changed the body; what is known of it then holds no longer.
-- @treturn boolean|nil true: it was, and `call` has been brought up to date; false: it was not
-- @treturn nil|table an error of errors.lua: it is no request any more
function M.refresh(view)
  local state = states[view]
  if not (is_changed(state) or state.is_stale) then return false end
  state.is_stale = nil
  local ok, err = body.reread(state.call)
  if not ok then return nil, err end
  for _, name in ipairs(OF_BODY) do state[name] = UNSET end
  return true
end

--- The plan is known, and with it the deadline.
function M.set_total(view, total)
  local state = states[view]
  state.total = total
end

--- Allows `reply` until it is called with false; returns the reply that was asked for.
function M.take_reply(view, may_reply)
  local state = states[view]
  local reply = state.reply
  state.reply, state.may_reply = nil, may_reply
  return reply
end

--- No attempt has been made until now: what is there to be added to all of them, or nil.
function M.take_upstream_headers(view)
  local state = states[view]
  state.is_sent = true
  return state.upstream_headers
end

local OF_CONNECTION = { "query", "client" }

local function find_all(view, names)
  for _, name in ipairs(names) do
    local _ = view[name]
  end
end

--- For hooks that run when the body has gone: what it says is found out now.
function M.keep_body(view)
  find_all(view, OF_BODY)
end

--- For a hook that runs when the client's answer has ended: from now on the view does without the
-- request, headers included.
function M.detach(view)
  find_all(view, OF_BODY)
  find_all(view, OF_CONNECTION)
  local state = states[view]
  state.id, state.method, state.path = view.id, view.method, view.path
  state.is_over = true
end

--- From now on every use raises.
function M.close(view)
  local state = states[view]
  if not state then return end
  if state.headers ~= UNSET then owners[state.headers] = nil end
  states[view] = nil
end

return M
