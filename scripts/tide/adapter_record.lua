-- tidegate adapter record: asks the provider a few things, through its adapter, and makes fixtures
-- of what was sent and what came. In a Lua state of its own, with a network.
local core = require("core")
local auth = require("tide.auth")
local clients = require("tide.kit_clients")
local current = require("tide.current")
local fixtures = require("tide.fixtures")
local framing = require("tide.framing")
local scrub = require("tide.scrub")
local suggest = require("tide.suggest")
local tables = require("tide.tables")

local M = {}

local AS_CLIENT = { as_client = true } -- see gateway.serve_inner

local TOOL = {
  type = "function",
  ["function"] = {
    name = "weather", description = "The weather in a city now.",
    parameters = {
      type = "object", properties = { city = { type = "string" } },
      required = core.array({ "city" }),
    },
  },
}
local HELLO = "Say hello in one short sentence."
local ASK_TOOL = "What is the weather in Paris and in Rome? Ask the tool."

-- Name, what is said, and what else the request has.
local CASES = {
  { "whole", HELLO, {} },
  { "stream", HELLO, { stream = true } },
  { "tools", ASK_TOOL, { tools = core.array({ TOOL }) } },
  { "tools_stream", ASK_TOOL, { tools = core.array({ TOOL }), stream = true } },
  { "no_such_model", HELLO, { model = "tidegate-no-such-model" } },
}

local function body_of(case, model)
  local body = {
    model = model, max_tokens = 300,
    messages = core.array({ { role = "user", content = case[2] } }),
  }
  for name, value in pairs(case[3]) do body[name] = value end
  if body.stream then body.stream_options = { include_usage = true } end
  return body
end

-- ---- asking -------------------------------------------------------------------------------------

local function ask(provider, body)
  local asked = tables.merged(body)
  asked.model = provider.name .. "/" .. body.model
  local request = clients.request(current.gen.dialects, clients.FIRST, asked)
  local inner = assert(core.inner({
    method = "POST", path = request.path, body = request.body,
    headers = { ["content-type"] = "application/json" }, as_client = true, context = AS_CLIENT,
  }))
  local status, _, answer = inner:wait()
  local facts = inner:facts() or {}
  return {
    ok = facts.outcome == "ok" and status == 200, kind = facts.kind, message = facts.message,
    usage = facts.usage or {}, said = status and clients.read(request, answer) or {},
  }, core.recorded()
end

-- ---- files --------------------------------------------------------------------------------------

-- What the adapter made of it: from now on it must make the same.
local function expected_of(outcome)
  if not outcome.ok then return { error = { kind = outcome.kind } } end
  local said, calls = outcome.said, core.array({})
  for i, call in ipairs(said.tool_calls or {}) do
    calls[i] = { name = call.name, arguments = call.arguments or call.arguments_text }
  end
  return {
    text = said.text, finish_reason = said.finish_reason,
    reasoning = said.reasoning ~= "" and said.reasoning or nil,
    tool_calls = #calls > 0 and calls or nil, usage = outcome.usage,
  }
end

local function sent_of(sent)
  local path = sent.path:gsub("([?&][%w_-]+=)%*%*%*", "%1")
  local body = core.decode(sent.body)
  return { method = sent.method, path = path:match("^[^?]*"), body = body or sent.body }
end

-- The framing of a stream, and whether it is one JSON document: what is wrong with a request, and
-- what a service says that has no streams, is told as a whole. Types of content are no help.
local function form_of(adapter, body, taken)
  local form = framing.of(adapter, adapter.dialect)
  local is_json = core.decode(table.concat(taken.pieces)) ~= nil
  local is_stream = body.stream and taken.status < 300 and (form == "ndjson" or not is_json)
  return is_stream and form or nil, is_json
end

local function line(value)
  return core.encode(value) .. "\n"
end

-- Returns the files of a case, or nil and why there are none.
local function files_of(case, body, adapter, outcome, taken)
  local form, is_json = form_of(adapter, body, taken)
  local answer, sizes = scrub.pieces(taken.pieces, form == "aws-eventstream")
  if not answer then return nil, sizes end
  local name = case[1] .. "."
  return {
    { name .. "request.json", scrub.text(line(body)) },
    { name .. "sent.json", scrub.text(line(sent_of(taken.sent))) },
    { name .. "answer." .. fixtures.extension(form, is_json), answer },
    { name .. "meta.json", line({
      status = taken.status, headers = scrub.headers(taken.headers), chunks = sizes,
    }) },
    { name .. "expected.json", scrub.text(line(expected_of(outcome))) },
  }
end

-- ---- the command --------------------------------------------------------------------------------

local function why_nothing(outcome, taken)
  if not taken or taken.status == 0 then
    return "no answer: " .. tostring(outcome.kind) .. ", " .. tostring(outcome.message)
  end
  if taken.headers["content-encoding"] then return "the answer came compressed" end
  if taken.is_too_large then return "the answer is too large" end
end

-- A service that cannot do what a case asks refuses it; that is no fixture.
local function is_refused(case, taken)
  return taken.status >= 400 and case[1] ~= "no_such_model"
end

-- Where the key is refused the other questions are as well.
local IN_VAIN = { [401] = true, [402] = true, [403] = true }

-- Returns false when it is no use to go on.
local function record_case(self, case)
  local body = body_of(case, self.model)
  local outcome, taken = ask(self.provider, body)
  local why = why_nothing(outcome, taken)
  if not why and is_refused(case, taken) then
    why = "refused with " .. taken.status .. ": " .. tostring(outcome.message)
  end
  local files
  if not why then
    files, why = files_of(case, body, self.provider.adapter, outcome, taken)
  end
  if not files then
    self.told[#self.told + 1] = "  -     " .. case[1] .. ": " .. core.redact(why) .. "\n"
    return taken ~= nil and taken.status > 0 and not IN_VAIN[taken.status]
  end
  for _, file in ipairs(files) do self.files[#self.files + 1] = file end
  self.told[#self.told + 1] = ("  ok    %s: %d, %d bytes in %d piece%s\n"):format(case[1],
    taken.status, #files[3][2], #taken.pieces, #taken.pieces == 1 and "" or "s")
  return true
end

local function pack(self)
  local parts = {}
  for _, file in ipairs(self.files) do
    if scrub.holds_key(file[2]) then return nil, "a key would be written to " .. file[1] end
    parts[#parts + 1] = self.folder .. file[1] .. "\0" .. #file[2] .. "\0" .. file[2]
  end
  return table.concat(parts)
end

local function provider_of(name)
  local providers = current.gen.providers
  if providers[name] then return providers[name] end
  return nil, "there is no provider '" .. name .. "' here" .. suggest.hint(name,
    suggest.names(providers)) .. ": `tidegate check` says what it lacks"
end

-- Asking costs money: what could not be written is not asked for.
local function existing(folder)
  local names = {}
  for _, name in ipairs(core.fixtures(folder)) do names[name] = true end
  for _, case in ipairs(CASES) do
    local name = case[1] .. ".request.json"
    if names[name] then
      return folder .. name .. " is there already: --force writes over it, --out elsewhere"
    end
  end
end

-- Nobody but this command asks here, and nothing stands between it and the provider.
local function take_over()
  auth.client = function() return "record" end
  current.gen.scripts = nil
  core.record_upstreams()
end

-- What recording needs, or nil and why it cannot be.
local function prepare(asked)
  local provider, why = provider_of(asked.name)
  if not provider then return nil, why end
  local model = asked.model ~= core.null and asked.model or suggest.names(provider.models)[1]
  if not model then return nil, "say --model: " .. asked.name .. " lists none" end
  if provider.adapter.serve then return nil, asked.name .. " answers without a network" end
  local self = {
    provider = provider, model = model, files = {}, told = {},
    folder = asked.out ~= core.null and "" or fixtures.folder(provider.adapter.name) .. "/",
  }
  why = self.folder ~= "" and not asked.force and existing(self.folder)
  if why then return nil, why end
  return self
end

--- Records (y).
-- @tparam string text JSON: { name =, model = or null, out = or null, force = boolean }
-- @treturn number 0, or 1 when nothing could be recorded
-- @treturn string what was done, a NUL, and the files as adapter_new.run() gives them; or what is
--   wrong
function M.run(text)
  local asked = core.decode(text)
  local self, why = prepare(asked)
  if not self then return 1, why end
  take_over()
  for _, case in ipairs(CASES) do
    if not record_case(self, case) then break end
  end
  local told = table.concat(self.told)
  if #self.files == 0 then return 1, "nothing was recorded\n" .. told end
  local packed
  packed, why = pack(self)
  if not packed then return 1, why end
  return 0, told .. "\0" .. packed
end

return M
