-- From the name that a client asks for to a plan: which lanes, how many attempts, how long.
--
-- A name of the configuration wins; otherwise everything before the first '/' is a provider and the
-- rest its model. Plans of names that are not configured are kept in a cache of bounded size.
local core = require("core")
local lanes = require("tide.lanes")
local model_facts = require("tide.model_facts")
local provider_models = require("tide.provider_models")
local suggest = require("tide.suggest")
local timeouts = require("tide.timeouts")

local M = {}

-- Two halves: when the young one is full it becomes the old one, and the old one is forgotten.
local CACHE_HALF = 512

-- How many configured models are resolved in one turn of the loop.
local A_TURN = 16

local function split(name)
  local slash = name:find("/", 1, true)
  if not slash or slash == 1 or slash == #name then return nil end
  return name:sub(1, slash - 1), name:sub(slash + 1)
end

local function find_target(providers, name)
  local prefix, model = split(name)
  local provider = prefix and providers[prefix]
  if provider then return { provider = provider, model = model } end
end

local function unknown(providers, configured, name)
  local provider = split(name)
  if provider then
    local hint = suggest.hint(provider, suggest.names(providers))
    return "unknown provider '" .. provider .. "'" .. hint
  end
  local hint = suggest.hint(name, suggest.names(configured))
  return "'" .. name .. "' is neither provider/model nor a configured model" .. hint
end

-- There may be an adapter of that name that is no provider here.
local function unknown_target(self, reference)
  local provider = split(reference)
  if provider and core.source("adapters/" .. provider .. ".lua") then
    return "unknown provider '" .. provider .. "': there is an adapter of that name, which "
      .. "`providers` has to name"
  end
  return unknown(self.providers, self.definitions, reference)
end

-- { "a/b", ... }, "a/b" and { targets = {...} } in one form; `field` is where the list stands.
local function normal(definition)
  if type(definition) == "string" then
    return { targets = { definition }, alias = true, field = "" }
  end
  if definition.targets then
    return {
      targets = definition.targets, retry = definition.retry, timeout = definition.timeout,
      policy = definition.policy, pick = definition.pick, field = ".targets",
    }
  end
  return { targets = definition, policy = definition.policy, field = "" }
end

local function add_unique(list, seen, target)
  local key = target.provider.name .. "/" .. target.model
  if not seen[key] then
    seen[key] = true
    list[#list + 1] = target
  end
end

local expand

local function expand_one(self, name, reference, result, open)
  local other = reference ~= name and self.definitions[reference]
  if other then
    if open[reference] then return "'" .. reference .. "' leads back to itself" end
    return expand(self, reference, result, open)
  end
  local target = find_target(self.providers, reference)
  if not target then
    if reference == name then return "'" .. name .. "' leads back to itself" end
    return unknown_target(self, reference)
  end
  add_unique(result.targets, result.seen, target)
end

-- Appends the targets behind a configured name; returns a message and where it belongs when wrong.
function expand(self, name, result, open)
  local definition = normal(self.definitions[name])
  open[name] = true
  for i, reference in ipairs(definition.targets) do
    local message, path = expand_one(self, name, reference, result, open)
    if message then
      local position = definition.alias and "" or "." .. i
      return message, path or "models." .. name .. definition.field .. position
    end
  end
  open[name] = nil
end

-- An alias of a configured name inherits that name's settings.
local function settings_of(self, name)
  local definition = normal(self.definitions[name])
  local inner = definition.alias and definition.targets[1]
  if inner and inner ~= name and self.definitions[inner] then return settings_of(self, inner) end
  return definition
end

-- `name` is what the body says; nil where that is not known: then each attempt writes its model.
local function make_plan(self, name, targets, settings, metric_model)
  local list = {}
  local top = self.config
  for _, target in ipairs(targets) do
    lanes.add(name, target, settings.timeout, top.timeout, list)
  end
  local first = targets[1].provider
  return {
    name = name,
    metric_model = metric_model,
    lanes = lanes.by_operation(list),
    pick = settings.pick or top.pick or "ordered",
    attempts = timeouts.attempts(settings.retry, first.retry, top.retry),
    total = timeouts.total(settings.timeout, first.timeout, top.timeout),
  }
end

local function build_configured(self, report)
  for i, name in ipairs(suggest.names(self.definitions)) do
    if i % A_TURN == 0 then core.next_turn() end
    local result = { targets = {}, seen = {} }
    local message, path = expand(self, name, result, {})
    if not message and #result.targets == 0 then
      message, path = "names no target", "models." .. name
    end
    if message then
      local err = { path = path, message = message }
      if not (report and report(err)) then return nil, err end
    else
      self.plans[name] = make_plan(self, name, result.targets, settings_of(self, name), name)
    end
  end
  return self
end

--- Resolves the configuration's models once.
-- @tparam table config core.config
-- @tparam table providers of providers.build()
-- @tparam function|nil report as that of providers.build()
-- @treturn table|nil registry, or nil and { path =, message = }
function M.build(config, providers, report)
  return build_configured({
    config = config,
    providers = providers,
    definitions = config.models or {},
    plans = {},
    young = {}, old = {}, young_count = 0,
  }, report)
end

local function remember(self, name, plan)
  if self.young_count >= CACHE_HALF then
    self.old, self.young, self.young_count = self.young, {}, 0
  end
  self.young[name] = plan
  self.young_count = self.young_count + 1
end

--- The plan for a name, or nil when there is no such model.
function M.find(self, name)
  local plan = self.plans[name] or self.young[name]
  if plan then return plan end
  plan = self.old[name]
  if not plan then
    local target = find_target(self.providers, name)
    if not target then return nil end
    local listed = target.provider.models[target.model] ~= nil
    plan = make_plan(self, name, { target }, {}, listed and name or "other")
  end
  remember(self, name, plan)
  return plan
end

local function merged(under, over)
  if not (under and over) then return over or under end
  local result = {}
  for key, value in pairs(under) do result[key] = value end
  for key, value in pairs(over) do result[key] = value end
  return result
end

-- The targets behind a name of any kind, and the settings that come with it.
local function resolve(self, name, result)
  if self.definitions[name] then
    return expand(self, name, result, {}), settings_of(self, name)
  end
  return expand_one(self, nil, name, result, {}), {}
end

--- The plan that a policy wants; not kept here.
-- @tparam table wanted { model = name } or { targets = { name, ... } }, retry =, timeout =, pick =,
--   metric_model =
-- @treturn table|nil plan
-- @treturn nil|string what is wrong
function M.compile(self, wanted)
  local result = { targets = {}, seen = {} }
  local settings = {}
  local message
  if wanted.model then
    message, settings = resolve(self, wanted.model, result)
  else
    for _, name in ipairs(wanted.targets) do
      message = message or resolve(self, name, result)
    end
  end
  if message then return nil, message end
  return make_plan(self, nil, result.targets, {
    retry = merged(settings.retry, wanted.retry),
    timeout = merged(settings.timeout, wanted.timeout),
    pick = wanted.pick or settings.pick,
  }, wanted.metric_model)
end

--- The name of the policy of a configured model, when it has one of its own.
function M.policy_of(self, name)
  return self.definitions[name] and settings_of(self, name).policy
end

--- True for a name of the configuration's models.
function M.is_configured(self, name)
  return self.definitions[name] ~= nil
end

--- The provider and its model behind a name like provider/model.
function M.target(self, name)
  local target = find_target(self.providers, name)
  if target then return target.provider, target.model end
end

--- Why a name is no model, for the client.
function M.explain(self, name)
  return unknown(self.providers, self.definitions, name)
end

local function entry_of(provider, model, known)
  return {
    id = provider.name .. "/" .. model, owned_by = provider.name, context = known.context,
    max_output = known.max_output, caps = known.caps, kind = known.kind,
  }
end

--- What is known of a name that a client may ask for, or nil.
-- @treturn table|nil { id =, owned_by =, context = tokens or nil, max_output = tokens or nil,
--   caps = list or nil, kind = or nil }
function M.describe(self, name)
  if self.definitions[name] then return { id = name, owned_by = "tidegate" } end
  local target = find_target(self.providers, name)
  if not target then return nil end
  local provider, model = target.provider, target.model
  return entry_of(provider, model, model_facts.find(provider, model, lanes.sent(provider, model)))
end

--- Every name that clients may ask for: configured ones first, then provider/model as adapters, the
-- configuration and the tables of models list them.
-- @treturn table list of those of describe()
function M.list(self)
  local result = {}
  for _, name in ipairs(suggest.names(self.definitions)) do
    result[#result + 1] = { id = name, owned_by = "tidegate" }
  end
  for _, name in ipairs(suggest.names(self.providers)) do
    local provider = self.providers[name]
    local known = provider_models.listed(provider, core.time())
    for _, model in ipairs(suggest.names(known)) do
      local one = entry_of(provider, model, known[model])
      if not self.definitions[one.id] then result[#result + 1] = one end
    end
  end
  return result
end

return M
