-- The conformance kit: what an adapter is put through by tidegate adapter check, in a Lua state
-- that has this adapter alone.
local clients = require("tide.kit_clients")
local core = require("core")
local current = require("tide.current")
local errors = require("tide.kit_errors")
local families = require("tide.families")
local fixtures = require("tide.fixtures")
local kit_case = require("tide.kit_case")
local kit_hooks = require("tide.kit_hooks")
local kit_run = require("tide.kit_run")
local loader = require("tide.loader")
local streams = require("tide.kit_streams")
local suggest = require("tide.suggest")
local synthetic = require("tide.kit_synthetic")
local wholes = require("tide.kit_wholes")

local M = {}

-- ---- what is wrong ------------------------------------------------------------------------------

local Check = {}
Check.__index = Check

local function path_of(self) return "adapters/" .. self.name .. ".lua" end

-- A problem with a field, a hook or a place; without any it is the file's.
local function add(self, problem)
  local file, line = problem.file, problem.line
  if not file then
    local at = loader.error_at(path_of(self), problem.field, "")
    file, line = at.file, at.line
  end
  self.problems:add({
    file = file, line = line, message = problem.message, severity = problem.severity,
  })
end

-- What the log said last tells more than that something failed.
local function with_log(self, message)
  local said = self.logged[#self.logged]
  self.logged = {}
  return said and message .. " (" .. said .. ")" or message
end

local function failer(self, told)
  return function(message, hook, severity)
    told.is_wrong = told.is_wrong or severity ~= "warning"
    local file, line = nil, nil
    if hook then file, line = self.hooks:place(hook) end
    if hook and not file then hook = nil end
    add(self, {
      file = file, line = line, severity = severity,
      message = (hook and hook .. ": " or "") .. with_log(self, message),
    })
  end
end

-- What the gateway says of a hook's result is the hook's.
local function listen(self)
  local log = core.log
  core.log = function(level, message)
    local wrong = message:match("could not be translated: the adapter of [^:]+: (.*)$")
    wrong = wrong and wrong:gsub("^%S+%.lua:%d+: ", "")
    if wrong and self.hooks.last then
      self.hooks:note(self.hooks.last, "gives what cannot be sent: " .. wrong)
    elseif level == "error" then
      self.logged[#self.logged + 1] = core.redact(message)
    end
    return log(level, message)
  end
end

-- ---- cases --------------------------------------------------------------------------------------

local function family_of(self, model)
  return families.find(self.adapter.families, self.adapter.model_map[model] or model)
end

-- What the model's family speaks, by name.
local function spoken_by(self, model)
  local family = family_of(self, model)
  return family.dialects and family.dialects.by_name or self.adapter.dialects
end

-- The first model that speaks the dialect, where one is asked for.
local function first_model(self, dialect)
  local names = suggest.names(self.adapter.models)
  for _, model in ipairs(names) do
    if not dialect or spoken_by(self, model)[dialect.name] then return model end
  end
  return names[1] or "model"
end

local function model_of(self, body, dialect)
  local model = body.model or first_model(self, dialect)
  local prefix = self.name .. "/"
  return model:sub(1, #prefix) == prefix and model or prefix .. model
end

-- The family of a model as model_of() has it.
local function family_behind(self, model)
  return family_of(self, model:sub(#self.name + 2))
end

-- By the client's dialect; other operations than a chat have the one that they are written in.
local function requests_of(self, case)
  local body = {}
  for name, value in pairs(case.request) do body[name] = value end
  body.model = model_of(self, body, case.dialect)
  case.family = family_behind(self, body.model)
  if case.path ~= fixtures.CHAT then
    return {
      [clients.FIRST] = {
        path = case.path, body = core.encode(body), stream = false,
        dialect = self.dialects[clients.FIRST],
      },
    }
  end
  if body.stream == nil and case.framing then body.stream = true end
  local requests = {}
  for _, name in ipairs(self.clients) do
    requests[name] = clients.request(self.dialects, name, body)
  end
  return requests
end

local function are_all(results)
  for _, is_ok in pairs(results) do
    if not is_ok then return false end
  end
  return true
end

local function run_case(self, case, from)
  local told, requests, before = {}, requests_of(self, case), self.kit.runs
  local names = kit_case.clients(self.kit, case, requests, self.clients)
  if #names == 0 then return end
  local run = case.framing and streams.run or wholes.run
  local results, events = run(self.kit, case, requests, names, failer(self, told))
  self.cases[#self.cases + 1] = {
    name = case.name, from = from, framing = case.framing or core.null,
    events = events or core.null, clients = results,
    ok = not told.is_wrong and are_all(results), runs = self.kit.runs - before,
  }
end

local function run_fixtures(self)
  local list, problems = fixtures.read(self.name)
  for _, problem in ipairs(problems) do add(self, problem) end
  for _, case in ipairs(list) do
    if case.path == fixtures.CHAT then case.dialect = self.adapter.dialect end
    if not self.hooks.is_runaway then run_case(self, case, "fixture") end
  end
  return list
end

-- Those of the adapter, and those that only some of the models have which it lists.
local function dialects_of(self)
  local dialects = {}
  for name, dialect in pairs(self.adapter.dialects) do dialects[name] = dialect end
  for model in pairs(self.adapter.models) do
    for name, dialect in pairs(spoken_by(self, model)) do dialects[name] = dialect end
  end
  return dialects
end

-- In the first dialect, which most clients are translated to, then in the others.
local function run_synthetic(self)
  local adapter, dialects = self.adapter, dialects_of(self)
  local names = suggest.names(dialects)
  table.sort(names, function(a, b)
    if (a == adapter.dialect.name) ~= (b == adapter.dialect.name) then
      return a == adapter.dialect.name
    end
    return a < b
  end)
  for _, name in ipairs(names) do
    local has_usage = name == adapter.dialect.name and self.has_usage
    for _, case in ipairs(synthetic.cases(dialects[name], not has_usage)) do
      if not self.hooks.is_runaway then run_case(self, case, "dialect") end
    end
  end
end

-- What a client asks who wants to see an error: chats, or what else the adapter offers.
local OTHERS = {
  { "embed", "/v1/embeddings", { input = "hello" } },
  { "rerank", "/v1/rerank", { query = "hello", documents = { "hello" } } },
}

local function requests_for_errors(self)
  local ops, requests = self.adapter.ops, {}
  for i, is_stream in ipairs(ops.chat and { false, true } or {}) do
    local body = synthetic.request(is_stream, false)
    body.model = model_of(self, body)
    requests[i] = clients.request(self.dialects, clients.FIRST, body)
  end
  for _, other in ipairs(OTHERS) do
    if #requests == 0 and ops[other[1]] then
      requests[1] = requests_of(self, { path = other[2], request = other[3] })[clients.FIRST]
    end
  end
  return requests
end

local function run_errors(self)
  local requests, told = requests_for_errors(self), {}
  local before = self.kit.runs
  errors.run(self.kit, requests, failer(self, told))
  self.cases[#self.cases + 1] = {
    name = "errors of the provider", from = "kit", framing = core.null, events = core.null,
    clients = { [clients.FIRST] = not told.is_wrong }, ok = not told.is_wrong,
    runs = self.kit.runs - before,
  }
end

local function without_fixtures(self)
  add(self, {
    field = "on_event",
    message = "a protocol of its own can only be checked with answers of the provider, and "
      .. fixtures.folder(self.name) .. "/ has none: write them by hand, or let `tidegate adapter "
      .. "record " .. self.name .. "` ask the provider",
  })
end

-- What the fixtures of a protocol of its own leave out.
local function say_missing(self, list)
  local has = {}
  for _, case in ipairs(list) do
    if case.path == fixtures.CHAT then
      has[case.framing and "stream" or "whole"] = true
      if case.framing and case.expected and case.expected.error then has.error = true end
    end
  end
  local missing = {}
  for _, what in ipairs({ { "stream", "a stream" }, { "whole", "a whole answer" },
    { "error", "an error within a stream" } }) do
    if not has[what[1]] then missing[#missing + 1] = what[2] end
  end
  if #missing == 0 then return end
  add(self, {
    severity = "warning", field = "on_event",
    message = "no fixture has " .. table.concat(missing, ", nor ") .. " in it",
  })
end

--- Runs it (y).
-- @tparam string name of the adapter
-- @tparam string secret the provider's key
-- @tparam table problems of check_problems.new()
-- @treturn table { cases = { { name, from, framing, events, clients, ok, runs } }, clients = names,
--   runs = number }
function M.run(name, secret, problems)
  local gen = current.gen
  local provider, files = gen.providers[name], gen.adapters.files
  local self = setmetatable({
    name = name, problems = problems, adapter = provider.adapter, dialects = gen.dialects,
    clients = clients.names(gen.dialects), cases = core.array({}), logged = {},
    has_usage = files[name].value.usage ~= nil,
  }, Check)
  listen(self)
  self.hooks = kit_hooks.watch(provider.adapter, files, function(problem) add(self, problem) end)
  self.kit = kit_run.new({
    adapter = provider.adapter, hooks = self.hooks, secret = secret, dialects = gen.dialects,
    report = function(problem) add(self, problem) end,
  })
  if provider.adapter.serve then
    return { cases = self.cases, clients = core.array(self.clients), runs = 0 }
  end
  local list = run_fixtures(self)
  if provider.adapter.dialect.name ~= "own" then
    run_synthetic(self)
  elseif #list == 0 then
    without_fixtures(self)
  else
    say_missing(self, list)
  end
  if not self.hooks.is_runaway then run_errors(self) end
  return { cases = self.cases, clients = core.array(self.clients), runs = self.kit.runs }
end

--- The client whose answers are looked at in all pieces.
M.first_client = clients.FIRST

return M
