-- One run of the conformance kit: a client's request through the gateway to an upstream that is not
-- there, and what became of it.
local core = require("core")
local clients = require("tide.kit_clients")

local M = {}

local Kit = {}
Kit.__index = Kit

local AS_CLIENT = { as_client = true } -- see gateway.serve_inner

local function send(out, answer)
  if answer.reset then return out:cut("connect") end
  out:head(answer.status, answer.headers)
  for _, piece in ipairs(answer.pieces) do
    if #piece > 0 then
      local _, err = out:write(piece)
      if err then return end
    end
  end
  if answer.cut then out:cut() end
end

-- ---- where the key goes -------------------------------------------------------------------------

-- Values of headers come without secrets: "***" stands where one was.
local function check_headers(self, sent)
  local auth = self.adapter.auth
  local place = auth.type == "header" and auth.name or "authorization"
  for name, value in pairs(sent.headers) do
    local is_place = auth.type ~= "query" and name:lower() == place:lower()
    if value:find("***", 1, true) and not is_place then
      self.report({ message = "the key is sent in the header " .. name, field = "auth" })
    end
  end
end

local function check_sent(self, sent)
  check_headers(self, sent)
  if sent.body:find(self.secret, 1, true) then
    self.report({ message = "the key is sent in the body of the request", field = "auth" })
  end
  if self.adapter.auth.type ~= "query" and sent.path:find(self.secret, 1, true) then
    self.report({ message = "the key is sent in the address", field = "auth" })
  end
end

local function check_told(self, outcome)
  local is_told = outcome.body:find(self.secret, 1, true)
  for _, value in pairs(outcome.headers) do
    is_told = is_told or tostring(value):find(self.secret, 1, true)
  end
  if is_told then
    self.report({ message = "the key is told to the client", field = "auth" })
  end
end

-- ---- one run ------------------------------------------------------------------------------------

-- Ids that are made of the request's differ from run to run.
local function without_id(body, id)
  return id and (body:gsub(id:sub(1, 20), ("0"):rep(20))) or body
end

--- Asks (y).
-- @tparam table request of kit_clients.request()
-- @tparam table answer { status, headers, pieces, cut = the connection is lost behind them,
--   reset = it is lost before }
-- @treturn table { status, headers, body, ok = it was a success, kind and message of a failure,
--   usage = counts that the gateway knows, sent = what the provider got }
function Kit:ask(request, answer)
  self.runs = self.runs + 1
  self.answer, self.sent = answer, nil
  self.hooks:begin()
  local inner = assert(core.inner({
    method = "POST", path = request.path, body = request.body,
    headers = { ["content-type"] = "application/json" }, as_client = true, context = AS_CLIENT,
  }))
  local status, headers, body = inner:wait()
  local facts = inner:facts() or {}
  local outcome = {
    status = status or 0, headers = status and headers or {}, body = body or "",
    ok = facts.outcome == "ok" and status == 200, kind = facts.kind, message = facts.message,
    usage = facts.usage or {}, sent = self.sent,
  }
  check_told(self, outcome)
  outcome.body = without_id(outcome.body, outcome.headers["x-tidegate-request-id"])
  return outcome
end

--- What an outcome says to its client.
function Kit.said(_, request, outcome)
  outcome.said = outcome.said or clients.read(request, outcome.body)
  return outcome.said
end

--- A kit.
-- @tparam table it { adapter, hooks = of kit_hooks.watch(), secret, report, dialects }
function M.new(it)
  local self = setmetatable(it, Kit)
  self.runs = 0
  core.mock_upstreams(function(sent)
    self.sent = sent
    check_sent(self, sent)
    return function(out) send(out, self.answer) end
  end)
  return self
end

return M
