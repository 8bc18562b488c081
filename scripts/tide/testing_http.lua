-- t.http(url): servers that tide.http asks and that are not there. Takes the place of core.fetch.
local core = require("core")
local schema = require("tide.schema")

local M = {}

local FOREVER = 1e6 -- seconds

local ANSWER = {
  fields = {
    status = "number", headers = { map = "any" }, body = "string", text = "string", json = "any",
    delay = "number", fault = "string",
  },
}
local FAULTS = { reset = true, timeout = true, cut = true }

-- ---- what tide.http holds of an answer, as that of core.fetch -----------------------------------

local Handle = {}
Handle.__index = Handle

local function problem(kind, message) return { kind = kind, message = message } end

-- Lets the time pass that the answer takes, up to the shortest limit.
local function wait(self)
  if self.is_waited then return end
  self.is_waited = true
  local delay = self.answer.fault == "timeout" and FOREVER or self.answer.delay or 0
  local limit = math.min(self.head > 0 and self.head or FOREVER,
    self.total > 0 and self.total or FOREVER)
  if delay > 0 then core.sleep(math.min(delay, limit)) end
  if delay >= limit then self.error = problem("timeout", "no answer in time") end
  if self.answer.fault == "reset" then
    self.error = problem("connect", "the connection was closed before an answer")
  end
end

-- As of core.fetch: true when it has failed, too.
function Handle:await()
  wait(self)
  return true
end

function Handle:failure()
  if self.error then return self.error end
  local is_seen = not self.is_stream or self.at > #self.body
  if self.answer.fault == "cut" and is_seen then
    return problem("protocol", "the connection was lost within the answer")
  end
end

function Handle:status() return self.answer.status or 200 end
function Handle:headers() return self.lines end
function Handle.is_ended() return true end
function Handle:close() self.at = #self.body + 1 end

function Handle:take(most)
  if self.at > #self.body then return nil end
  local piece = self.body:sub(self.at, most and self.at + most - 1 or -1)
  self.at = self.at + #piece
  return piece
end

local function events_of(text)
  local list = {}
  for block in (text:gsub("\r\n", "\n") .. "\n\n"):gmatch("(.-)\n\n+") do
    local data, name = {}, "message"
    for field, value in block:gmatch("(%l+): ?([^\n]*)") do
      if field == "data" then data[#data + 1] = value end
      if field == "event" then name = value end
    end
    if #data > 0 then list[#list + 1] = { event = name, data = table.concat(data, "\n") } end
  end
  return list
end

local function lines_of(text)
  local list = {}
  for line in text:gmatch("[^\r\n]+") do list[#list + 1] = line end
  return list
end

function Handle:items(form)
  local rest = self:take()
  if not rest then return nil end
  local list = (form == "events" and events_of or lines_of)(rest)
  return #list > 0 and list or nil
end

-- ---- the servers --------------------------------------------------------------------------------

local function body_of(answer)
  local body = answer.body or answer.text or ""
  if answer.json ~= nil then body = core.encode(answer.json) end
  return answer.fault == "cut" and body:sub(1, math.floor(#body / 2)) or body
end

local function lines_of_answer(answer)
  local lines = {}
  if answer.json ~= nil then lines["content-type"] = "application/json" end
  for name, value in pairs(answer.headers or {}) do lines[name:lower()] = tostring(value) end
  return lines
end

local function new_server()
  local self = { queue = {}, requests = {} }
  self.api = { requests = self.requests }
  function self.api.reply(value)
    local found = type(value) ~= "table" and { message = "an answer is a table" }
      or schema.check(value, ANSWER)
    if found then error(found.message, 2) end
    if value.fault and not FAULTS[value.fault] then
      error("fault must be \"reset\", \"timeout\" or \"cut\"", 2)
    end
    self.queue[#self.queue + 1] = value
    return self.api
  end
  return self
end

-- The one with the longest beginning of this URL.
local function find(servers, url)
  local best
  for prefix in pairs(servers) do
    if url:sub(1, #prefix) == prefix and (not best or #prefix > #best) then best = prefix end
  end
  return best and servers[best]
end

-- Of the list that core.fetch takes, without what is a secret.
local function sent_headers(list)
  local lines = {}
  for i = 1, #list, 2 do
    lines[list[i]:lower()] = type(list[i + 1]) == "userdata" and "***" or tostring(list[i + 1])
  end
  return lines
end

-- The last answer is given again.
local function take(server)
  if #server.queue > 1 then return table.remove(server.queue, 1) end
  return server.queue[1] or {}
end

--- From now on tide.http asks nobody else.
-- @treturn function t.http: takes the beginning of a URL, returns { reply =, requests = }
function M.new()
  local servers = {}
  function core.fetch(url, method, headers, body, _, head, _, total, max_body, is_stream)
    local server = find(servers, url)
    if not server then
      return nil, problem("connect", "no t.http(...) of this test answers " .. url)
    end
    server.requests[#server.requests + 1] = {
      url = url, method = method, headers = sent_headers(headers),
      body = body and (core.decode(body) or body) or nil,
    }
    local answer = take(server)
    local handle = setmetatable({
      answer = answer, body = body_of(answer), lines = lines_of_answer(answer), at = 1,
      head = head or 0, total = total or 0, is_stream = is_stream,
    }, Handle)
    if max_body > 0 and #handle.body > max_body then
      handle.error = problem("too_large", "the answer is larger than " .. max_body .. " bytes")
    end
    return handle
  end
  return function(url)
    if type(url) ~= "string" then error("t.http takes a URL", 3) end
    servers[url] = servers[url] or new_server()
    return servers[url].api
  end
end

return M
