-- t.upstream("groq"): a provider that is not there. It answers what a test has queued, in order,
-- then its default, "hello", and remembers what it was sent.
local core = require("core")
local answer = require("tide.testing_answer")
local schema = require("tide.schema")
local suggest = require("tide.suggest")
local testing_operations = require("tide.testing_operations")

local M = {}

local ANSWER = {
  fields = {
    status = "number", headers = { map = "any" }, body = "string", text = "string", json = "any",
    delay = "number", fault = "string", model = "string", usage = { map = "any" },
    finish_reason = "string", tool_calls = { list = "any" },
  },
}
local FAULTS = { reset = true, timeout = true, cut = true }

local Mocks = {}
Mocks.__index = Mocks

local function check(value, level)
  if type(value) ~= "table" then error("an answer is a table", level + 1) end
  local found = schema.check(value, ANSWER)
  if found then error(found.message, level + 1) end
  if value.fault and not FAULTS[value.fault] then
    error("fault must be \"reset\", \"timeout\" or \"cut\"", level + 1)
  end
  return value
end

local function copy(value)
  local result = {}
  for key, item in pairs(value or {}) do result[key] = item end
  return result
end

local function events_of(text)
  local chunks, at = {}, 1
  while at <= #text do
    local _, stop = text:find("\r?\n\r?\n", at)
    chunks[#chunks + 1] = text:sub(at, stop or #text)
    at = (stop or #text) + 1
  end
  return chunks
end

-- A file beside the test, event by event, or the chunks themselves.
local function chunks_of(folder, source)
  if type(source) == "table" then return source end
  if type(source) ~= "string" then error("a stream is the path of a file or a list", 3) end
  local text, why = core.fixture(folder .. "/" .. source)
  if not text then error(why, 3) end
  return events_of(text)
end

local function new_upstream(folder)
  local self = { queue = {}, requests = {}, last = {} }
  local api = { requests = self.requests }
  function api.reply(value)
    self.queue[#self.queue + 1] = check(value, 2)
    return api
  end
  function api.stream(source, more)
    local item = copy(more)
    item.chunks = chunks_of(folder, source)
    self.queue[#self.queue + 1] = item
    return api
  end
  function api.default(value)
    self.last = check(value, 2)
    return api
  end
  self.api = api
  return self
end

local function take_queued(upstream, model)
  for i, item in ipairs(upstream.queue) do
    if not item.model or item.model == model then return table.remove(upstream.queue, i) end
  end
end

function Mocks:of(name)
  if not self.upstreams[name] then self.upstreams[name] = new_upstream(self.folder) end
  return self.upstreams[name]
end

-- What a provider would have got: as JSON where it is.
local function decoded(self, sent)
  local provider, model = sent.target:match("^([^/]*)/(.*)$")
  local body = core.decode(sent.body)
  local at = testing_operations.at(self.providers[provider], sent.path)
  return {
    target = sent.target, provider = provider, model = model, method = sent.method,
    path = sent.path, headers = sent.headers, body = body or sent.body,
    op = at.op, endpoint = at.endpoint, dialect = at.dialect,
  }
end

-- A provider that answers by itself, like `mock`, goes on doing so where a test has queued nothing.
local function put_before(self, adapter)
  local serve = adapter.serve
  adapter.serve = function(call, out)
    local name = call.target:match("^[^/]*")
    local upstream = self:of(name)
    local request = {
      target = call.target, provider = name, model = call.model, method = "POST", headers = {},
      op = call.op, body = core.decode(call.body) or call.body,
    }
    upstream.requests[#upstream.requests + 1] = request
    local found = take_queued(upstream, call.model)
    if not found then return serve(call, out) end
    answer.send(out, request, found, adapter.dialect)
  end
end

--- Mocks for all providers of the configuration.
-- @tparam table providers by name
-- @tparam string folder of the test, where its fixtures are
function M.new(providers, folder)
  local self = setmetatable({ upstreams = {}, providers = providers, folder = folder }, Mocks)
  core.mock_upstreams(function(sent)
    local request = decoded(self, sent)
    local upstream = self:of(request.provider)
    local dialect = request.dialect
    request.dialect = dialect.name
    upstream.requests[#upstream.requests + 1] = request
    local found = take_queued(upstream, request.model) or upstream.last
    return function(out) answer.send(out, request, found, dialect) end
  end)
  local seen = {}
  for _, provider in pairs(providers) do
    local adapter = provider.adapter
    if adapter.serve and not seen[adapter] then
      seen[adapter] = true
      put_before(self, adapter)
    end
  end
  return self
end

--- What a test gets as t.upstream(name).
function Mocks:api(name)
  if not self.providers[name] then
    local hint = suggest.hint(tostring(name), suggest.names(self.providers))
    error("there is no provider '" .. tostring(name) .. "'" .. hint, 3)
  end
  return self:of(name).api
end

return M
