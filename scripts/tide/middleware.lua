-- Runs middleware around every request of a client.
local core = require("core")
local errors = require("tide.errors")
local headers = require("tide.headers")
local health = require("tide.health")
local plain = require("tide.plain")
local request_view = require("tide.request_view")
local script_failure = require("tide.script_failure")

local M = {}

local function fail(call, script, err)
  script_failure.log(call.req, "middleware '" .. script.name .. "'", err)
  return errors.script_failed(call.req:id())
end

-- ---- before -------------------------------------------------------------------------------------

local function check_headers(lines)
  if type(lines) ~= "table" or not plain.is(lines) then
    return "the `headers` of a reply are a plain table"
  end
  for name, value in pairs(lines) do
    local problem = headers.problem(name, value)
    if problem then return problem end
  end
end

local function check_body(body)
  local kind = type(body)
  if kind == "string" or kind == "table" and pcall(core.encode, body) then return nil end
  return "the `body` of a reply is a string, or a table that becomes JSON"
end

local function check_reply(reply)
  if type(reply) ~= "table" then return "before must return nothing or a reply" end
  if not plain.is(reply) then return "before must return a table without a metatable" end
  local status = reply.status
  if type(status) ~= "number" or status < 200 or status > 599 or status % 1 ~= 0 then
    return "a reply needs a `status` from 200 to 599"
  end
  return reply.headers ~= nil and check_headers(reply.headers)
    or reply.body ~= nil and check_body(reply.body)
    or nil
end

-- With the body as text and a content type.
local function complete(reply)
  local lines, has_type = {}, false
  for name, value in pairs(reply.headers or {}) do
    lines[name] = value
    has_type = has_type or name:lower() == "content-type"
  end
  local body, is_json = reply.body or "", type(reply.body) == "table"
  if is_json then body = core.encode(body) end
  if not has_type and body ~= "" then
    lines["content-type"] = is_json and "application/json" or "text/plain; charset=utf-8"
  end
  return { status = reply.status, headers = lines, body = body }
end

-- An error of errors.lua when the script has left a body that is no request.
local function changed_body(script, call, view)
  local ok, err = request_view.refresh(view)
  if ok ~= nil then return nil end
  return fail(call, script, script_failure.wrong(script, "the changed body: " .. err.message))
end

-- A reply or an error of errors.lua, when one of them ends the request.
local function run_one(script, call, view)
  request_view.take_reply(view, true)
  local ok, reply, said = health.run(script.health, script.before, view)
  local asked = request_view.take_reply(view, false)
  if not ok then return nil, fail(call, script, reply) end
  if reply == nil and said ~= nil then
    local fields = plain.fields(said)
    if errors.kinds[fields.kind] then return nil, errors.of_script(fields) end
    return nil, fail(call, script, script_failure.wrong(script,
      "before must return nothing, a reply, or nil and an error { kind =, message = }"))
  end
  reply = reply or asked
  if reply == nil then return nil, changed_body(script, call, view) end
  local problem = check_reply(reply)
  if problem then return nil, fail(call, script, script_failure.wrong(script, problem)) end
  return complete(reply)
end

--- Runs `before` of each in order (y), until one ends the request.
-- @tparam table list of scripts
-- @tparam table call of body.read()
-- @tparam table view of request_view
-- @treturn number how many have let the request pass
-- @treturn table|nil { status =, headers =, body = }: the answer
-- @treturn table|nil an error of errors.lua
function M.before(list, call, view)
  for i, script in ipairs(list) do
    if script.before then
      local reply, err = run_one(script, call, view)
      if reply or err then return i - 1, reply, err end
    end
  end
  return #list
end

-- ---- after --------------------------------------------------------------------------------------

--- Runs `after` of the first `count` in reverse order (y). One that fails is logged, no more: the
-- answer is there.
-- @tparam table res status, usage, target, outcome and more: of request_sum.lua, or of held.lua
function M.after(list, count, call, view, res)
  for i = count, 1, -1 do
    local script = list[i]
    if script.after then
      local ok, err = health.run(script.health, script.after, view, res)
      if not ok then
        script_failure.log(call.req, "after of middleware '" .. script.name .. "'", err)
      end
    end
  end
end

--- A plan's `accept` that shows a whole answer to `after` before the client gets it, so that
-- headers can be added. Sets call.is_seen.
-- @tparam function|nil accept the policy's, which is asked first
function M.accept(list, count, call, view, accept)
  return function(res)
    if accept then
      local is_accepted, err = accept(res)
      if not is_accepted then return is_accepted, err end
    end
    call.is_seen = true
    res.usage, res.outcome = res.usage or {}, "ok"
    M.after(list, count, call, view, res)
    return true
  end
end

--- True when one of them looks at answers.
function M.has_after(list)
  for _, script in ipairs(list) do
    if script.after then return true end
  end
  return false
end

return M
