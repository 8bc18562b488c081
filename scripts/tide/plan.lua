-- From the plan that a policy's route returns to one that can be executed, like those of
-- models.find.
--
-- A policy makes a new table for each request, but mostly with the same few contents. What says
-- where a request goes is followed through a tree of known contents to the plan that was compiled
-- for them; what concerns this one request only (headers, params, hold, shadow) is looked at each
-- time.
local core = require("core")
local headers = require("tide.headers")
local models = require("tide.models")
local plain = require("tide.plain")
local schema = require("tide.schema")
local suggest = require("tide.suggest")

local M = {}

-- Plans that are kept, in two halves: when the young one is full it becomes the old one.
local CACHE_HALF = 256

local MOST_TARGETS = 64
local MOST_RETRIES = 100
local MOST_PARAMS = 16 -- those of an adapter come on top, EDITS_MAX in core/lua/attempt.c

local SECONDS = {
  connect = "number", first_token = "number", head = "number", idle = "number", total = "number",
}
local SHAPE = {
  fields = {
    targets = { list = "string" },
    model = "string",
    pick = "string",
    retry = { fields = { max = "number" }, later = { on = true, budget = true, backoff = true } },
    timeout = { fields = SECONDS },
    hold = "number|boolean",
    headers = { map = "string" },
    shadow = { fields = { target = "string", ratio = "number" } },
    params = { map = "any" },
  },
  later = { key = true, hedge = true, group = true, cache = true, transform = true },
}

-- How the fields of a plan are followed; ONCE is what concerns one request only.
local TEXT, LIST, MAP, ONCE = 1, 2, 3, 4
local FIELDS = {
  targets = LIST, model = TEXT, pick = TEXT, retry = MAP, timeout = MAP,
  hold = ONCE, headers = ONCE, shadow = ONCE, params = ONCE,
}

local PICKS = { ordered = true, cost = true, cheapest = true }
local LATER_PICKS = {
  weighted = true, round_robin = true, fastest = true, least_busy = true, sticky = true,
}

-- ---- checking -----------------------------------------------------------------------------------

local function check_pick(pick, cost)
  if pick == nil or pick == "ordered" or pick == "cheapest" then return nil end
  if LATER_PICKS[pick] then return "pick = \"" .. pick .. "\" is not part of this version" end
  if not PICKS[pick] then
    return "unknown pick '" .. pick .. "'" .. suggest.hint(pick, suggest.names(PICKS))
  end
  if not cost then return "pick = \"cost\" needs a function `cost` in the policy" end
end

local function check_numbers(value)
  for name, seconds in pairs(value.timeout or {}) do
    if not (seconds > 0 and seconds < math.huge) then
      return "timeout." .. name .. " must be a number of seconds"
    end
  end
  local most = value.retry and value.retry.max
  if most and not (most >= 0 and most <= MOST_RETRIES and most % 1 == 0) then
    return "retry.max must be a whole number from 0 to " .. MOST_RETRIES
  end
end

local function check_where(value)
  local targets = value.targets
  if targets and value.model then return "has both `targets` and `model`: one says where" end
  if not targets then return not value.model and "needs `targets` or `model`" or nil end
  if #targets == 0 then return "`targets` names no target" end
  if #targets > MOST_TARGETS then return "has more than " .. MOST_TARGETS .. " targets" end
  for i = 1, #targets do
    if targets[i] == nil then return "targets[" .. i .. "] is nil" end
  end
end

local function check_plain(value)
  local name = plain.find_other(value)
  if name then return "`" .. name .. "` must be a plain table, without a metatable" end
end

-- What was found good once is so each time.
local function check(value, cost)
  local other = check_plain(value)
  if other then return other end
  local found = schema.check(value, SHAPE)
  if found then return found.message end
  return check_where(value) or check_pick(value.pick, cost) or check_numbers(value)
end

local function check_headers(lines)
  if type(lines) ~= "table" then return "headers must be a table" end
  for name, text in pairs(lines) do
    local problem = headers.upstream_problem(name, text)
    if problem then return problem end
  end
end

local function check_shadow(shadow, registry)
  local found = schema.check(shadow, SHAPE.fields.shadow)
  if found then return "shadow: " .. found.message end
  local ratio = shadow.ratio or 1
  if not (ratio >= 0 and ratio <= 1) then return "shadow.ratio goes from 0 to 1" end
  if not shadow.target then return "shadow needs a `target`" end
  if not models.find(registry, shadow.target) then
    return "shadow.target: " .. models.explain(registry, shadow.target)
  end
end

local function check_params(params)
  if type(params) ~= "table" then return "params must be a table" end
  local count = 0
  for name in pairs(params) do
    count = count + 1
    if count > MOST_PARAMS then return "params has more than " .. MOST_PARAMS .. " fields" end
    if type(name) ~= "string" then return "params must be named fields of the body" end
    if name == "model" or name == "stream" then
      return "params." .. name .. " cannot be set by a plan"
    end
    if not pcall(core.encode, params[name]) then return "params." .. name .. " is no JSON" end
  end
end

local function check_hold(hold)
  if type(hold) == "boolean" or (type(hold) == "number" and hold >= 1 and hold % 1 == 0) then
    return nil
  end
  return "hold must be true or a number of events from 1 on"
end

local function check_once(value, registry)
  return check_plain(value)
    or value.hold ~= nil and check_hold(value.hold)
    or value.headers ~= nil and check_headers(value.headers)
    or value.shadow ~= nil and check_shadow(value.shadow, registry)
    or value.params ~= nil and check_params(value.params)
    or nil
end

-- ---- the tree of known plans --------------------------------------------------------------------

-- Keys of nodes that no script can hold.
local PLAN, END = {}, {}

local function step(node, token, is_new)
  local following = node[token]
  if not following and is_new then
    following = {}
    node[token] = following
  end
  return following
end

local function follow_list(node, list, is_new)
  local count = #list
  node = step(node, count, is_new)
  for i = 1, count do
    if not node then return nil end
    node = step(node, list[i], is_new)
  end
  return node
end

local function follow_map(node, map, is_new)
  for name, value in next, map do
    node = step(node, name, is_new)
    node = node and step(node, value, is_new)
    if not node then return nil end
  end
  return step(node, END, is_new)
end

local function follow_item(node, kind, item, is_new)
  if kind == TEXT then return step(node, item, is_new) end
  if type(item) ~= "table" or not plain.is(item) then return nil end
  if kind == LIST then return follow_list(node, item, is_new) end
  return follow_map(node, item, is_new)
end

-- The node of these contents, and whether there is something for this one request besides. No
-- node: never seen, or wrong.
local function follow(node, value, is_new)
  local has_more = false
  for name, item in next, value do
    local kind = FIELDS[name]
    if kind == ONCE then
      has_more = true
    else
      node = kind and step(node, name, is_new)
      node = node and follow_item(node, kind, item, is_new)
      if not node then return nil, false end
    end
  end
  return node, has_more
end

local function find(self, metric_model, value)
  local root = self.young[metric_model]
  local node, has_more
  if root then node, has_more = follow(root, value) end
  if node and node[PLAN] then return node[PLAN], has_more end
end

local function remember(self, metric_model, value, plan)
  if self.count >= CACHE_HALF then
    self.old, self.young, self.count = self.young, {}, 0
  end
  local node = follow(step(self.young, metric_model, true), value, true)
  node[PLAN] = plan
  self.count = self.count + 1
end

local function compile(self, metric_model, value)
  local message = check(value, self.cost)
  if message then return nil, message end
  local plan
  plan, message = models.compile(self.registry, {
    targets = value.targets, model = value.model, retry = value.retry, timeout = value.timeout,
    pick = value.pick, metric_model = metric_model,
  })
  if not plan then return nil, message end
  return plan
end

local function find_old(self, metric_model, value)
  local root = self.old[metric_model]
  local node = root and follow(root, value)
  return node and node[PLAN]
end

-- ---- for policies.lua ---------------------------------------------------------------------------

--- The plans of one policy.
-- @tparam table registry of models.build()
-- @tparam function|nil cost the policy's
function M.new(registry, cost)
  return { registry = registry, cost = cost, young = {}, old = {}, count = 0 }
end

--- The plan to be executed: as models.find() makes them, with `pick`; shared, not to be changed.
-- @tparam table self of new()
-- @param value what route returned
-- @tparam string metric_model the label of the model that was asked for
-- @treturn table|nil plan
-- @treturn boolean|string true when `value` has also headers, params, hold or shadow, checked; or
--   what is wrong
function M.of(self, value, metric_model)
  if type(value) ~= "table" then return nil, "must be a table, not a " .. type(value) end
  local plan, has_more = find(self, metric_model, value)
  if not plan then
    local message
    plan = find_old(self, metric_model, value)
    if not plan then plan, message = compile(self, metric_model, value) end
    if not plan then return nil, message end
    remember(self, metric_model, value, plan)
    has_more = select(2, find(self, metric_model, value))
  end
  if has_more then
    local message = check_once(value, self.registry)
    if message then return nil, message end
  end
  return plan, has_more
end

return M
