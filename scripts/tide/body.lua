-- What the gateway itself checks of a request's body; the rest is the provider's business.
local core = require("core")
local errors = require("tide.errors")

local M = {}

local NAMES = { "model", "stream", "stream_options", "n", "messages" }
local STREAM_OPTIONS, MESSAGES = 3, 5 -- positions, for req:raw()
-- What scripts may want to know as well: found in the same pass, where there are scripts.
local FOR_SCRIPTS = {
  "prompt", "input", "tools", "functions", "max_completion_tokens", "max_tokens",
  "response_format", "user",
}
local MOST_CHOICES = 128
local BRACE, BRACKET = ("{"):byte(), ("["):byte()

local FIELDS = core.fields(NAMES)

local function with_more()
  local names, positions = {}, {}
  for _, list in ipairs({ NAMES, FOR_SCRIPTS }) do
    for _, name in ipairs(list) do
      names[#names + 1] = name
      positions[name] = #names
    end
  end
  return core.fields(names), positions
end

--- Where req:raw() and req:prompt() find what: after M.read(req, op, M.for_scripts).
M.for_scripts, M.positions = with_more()

local function is_given(value)
  return value ~= nil and value ~= core.null
end

local function check_model(model)
  if type(model) == "string" and model ~= "" then return nil end
  local message = model == nil and "you must provide a model parameter"
    or "model must be a string that is not empty"
  return errors.bad_request(message, "model")
end

local function check_stream(req, stream, options)
  if is_given(stream) and type(stream) ~= "boolean" then
    return errors.bad_request("stream must be true or false", "stream")
  end
  if is_given(options) and req:raw(STREAM_OPTIONS):byte() ~= BRACE then
    return errors.bad_request("stream_options must be an object", "stream_options")
  end
end

local function check_choices(n)
  if not is_given(n) then return nil end
  if type(n) ~= "number" or n < 1 or n > MOST_CHOICES or n % 1 ~= 0 then
    return errors.bad_request("n must be a whole number from 1 to " .. MOST_CHOICES, "n")
  end
end

-- The second argument of raw() is how many bytes are wanted: a long prompt is not copied for one.
local function check_messages(req, messages)
  if messages == nil then return errors.bad_request("messages is required", "messages") end
  if req:raw(MESSAGES, 1):byte() ~= BRACKET then
    return errors.bad_request("messages must be an array", "messages")
  end
end

local function check(req, op, stream, options, n, messages)
  return op.streams and (check_stream(req, stream, options) or check_choices(n))
    or op.needs_messages and check_messages(req, messages)
    or nil
end

-- One choice is what everybody assumes: nothing to tell.
local function choices_of(n)
  if type(n) == "number" and n > 1 then return n end
end

-- The client wants to be told the usage of a stream; false counts as not asked.
local function wants_usage(options)
  return options ~= nil and options.include_usage == true
end

-- Only a few bytes, so decoding it again where the scan did not is no cost.
local function options_table(req, options)
  if not is_given(options) then return nil end
  if type(options) == "table" then return options end
  return (core.decode(req:raw(STREAM_OPTIONS)))
end

--- Reads a body for an operation. With an error comes the model's name, when there was one.
-- @param req the request
-- @tparam table op of endpoints.lua: name, streams, needs_messages
-- @param fields M.for_scripts, or nil: only what the gateway itself needs
-- @treturn table|nil call: what the rest of the request's way works on
-- @treturn nil|table an error of errors.lua
function M.read(req, op, fields)
  local ok, model, stream, options, n, messages = req:scan(fields or FIELDS)
  if not ok then return nil, errors.bad_body(model) end
  local problem = check_model(model) or check(req, op, stream, options, n, messages)
  if problem then return nil, problem, type(model) == "string" and model or nil end
  local is_stream = stream == true and op.streams == true
  local given = is_stream and options_table(req, options) or nil
  return {
    req = req,
    op = op,
    model = model,
    stream = is_stream,
    choices = op.streams and choices_of(n) or nil,
    stream_options = given,
    asks_usage = wants_usage(given),
  }
end

local OF_CALL = { "model", "stream", "choices", "stream_options", "asks_usage" }

--- Brings a call up to date after a script has changed the body.
-- @treturn boolean|nil true
-- @treturn nil|table an error of errors.lua: it is no request any more
function M.reread(call)
  local fresh, err = M.read(call.req, call.op, M.for_scripts)
  if not fresh then return nil, err end
  for _, name in ipairs(OF_CALL) do call[name] = fresh[name] end
  call.usage_text = nil
  return true
end

return M
