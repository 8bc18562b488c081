-- One answer of a provider in the conformance kit: what is common to whole ones and streams.
local address = require("tide.address")
local bytes_of = require("tide.kit_bytes")
local expect = require("tide.kit_expect")

local M = {}

local Run = {}
Run.__index = Run

--- Asks with the case's answer in these pieces (y).
-- @tparam table|nil more { cut = true } and the like, of Kit:ask()
-- @tparam table|nil request instead of the first client's
function Run:ask(pieces, more, request)
  local answer = { status = self.case.status, headers = self.headers, pieces = pieces }
  for name, value in pairs(more or {}) do answer[name] = value end
  return self.kit:ask(request or self.request, answer)
end

--- Something is wrong with what came of it, unless a hook has failed: that has been told.
function Run:complain(what, message)
  if not self.kit.hooks.failed then
    self.fail(self.case.name .. ", " .. what .. ": " .. message, self.culprit)
  end
  self.is_wrong = true
end

--- The same where nothing but a failing hook can be wrong.
function Run:mind_hooks(what)
  if self.kit.hooks.failed then self:complain(what, "a hook fails") end
end

--- True when it may go on; a hook that does not end makes everything slow, and the same each time.
function Run:is_worth()
  return not self.is_wrong and not self.kit.hooks.is_runaway
end

--- What is left out is unknown, not 0, unless the bytes themselves say 0 somewhere.
function Run:look_for_zero(what, outcome, bytes)
  local is_told = bytes:find(":%s*0[%s,}%]]")
  local name = outcome.ok and not is_told and expect.has_zero(outcome, self.base)
  if name then
    self:complain(what, "the count `" .. name .. "` was not told, and is 0 instead of unknown")
  else
    self:mind_hooks(what)
  end
end

function Run:same(what, pieces)
  local found = expect.same(self.kit, self.request, self:ask(pieces), self.base)
  if found or self.kit.hooks.failed then self:complain(what, found or "a hook fails") end
end

local function why(outcome)
  return "it fails: " .. expect.why(outcome)
end

-- Where hooks alone say what a stream means.
local function has_no_finish(self)
  local kit = self.kit
  return kit.adapter.dialect.name == "own" and not kit.hooks.finisher
    and not (self.case.expected and self.case.expected.error)
end

-- What is wrong with the first outcome.
local function first_problem(self)
  local expected, found = self.case.expected, nil
  if expected then
    found = expect.expected(self.kit, self.request, self.base, expected)
  elseif self.case.status < 300 and not self.base.ok then
    found = why(self.base)
  end
  if found and self.case.framing and has_no_finish(self) then
    found = found .. "; no hook has emitted a finish"
  end
  return found or self.kit.hooks.failed and "a hook fails" or nil
end

--- Asks for the first time: what comes then is what all others must be like.
function Run:begin()
  self.base = self:ask({ self.bytes })
  self.culprit = self.kit.hooks.finisher or self.kit.hooks.last
  local found = first_problem(self)
  if found then return self:complain("in one piece", found) end
  local again = self:ask({ self.bytes })
  if again.sent and again.sent.body ~= self.base.sent.body then
    self.fail(self.case.name .. ": the same request is sent in other bytes the second time",
      "encode", "warning")
  end
  found = expect.sent(self.base.sent, self.case.sent)
  if found then self.fail(self.case.name .. ": " .. found, "encode") end
end

--- Byte by byte, as it was recorded, and split in two at each place.
function Run:in_pieces(events, most)
  self:same("byte by byte", bytes_of.single(self.bytes))
  if self.case.sizes then
    self:same("in the recorded pieces", bytes_of.sized(self.bytes, self.case.sizes))
  end
  for _, at in ipairs(bytes_of.places(events, most)) do
    if not self:is_worth() then return end
    self:same("split behind byte " .. at, bytes_of.split(self.bytes, at))
  end
end

-- ---- clients ------------------------------------------------------------------------------------

-- In one piece and byte by byte. Returns what is wrong.
local function for_client(self, request)
  for _, pieces in ipairs({ { self.bytes }, bytes_of.single(self.bytes) }) do
    local outcome = self:ask(pieces, nil, request)
    if self.kit.hooks.failed then return "a hook fails" end
    if outcome.ok ~= self.base.ok then return outcome.ok and "it is a success" or why(outcome) end
    local has_refusal = self.base.body:find('"refusal":"', 1, true) ~= nil
    local found = outcome.ok and expect.other_client(self.kit:said(request, outcome),
      self.kit:said(self.request, self.base), has_refusal)
    if found then return found end
  end
end

local function pattern_of(path)
  path = path:match("^[^?]*"):gsub("%.%./", "")
  path = path:gsub("[%^%$%(%)%%%.%[%]%*%+%-%?]", "%%%0")
  return path:gsub("{[%w_|]+}", "[^/]+") .. "$"
end

-- The dialect in which the adapter was asked; of two with the same path it is the wanted one.
local function is_asked_in(adapter, family, wanted, sent)
  local spec = address.spec(adapter, "chat", family)
  local path = address.path(adapter, spec, "chat", wanted, false)
  local stream = address.path(adapter, spec, "chat", wanted, true)
  local asked = sent.path:match("^[^?]*")
  return path and asked:find(pattern_of(path)) or stream and asked:find(pattern_of(stream))
end

-- A client of a dialect that the provider speaks as well is asked for in that one, and does not get
-- this case's answer.
local function is_for(self, request)
  if not self.case.dialect or self.case.dialect.name == "own" then return true end
  self.kit:ask(request, { reset = true })
  return self.kit.sent ~= nil
    and is_asked_in(self.kit.adapter, self.case.family, self.case.dialect, self.kit.sent)
end

--- The clients that get this case's answer.
-- @tparam table kit of kit_run.new()
-- @tparam table case of fixtures.read() or kit_synthetic.cases()
-- @tparam table requests by the client's dialect, of kit_clients.request()
-- @tparam table clients names
function M.clients(kit, case, requests, clients)
  local self, names = { kit = kit, case = case }, {}
  for _, name in ipairs(clients) do
    if requests[name] and is_for(self, requests[name]) then names[#names + 1] = name end
  end
  return names
end

--- Runs one case (y).
-- @tparam table clients of M.clients(); not empty
-- @tparam function fail takes a text, the name of a hook or nil, and a severity or nil
-- @tparam table steps functions that take the run, in order
-- @tparam string content_type
-- @treturn table { name = boolean }: for which clients all is well
function M.run(kit, case, requests, clients, fail, steps, content_type)
  local self = setmetatable({
    kit = kit, case = case, bytes = case.answer, request = requests[clients[1]], fail = fail,
    headers = { ["content-type"] = content_type },
  }, Run)
  for name, value in pairs(case.headers) do self.headers[name:lower()] = tostring(value) end
  for _, step in ipairs(steps) do
    if self:is_worth() then step(self) end
  end
  local results = { [clients[1]] = not self.is_wrong }
  for i = 2, #clients do
    local name = clients[i]
    local found = self:is_worth() and for_client(self, requests[name])
    if found and found ~= "a hook fails" then
      fail(case.name .. ", for clients of " .. name .. ": " .. found)
    end
    results[name] = not (found or self.is_wrong)
  end
  return results
end

return M
