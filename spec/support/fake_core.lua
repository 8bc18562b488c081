-- A stand-in for the C side: require("core") of the specs, with a clock that only sleep() moves,
-- real adapter files, and requests whose attempts answer what the spec says.
local lfs = require("lfs")
local fake_values = require("spec.support.fake_values")
local fake_vectors = require("spec.support.fake_vectors")

local M = {}

-- As in C it is no table.
local NULL = newproxy(true)
getmetatable(NULL).__tostring = function() return "null" end
local ARRAY, RAW = { array = true }, { raw = true }

-- ---- JSON ---------------------------------------------------------------------------------------

local ESCAPES = {
  ['"'] = '"', ["\\"] = "\\", ["/"] = "/", b = "\b", f = "\f", n = "\n", r = "\r", t = "\t",
}

local parse_value
local raw_names -- of the running decode

local function skip(text, at)
  return text:find("[^ \t\r\n]", at) or #text + 1
end

local function fail(at)
  error({ at = at - 1 }, 0)
end

local function utf8_bytes(code)
  if code < 0x80 then return string.char(code) end
  if code < 0x800 then return string.char(0xC0 + math.floor(code / 64), 0x80 + code % 64) end
  return string.char(0xE0 + math.floor(code / 4096), 0x80 + math.floor(code / 64) % 64,
    0x80 + code % 64)
end

local function parse_string(text, at)
  local parts, position = {}, at + 1
  while true do
    local stop = text:find('["\\]', position)
    if not stop then fail(#text + 1) end
    parts[#parts + 1] = text:sub(position, stop - 1)
    if text:sub(stop, stop) == '"' then return table.concat(parts), stop + 1 end
    local letter = text:sub(stop + 1, stop + 1)
    if letter == "u" then
      parts[#parts + 1] = utf8_bytes(tonumber(text:sub(stop + 2, stop + 5), 16) or fail(stop))
      position = stop + 6
    else
      parts[#parts + 1] = ESCAPES[letter] or fail(stop)
      position = stop + 2
    end
  end
end

local function parse_items(text, at, close, read)
  at = skip(text, at + 1)
  if text:sub(at, at) == close then return at + 1 end
  while true do
    at = skip(text, read(skip(text, at)))
    local mark = text:sub(at, at)
    if mark == close then return at + 1 end
    if mark ~= "," then fail(at) end
    at = at + 1
  end
end

local function parse_object(text, at, on_member)
  local result = {}
  local stop = parse_items(text, at, "}", function(position)
    if text:sub(position, position) ~= '"' then fail(position) end
    local name, after = parse_string(text, position)
    after = skip(text, after)
    if text:sub(after, after) ~= ":" then fail(after) end
    local first = skip(text, after + 1)
    local value, last = parse_value(text, first)
    if raw_names and raw_names[name] and type(value) == "table" and value ~= NULL
      and getmetatable(value) ~= RAW then
      value = setmetatable({ raw = text:sub(first, last - 1) }, RAW)
    end
    result[name] = value
    if on_member then on_member(name, value, text:sub(first, last - 1)) end
    return last
  end)
  return result, stop
end

local function parse_array(text, at)
  local result = setmetatable({}, ARRAY)
  local stop = parse_items(text, at, "]", function(position)
    local value, last = parse_value(text, position)
    result[#result + 1] = value
    return last
  end)
  return result, stop
end

local WORDS = { ["true"] = true, ["false"] = false, null = NULL }

function parse_value(text, at)
  local first = text:sub(at, at)
  if first == "{" then return parse_object(text, at) end
  if first == "[" then return parse_array(text, at) end
  if first == '"' then return parse_string(text, at) end
  local word = text:match("^%a+", at)
  if word and WORDS[word] ~= nil then return WORDS[word], at + #word end
  local number = text:match("^%-?%d+%.?%d*[eE]?[+-]?%d*", at)
  if not number then fail(at) end
  return tonumber(number), at + #number
end

local function decode(text, raw)
  raw_names = raw
  local ok, value, stop = pcall(parse_value, text, skip(text, 1))
  raw_names = nil
  if ok and skip(text, stop) <= #text then ok, value = false, { at = stop } end
  if ok then return value end
  if type(value) ~= "table" then error(value, 0) end
  return nil, { kind = "bad_request", message = "not JSON at byte " .. value.at }
end

local function quote(text)
  return '"' .. text:gsub('[%c"\\]', function(c)
    if c == '"' or c == "\\" then return "\\" .. c end
    if c == "\n" then return "\\n" end
    return string.format("\\u%04x", c:byte())
  end) .. '"'
end

local encode

local function encode_table(value)
  local parts = {}
  if getmetatable(value) == RAW then return value.raw end
  if getmetatable(value) == ARRAY or #value > 0 then
    for i, item in ipairs(value) do parts[i] = encode(item) end
    return "[" .. table.concat(parts, ",") .. "]"
  end
  local names = {}
  for name in pairs(value) do names[#names + 1] = name end
  table.sort(names)
  for i, name in ipairs(names) do parts[i] = quote(name) .. ":" .. encode(value[name]) end
  return "{" .. table.concat(parts, ",") .. "}"
end

function encode(value)
  if value == NULL then return "null" end
  local kind = type(value)
  if kind == "table" then return encode_table(value) end
  if kind == "string" then return quote(value) end
  if kind == "number" then return string.format("%.14g", value) end
  if kind == "boolean" then return tostring(value) end
  error("cannot encode a " .. kind)
end

M.decode, M.encode, M.null = decode, encode, NULL

-- ---- core ---------------------------------------------------------------------------------------

local function read_file(path)
  local file = io.open(path, "rb")
  if not file then return nil end
  local text = file:read("*a")
  file:close()
  return text
end

local function add_files(core, names)
  function core.modules(folder)
    local found = {}
    if lfs.attributes(folder) then
      for name in lfs.dir(folder) do
        if name:match("%.lua$") then found[name:gsub("%.lua$", "")] = true end
      end
    end
    for path in pairs(core.files) do
      local name = path:match("^" .. folder .. "/([%w_%-]+)%.lua$")
      if name then found[name] = true end
    end
    local list = {}
    for name in pairs(found) do
      if name:sub(-5) ~= "_test" then list[#list + 1] = name end
    end
    table.sort(list)
    return list
  end
  function core.source(path)
    local text = core.files[path] or read_file(path)
    local is_user = core.files[path] ~= nil
    if text then return text, "@" .. path, is_user, is_user and read_file(path) ~= nil end
  end
  function core.version_of(path)
    return core.files[path] and "version of " .. core.files[path] or read_file(path) ~= nil
  end
  function core.shipped(path, start)
    local text = read_file(path)
    if not (text and start) then return text end
    local _, stop = ("\n" .. text):find("\n" .. start, 1, true)
    return stop and text:match("^[^\n]*", stop)
  end
  function core.next_turn() core.turns = core.turns + 1 end
  return names
end

-- As core/http/price.c has it, in numbers that specs can follow.
local Price = {}
Price.__index = Price

local function tier_of(prices, input)
  for _, tier in ipairs(prices.tiers or {}) do
    if (input or 0) > tier.above then prices = tier end
  end
  return prices
end

function Price:cost(input, output, cached, cache_write, reasoning)
  local of, sum = tier_of(self.prices, input), 0
  local function add(count, price)
    if count == 0 or price == 0 then return 0 end
    sum = sum and count and price and sum + count * price
    return count or 0
  end
  local parts = add(cached or 0, of.cached or of.input)
    + add(cache_write or 0, of.cache_write or of.input)
  local thought = add(reasoning or 0, of.reasoning or of.output)
  add(input and math.max(0, input - parts), of.input)
  add(output and math.max(0, output - thought), of.output)
  return sum and math.floor(sum * 1000 + 0.5)
end

local function add_values(core)
  core.null, core.decode, core.encode = NULL, decode, encode
  function core.raw(text) return setmetatable({ raw = text }, RAW) end
  function core.is_raw(value) return getmetatable(value) == RAW end
  function core.checked_raw(text)
    local value, err = decode(text)
    if value == nil then return nil, err end
    return core.raw(text:match("^%s*(.-)%s*$"))
  end
  fake_vectors.add(core)
  function core.array(value) return setmetatable(value, ARRAY) end
  function core.now() return core.clock end
  function core.time() return 1700000000 + core.clock end
  function core.uuid() return string.rep("0", 32) end
  function core.text_length(text) return select(2, text:gsub("[^\128-\191]", "")) end
  -- Frames of an event stream are "\1name\2payload\3" here, exceptions "\1!name\2payload\3".
  function core.event_frame(name, payload, is_exception)
    return "\1" .. (is_exception and "!" or "") .. name .. "\2" .. payload .. "\3"
  end
  function core.event_data(text, framing)
    local list, names = {}, {}
    if framing == "aws-eventstream" then
      for name, data in text:gmatch("\1([^\2]*)\2([^\3]*)\3") do
        list[#list + 1], names[#names + 1] = data, name
      end
      return list, names
    end
    local pattern = framing == "ndjson" and "([^\n]+)\n" or "data: ([^\n]*)"
    for data in text:gmatch(pattern) do list[#list + 1] = data end
    return list, names
  end
  function core.redact(text) return (text:gsub("sk%-secret", "***")) end
  function core.fields(names) return names end
  function core.watch(rules) return { rules = rules } end
  function core.usage(places, reasoning_excluded, cache_excluded)
    return {
      places = places, reasoning_excluded = reasoning_excluded, cache_excluded = cache_excluded,
    }
  end
  function core.price(prices) return setmetatable({ prices = prices }, Price) end
  function core.metrics() return "tidegate_generation 1\n" end
  function core.log(level, message) core.logged[#core.logged + 1] = level .. " " .. message end
  function core.sleep(seconds)
    core.clock = core.clock + seconds
    core.slept[#core.slept + 1] = seconds
    return true
  end
  function core.note(level, script, generation, message, fields)
    core.notes[#core.notes + 1] = {
      level = level, script = script, generation = generation, message = message, fields = fields,
    }
  end
  function core.fresh_now() return core.clock end
  function core.context() return core.running end
  function core.uuid4() return "00000000-0000-4000-8000-000000000000" end
  core.rand = function(n) return n or 0.5 end
  core.dict, core.limit, core.metric = print, {}, {}
  fake_values.add(core)
  function core.endpoint(spec)
    if not spec.url:match("^https?://[^/]+") then
      return nil, { kind = "bad_request", message = "not a URL: " .. spec.url }
    end
    return spec
  end
end

-- What went wrong in a script, as C tells it.
local function script_error(problem)
  local err = { kind = "script", traceback = "" }
  if type(problem) == "table" then
    err.cause, err.limit = problem, problem.limit
    problem = problem.message
  end
  if problem == nil then problem = "the error object is a nil value" end
  err.message = tostring(problem)
  local file, line, reason = err.message:match("^([^\n]-):(%d+): (.*)$")
  err.file, err.line, err.reason = file, tonumber(line), reason or err.message
  return err
end

local function finish_run(ok, first, ...)
  if ok then return true, first, ... end
  return false, script_error(first)
end

-- Nothing waits here, so calling is all that there is to it.
local function add_scripts(core)
  function core.run(fn, ...) return finish_run(pcall(fn, ...)) end
  function core.all(list)
    local results = {}
    for i, fn in ipairs(list) do
      local err
      results[i], err = fn()
      if results[i] == nil then return nil, err end
    end
    return unpack(results, 1, #list)
  end
  function core.run_now(fn, ...)
    local sleep = core.sleep
    core.sleep = function()
      error("cannot wait here: the gateway needs the result of this function at once", 2)
    end
    local function restore(...)
      core.sleep = sleep
      return finish_run(...)
    end
    return restore(pcall(fn, ...))
  end
  core.run_shipped = core.run_now
  function core.report_bad_script(path) core.bad_scripts[#core.bad_scripts + 1] = path end
  function core.background(fn, ...)
    local arguments = { n = select("#", ...), ... }
    core.in_background[#core.in_background + 1] = function()
      fn(unpack(arguments, 1, arguments.n))
    end
    return true
  end
end

-- Alarms go off only when a spec says so: core.ring(). Nothing runs at the same time here, so
-- there is no core.spawn; see spec/core/lua/ for it.
local function add_tasks(core)
  core.worker, core.alarms, core.loading = 0, {}, false
  core.wait_mark = {}
  function core.check_stack() end
  core.coroutines = {
    resumers = setmetatable({}, { __mode = "k" }), yield = coroutine.yield,
  }
  function core.is_loading() return core.loading end
  function core.alarm(seconds, fn)
    local alarm = { seconds = seconds, fn = fn, cancel = function(alarm) alarm.canceled = true end }
    core.alarms[#core.alarms + 1] = alarm
    return alarm
  end
  --- The alarms that have not gone off, in the order in which they were made.
  function core.pending()
    local list = {}
    for _, alarm in ipairs(core.alarms) do
      if not alarm.canceled and not alarm.rung then list[#list + 1] = alarm end
    end
    return list
  end
  --- Lets the n-th of the pending ones go off.
  function core.ring(n)
    local alarm = core.pending()[n or 1]
    alarm.rung = true
    alarm.fn()
  end
end

-- Answers come from core.answers in order: { status =, headers =, body = "..." or pieces = { ... },
-- events = {...} or lines = {...}, err = {...} }; core.fetched has what was asked for.
local Fetch = {}
Fetch.__index = Fetch

function Fetch.await() return true end
function Fetch:status() return self.answer.status end
function Fetch:headers() return self.answer.headers or {} end
function Fetch:failure() return not self:has_more() and self.answer.err or nil end
function Fetch:close() self.is_closed = true end
function Fetch:is_ended() return not self:has_more() end

function Fetch:has_more()
  return #(self.answer.pieces or self.answer.events or self.answer.lines or {}) > 0
end

function Fetch:take()
  if self.answer.body then return self.answer.body ~= "" and self.answer.body or nil end
  return table.remove(self.answer.pieces, 1)
end

function Fetch:items(form)
  local item = table.remove(self.answer[form], 1)
  return item and { item }
end

local function add_fetch(core)
  core.fetched, core.answers = {}, {}
  function core.url_origin(url)
    local scheme, host, port = url:lower():match("^(https?)://([%w.-]+):?(%d*)")
    if not scheme then return nil, { kind = "bad_request", message = "not a URL" } end
    if port == "" then port = scheme == "https" and 443 or 80 end
    return scheme .. "://" .. host .. ":" .. port
  end
  function core.fetch(url, method, headers, body, connect, head, idle, total, max_body, is_stream,
    is_public)
    core.fetched[#core.fetched + 1] = {
      url = url, method = method, headers = headers, body = body, max_body = max_body,
      timeout = { connect, head, idle, total }, is_stream = is_stream, is_public = is_public,
    }
    local answer = table.remove(core.answers, 1)
    if answer.refused then return nil, answer.refused end
    core.handle = setmetatable({ answer = answer }, Fetch)
    return core.handle
  end
end

-- What it was made of, and the offset of its clock.
local Signer = {}
Signer.__index = Signer
function Signer:offset() return self.seconds end
function Signer:set_offset(seconds) self.seconds = seconds end

local function add_people(core, options)
  function core.signer(spec)
    return setmetatable({ spec = spec, seconds = 0 }, Signer)
  end
  function core.env_secret(name)
    local value = (options.env or {})[name]
    return value and { secret = value }
  end
  function core.env(name) return (options.env or {})[name] end
end

-- What requests know of clients and administrators: of the last install().
local clients, admin_token

-- The generation that C offers: `core.offer` is what it differs in from the options.
local function add_generation(core, options)
  local Generation = {}
  Generation.__index = Generation
  function Generation:number() return self.offer.number or 1 end
  function Generation:config() return self.offer.config or options.config end
  function Generation:settings() return self.offer.settings or "settings" end
  function Generation.files() return core.array({}) end
  function Generation.needs_client() return options.clients ~= nil end
  clients, admin_token = options.clients or {}, options.admin
  core.offer = {}
  function core.generation() return setmetatable({ offer = core.offer }, Generation) end
  function core.last_failure() return options.failure or NULL end
  function core.reload()
    if options.failure then return nil, options.failure end
    return 7
  end
end

local function with_defaults(config)
  config.defaults = config.defaults or {
    retry = { max = 5 },
    timeout = { connect = 3, first_token = 60, head = 300, idle = 60, total = 600 },
  }
  return config
end

--- Installs a fake as require("core") and forgets every module that was loaded with another one.
-- @tparam table|nil options config, env, files (path = text), clients (key = name), admin
function M.install(options)
  options = options or {}
  options.config = with_defaults(options.config or {})
  for name in pairs(package.loaded) do
    if name:match("^tide%.") or name:match("^dialects%.") then package.loaded[name] = nil end
  end
  if not package.path:find("scripts/?.lua", 1, true) then
    package.path = "scripts/?.lua;adapters/?.lua;" .. package.path
  end
  local core = {
    version = "0.1.0", config = options.config, files = options.files or {},
    clock = 100, slept = {}, logged = {}, in_background = {}, bad_scripts = {}, notes = {},
    turns = 0,
  }
  add_files(core)
  add_values(core)
  add_scripts(core)
  add_tasks(core)
  add_fetch(core)
  add_people(core, options)
  add_generation(core, options)
  package.loaded.core = core
  return core
end

-- ---- inner requests -----------------------------------------------------------------------------

local Inner = {}
Inner.__index = Inner

function Inner:wait()
  local answer = self.answer
  if not answer.status then return nil, answer.err end
  return answer.status, answer.headers or {}, answer.body or table.concat(answer.pieces or {})
end

function Inner:head()
  if not self.answer.status then return nil, self.answer.err end
  return self.answer.status, self.answer.headers or {}
end

function Inner:event()
  self.at = (self.at or 0) + 1
  local data = (self.answer.events or {})[self.at]
  if data then return data end
  return nil, self.answer.err
end

function Inner:cancel() self.canceled = true end
function Inner:facts() return self.answer.facts end

--- Lets core.inner() answer, one after the other, with { status, headers, body | events, facts,
-- err }; core.asked are the requests, core.running is what core.context() gives.
function M.answer_inner(core, ...)
  local answers = { ... }
  core.asked = {}
  function core.inner(options)
    core.asked[#core.asked + 1] = options
    local answer = answers[#core.asked]
    if answer.refused then return nil, answer.refused end
    return setmetatable({ answer = answer }, Inner)
  end
end

-- ---- requests -----------------------------------------------------------------------------------

local Request = {}
Request.__index = Request

function Request:method() return self.options.method or "POST" end
function Request:path() return self.options.path or "/v1/chat/completions" end
function Request:query() return self.options.query end
function Request:header(name) return (self.options.headers or {})[name] end
function Request.find_client(_, key) return clients[key] end
function Request:verify_signature()
  local signed = self.options.signed -- the client's name, or what is wrong
  if type(signed) == "table" then return nil, signed end
  return signed
end
function Request.is_admin(_, token) return admin_token == nil or admin_token == token end
function Request:body() return self.options.body or "" end
function Request:holds(text) return self:body():find(text, 1, true) ~= nil end
function Request:is_started() return self.started == true end
function Request:hold_limit() return self.options.hold or 16 * 1024 * 1024 end
function Request:set_stream_type(type, keepalive)
  self.stream_type, self.keepalive = type, keepalive
end
function Request:is_gone() return self.gone == true end
function Request.begin_scripts(_, seconds)
  return seconds
end

function Request:deadline(seconds)
  self.total = seconds
  return seconds
end
function Request:size() return #self:body() end
function Request:release()
  self.released = true
  return not self.gone or nil, { kind = "canceled" }
end
function Request:discard(outcome) self.discarded[#self.discarded + 1] = outcome end
function Request:depth() return self.options.depth or 0 end
function Request:set_context(context) self.context = context end

function Request.id() return "0123" end
function Request.peer() return "127.0.0.1:5000" end
function Request.ip() return "127.0.0.1" end
function Request:size() return #self:body() end

-- Members of the top level alone.
function Request:document()
  local req = self
  return {
    get = function(_, name) return decode(req:body())[name] end,
    set = function(_, name, value)
      local body = decode(req:body())
      body[name] = value
      req.options.body, req.raws = encode(body), nil
      return true
    end,
  }
end

-- Bytes / 4 of the JSON text, and the number of elements where it is an array.
local function estimate(text)
  if not text then return 0, 0 end
  local value = decode(text)
  return #text / 4, type(value) == "table" and #value or 0
end

function Request:prompt(messages, prompt, input, tools, images, most_new, most_old, system)
  local raws = self.raws
  local said = raws[messages]
  local tokens, count = estimate(said)
  if not said then tokens = estimate(raws[prompt]) + estimate(raws[input]) end
  local more, tool_count = estimate(raws[tools])
  local shown = said or (raws[prompt] or "") .. (raws[input] or "")
  local function has(text) return shown:find(text, 1, true) ~= nil end
  local _, pictures = estimate(not said and raws[images] or nil)
  tokens = tokens + estimate(raws[system])
  return math.ceil(tokens + more), tonumber(raws[most_new] or raws[most_old]), count,
    tool_count > 0, has('"image_url"') or pictures > 0, has('"input_audio"')
end

-- What the spec says, or one attempt that went well.
function Request:facts()
  local facts = self.options.facts or { 200, 2, 0.5, "a/m#1=500/3 b/m#1=200/9", 11, 7 }
  return unpack(facts, 1, 11)
end

function Request:set_header(name, value)
  assert(type(value) == "string", "a header's value must be text")
  self.added[#self.added + 1] = { name, value }
end

function Request:added_header(name)
  for _, header in ipairs(self.added) do
    if header[1] == name then return header[2] end
  end
end

-- Containers over 256 bytes come as `true`, as in C.
-- A spec that changes the body empties `raws`, too.
function Request:needs_scan()
  return next(self.raws or {}) == nil
end

function Request:scan(fields)
  local values, raw = {}, {}
  local text = self:body()
  local ok, problem = pcall(function()
    local at = skip(text, 1)
    if text:sub(at, at) ~= "{" then fail(at) end
    local _, stop = parse_object(text, at, function(name, value, source)
      if type(value) == "table" and value ~= NULL and #source > 256 then value = true end
      values[name], raw[name] = value, source
    end)
    if skip(text, stop) <= #text then fail(stop) end
  end)
  if not ok then
    if type(problem) ~= "table" then error(problem, 0) end
    local message = "the body is not valid JSON: at byte " .. problem.at
    return false, { kind = "bad_request", message = message }
  end
  local list = {}
  self.raws = {}
  for i, name in ipairs(fields) do list[i], self.raws[i] = values[name], raw[name] end
  return true, unpack(list, 1, #fields)
end

function Request:count(i)
  local list = self.raws[i] and decode(self.raws[i])
  if getmetatable(list) ~= ARRAY then return nil end
  local most = self.options.inputs or 2048
  if type(list[1]) == "number" then return 1, most, true end
  return math.min(#list, most + 1), most, type(list[1]) == "table"
end

function Request:raw(i, longest)
  local text = self.raws[i]
  return text and longest and text:sub(1, longest) or text
end

local function collect(options)
  local sent = { chunks = {} }
  local out = {
    head = function(_, status, headers) sent.status, sent.headers = status, headers or {} end,
    write = function(_, bytes)
      sent.chunks[#sent.chunks + 1] = bytes
      return true
    end,
    cut = function() sent.cut = true end,
  }
  options.serve(out)
  sent.body = table.concat(sent.chunks)
  return sent
end

-- What C would make of an answer made in Lua.
local function serve(self, options)
  local sent = collect(options)
  self.sent = sent
  local summary = { status = sent.status, headers = sent.headers, body = sent.body }
  if sent.status < 300 and sent.body ~= "" and not sent.body:find('"error"', 1, true) then
    summary.committed, summary.complete = true, not sent.cut
  end
  return summary
end

function Request:attempt(options, extra)
  self.attempts[#self.attempts + 1] = options
  self.extras[#self.attempts] = extra
  if options.serve then return serve(self, options) end
  local answer = self.answers[#self.attempts] or self.answers[#self.answers]
  if type(answer) == "function" then answer = answer(options, self) end
  return answer
end

function Request:reply(status, body, headers)
  assert(not self.replied, "replied twice")
  self.replied = { status = status, body = body, headers = headers or {} }
end

function Request:fail_stream(text) self.stream_end = text end

function Request:record_values(...)
  local facts = {}
  local names = { "outcome", "client", "model", "metric_model", "target", "kind", "message",
    "is_answer" }
  for i, name in ipairs(names) do facts[name] = (select(i, ...)) end
  self:record(facts)
end

function Request:record(facts)
  assert(not self.recorded, "recorded twice")
  self.recorded = facts
end

--- The reply's decoded body.
function Request:json() return decode(self.replied.body) end

--- A request.
-- @tparam table options method, path, query, headers, body
-- @param ... summaries of its attempts in order, the last one for all further ones; a function
--   gets the options of the attempt and returns one
function M.request(options, ...)
  return setmetatable({
    options = options or {}, answers = { ... }, attempts = {}, extras = {}, added = {},
    discarded = {},
  }, Request)
end

--- A summary of a committed answer.
function M.ok()
  return { committed = true, complete = true }
end

local function count_at(value, path)
  for step in path:gmatch("[^.]+") do
    if type(value) ~= "table" then return nil end
    value = value[step]
  end
  return type(value) == "number" and value or nil
end

local function more_input(compiled, counts)
  local more = counts.input_more or 0
  if not compiled.cache_excluded then return more end
  return more + (counts.cached or 0) + (counts.cache_write or 0)
end

-- What is charged stands for what was read or written, where that is not told.
local function with_billed(counts)
  counts.input = counts.input or counts.billed_input
  counts.output = counts.output or counts.billed_output
  return counts
end

--- What C would count in a usage object by a compiled usage.
-- @treturn table { input =, output =, cached =, cache_write =, reasoning = }
function M.count(compiled, text)
  local counts, value = {}, decode(text)
  for kind, places in pairs(compiled.places) do
    for _, path in ipairs(places) do counts[kind] = counts[kind] or count_at(value, path) end
  end
  if counts.input then counts.input = counts.input + more_input(compiled, counts) end
  counts.input_more = nil
  local total = counts.total
  counts.total = nil
  if total and counts.input and total >= counts.input then
    counts.output = total - counts.input
    return counts
  end
  if compiled.reasoning_excluded and counts.reasoning then
    counts.output = (counts.output or 0) + counts.reasoning
  end
  return with_billed(counts)
end

local function taken(list, ...)
  if type(list) ~= "table" then return list, ... end
  local text = table.concat(list)
  for i = #list, 1, -1 do list[i] = nil end
  return text, ...
end

--- What a codec makes of an event, or of the end of a stream: as C asks it.
-- @treturn string|false the client's bytes; then as the codec returns it
function M.event(codec, data, name)
  local value
  if codec.decode then value = decode(data, codec.decode) end
  if value == nil then value = data end
  return taken(codec.event(value, name))
end

function M.finish(codec)
  return taken(codec.finish())
end

--- A summary of an answer that is held.
function M.held(body, usage)
  return {
    held = true, committed = false, status = 200, headers = {}, body = body, usage = usage or {},
  }
end

--- A summary of an answer with an error status.
function M.status(status, body, headers)
  headers = headers or {}
  headers["content-type"] = headers["content-type"] or "application/json"
  return { committed = false, status = status, headers = headers, body = body or "", heard = true }
end

--- A summary of a try without an answer.
function M.failure(kind, more)
  local summary = { committed = false, kind = kind, message = kind .. " failed" }
  for name, value in pairs(more or {}) do summary[name] = value end
  return summary
end

return M
