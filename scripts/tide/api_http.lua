-- tide.http: requests of scripts to servers that the configuration grants.
local core = require("core")
local schema = require("tide.schema")
local suggest = require("tide.suggest")

local DEFAULT_MAX_BODY = 16 * 1024 * 1024
local USUAL = (core.config.defaults or {}).timeout or {}

-- The connection's own business: a script that set them could change what the bytes mean.
local RESERVED = {
  ["host"] = true, ["content-length"] = true, ["transfer-encoding"] = true, ["connection"] = true,
  ["keep-alive"] = true, ["te"] = true, ["trailer"] = true, ["upgrade"] = true, ["expect"] = true,
  ["accept-encoding"] = true, ["proxy-authorization"] = true, ["proxy-connection"] = true,
}

local METHODS = {
  GET = true, POST = true, PUT = true, PATCH = true, DELETE = true, HEAD = true,
}

local OPTIONS = {
  fields = {
    url = "string", method = "string", headers = { map = "any" }, body = "string",
    timeout = {
      either = "number",
      fields = { connect = "number", head = "number", idle = "number", total = "number" },
    },
    max_body = "number", stream = "boolean",
  },
}

-- ---- the answer -----------------------------------------------------------------------------

local Response = {}
Response.__index = Response

-- Kept out of the answer's table: a script could do harm with them.
local handles = setmetatable({}, { __mode = "k" })

local function check(res, name)
  local handle = handles[res]
  if not handle then error("call it as res:" .. name .. "() on an answer of tide.http", 3) end
  return handle
end

local function failed(res, err)
  res.err = err
  return nil, err
end

-- The next piece of the body; nil at its end, nil and an error when it broke off.
local function next_piece(res, handle)
  local ok, err = handle:await("bytes")
  if not ok then return failed(res, err) end
  local piece = handle:take(65536)
  if piece then return piece end
  err = handle:failure()
  if err then return failed(res, err) end
end

local function read_rest(res, handle, max_body)
  local pieces, size = {}, 0
  while true do
    local piece, err = next_piece(res, handle)
    if err then return nil, err end
    if not piece then return table.concat(pieces) end
    size = size + #piece
    if size > max_body then
      handle:close()
      return failed(res, {
        kind = "too_large", message = "the answer is larger than " .. max_body .. " bytes",
      })
    end
    pieces[#pieces + 1] = piece
  end
end

--- (y) The whole body as text. Of a stream: what has not been taken yet.
-- @treturn string|nil text
-- @treturn nil|table err
function Response:text()
  local handle = check(self, "text")
  if self.body then return self.body end
  local text, err = read_rest(self, handle, DEFAULT_MAX_BODY)
  self.body = text
  return text, err
end

--- (y) The body, decoded.
function Response:json()
  check(self, "json")
  local text, err = self:text()
  if not text then return nil, err end
  local value
  value, err = core.decode(text)
  if value == nil then
    return nil, { kind = "protocol", message = "the answer is not JSON: " .. err.message }
  end
  return value
end

--- Ends a stream whose rest nobody needs. Its connection is closed.
function Response:close()
  check(self, "close"):close()
end

local function check_stream(res, name)
  local handle = check(res, name)
  if res.body then
    error("res:" .. name .. "() needs an answer asked for with stream = true", 3)
  end
  return handle
end

--- (y) For loops over the pieces of the body as they come. After the loop res.err is nil, or says
-- why there was no more.
function Response:chunks()
  local handle = check_stream(self, "chunks")
  return function() return (next_piece(self, handle)) end
end

-- Batches of events or lines: after each, other tasks have their turn.
local function items(res, handle, form)
  local list, i = nil, 0
  return function()
    i = i + 1
    while not (list and list[i]) do
      local ok, err = handle:await("bytes")
      if not ok then return (failed(res, err)) end
      list, i = handle:items(form), 1
      if not list then
        err = handle:failure()
        if err then return (failed(res, err)) end
        if handle:is_ended() then return nil end
      end
    end
    return list[i]
  end
end

--- (y) For loops over server-sent events: { event = "message", data = "..." }.
function Response:sse()
  return items(self, check_stream(self, "sse"), "events")
end

--- (y) For loops over lines of JSON, decoded.
function Response:ndjson()
  local handle = check_stream(self, "ndjson")
  local next_line = items(self, handle, "lines")
  return function()
    local line = next_line()
    if not line then return nil end
    local value, err = core.decode(line)
    if value == nil then
      handle:close()
      return (failed(self, { kind = "protocol", message = "a line is not JSON: " .. err.message }))
    end
    return value
  end
end

-- ---- the request ----------------------------------------------------------------------------

local function header_problem(name, value)
  if type(name) ~= "string" or not name:find("^[%w!#$%%&'*+%-.^_`|~]+$") then
    return "'" .. tostring(name) .. "' cannot be the name of a header"
  end
  if RESERVED[name:lower()] then return "the header '" .. name .. "' is set by the gateway" end
  local kind = type(value)
  if kind ~= "string" and kind ~= "number" and kind ~= "userdata" then
    return "the header '" .. name .. "' needs text or a secret, not a " .. kind
  end
  if kind == "string" and value:find("[%z\1-\8\10-\31\127]") then
    return "the header '" .. name .. "' has a control character in its value"
  end
end

local function method_of(options)
  return options.method or (options.body and "POST" or "GET")
end

-- What is wrong with the script's options, or nil.
local function problem_of(options)
  if type(options) ~= "table" then return "needs a table of options" end
  local found = schema.check(options, OPTIONS)
  if found then return found.message end
  if not options.url then return "needs a `url`" end
  local method = method_of(options)
  if not METHODS[method] then
    return "no such method: " .. method .. suggest.hint(method, suggest.names(METHODS))
  end
  local max_body = options.max_body or 1
  if max_body < 1 or max_body ~= max_body then return "max_body must be positive" end
  for name, value in pairs(options.headers or {}) do
    local problem = header_problem(name, value)
    if problem then return problem end
  end
end

-- Sorted: the same request is the same bytes.
local function header_list(headers)
  local names, list = {}, { "accept-encoding", "identity" }
  local has_agent = false
  for name in pairs(headers or {}) do
    names[#names + 1] = name
    has_agent = has_agent or name:lower() == "user-agent"
  end
  table.sort(names)
  for _, name in ipairs(names) do
    list[#list + 1] = name
    list[#list + 1] = headers[name]
  end
  if not has_agent then
    list[#list + 1] = "user-agent"
    list[#list + 1] = "tidegate/" .. core.version
  end
  return list
end

local function check_granted(granted, url)
  local origin, err = core.url_origin(url)
  if not origin then return nil, err end
  if granted["*"] or granted[origin] then return true end
  local shown = origin:gsub("^(https:.*):443$", "%1"):gsub("^(http:.*):80$", "%1")
  local message = "tide.http: " .. shown .. " is not granted (scripts.http)"
  return nil, { kind = "no_target", message = message }
end

-- Seconds for connect, head, idle and total.
local function timeouts(own)
  if type(own) == "number" then own = { total = own } end
  local result = {}
  for name, seconds in pairs({ connect = 3, head = 300, idle = 60, total = 600 }) do
    result[name] = own and own[name] or USUAL[name] or seconds
  end
  return result
end

local function start(granted, options)
  local ok, err = check_granted(granted, options.url)
  if not ok then return nil, err end
  local max_body = options.max_body or (options.stream and 0 or DEFAULT_MAX_BODY)
  local time = timeouts(options.timeout)
  return core.fetch(options.url, method_of(options), header_list(options.headers), options.body,
    time.connect, time.head, time.idle, time.total, max_body, options.stream)
end

local function request(granted, options)
  local handle, err = start(granted, options)
  if not handle then return nil, err end
  local ok
  ok, err = handle:await(options.stream and "head" or "end")
  err = not ok and err or handle:failure()
  if err then
    handle:close()
    return nil, err
  end
  local res = setmetatable({ status = handle:status(), headers = handle:headers() }, Response)
  handles[res] = handle
  if not options.stream then res.body = handle:take() or "" end
  return res
end

local function grants(list)
  local granted = {}
  for _, url in ipairs(list or {}) do
    granted[url == "*" and url or core.url_origin(url) or url] = true
  end
  return granted
end

return function(tide)
  local granted = grants((core.config.scripts or {}).http)
  tide.http = {
    request = function(options)
      local problem = problem_of(options)
      if problem then error("tide.http.request: " .. problem, 2) end
      return request(granted, options)
    end,
  }
end
