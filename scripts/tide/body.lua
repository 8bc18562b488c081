-- What the gateway itself checks of a request's body; the rest is the provider's business.
local core = require("core")
local body_form = require("tide.body_form")
local endpoints = require("tide.endpoints")
local errors = require("tide.errors")

local M = {}

local STREAM_OPTIONS, CHOICES, MESSAGES = 3, 4, 5 -- positions, for req:raw()
local MOST_CHOICES = 128
local BRACE, BRACKET, QUOTE = ("{"):byte(), ("["):byte(), ('"'):byte()
local MAY_BE_TEXT = { input = true } -- a conversation of one message, in short

local function is_given(value)
  return value ~= nil and value ~= core.null
end

local function check_model(model)
  if type(model) == "string" and model ~= "" then return nil end
  local message = model == nil and "you must provide a model parameter"
    or "model must be a string that is not empty"
  return errors.bad_request(message, "model")
end

local function check_stream(req, form, stream, options)
  if form.stream and is_given(stream) and type(stream) ~= "boolean" then
    return errors.bad_request(form.stream .. " must be true or false", form.stream)
  end
  if form.has_options and is_given(options) and req:raw(STREAM_OPTIONS):byte() ~= BRACE then
    return errors.bad_request("stream_options must be an object", "stream_options")
  end
end

local function check_choices(form, n)
  if not is_given(n) then return nil end
  if type(n) ~= "number" or n < 1 or n > MOST_CHOICES or n % 1 ~= 0 then
    local name = form.choices
    return errors.bad_request(name .. " must be a whole number from 1 to " .. MOST_CHOICES, name)
  end
end

-- The second argument of raw() is how many bytes are wanted: a long prompt is not copied for one.
local function check_messages(req, form)
  local name = form.names[MESSAGES]
  local text = req:raw(MESSAGES, 1)
  if not text then return errors.bad_request(name .. " is required", name) end
  local first = text:byte()
  if first == BRACKET or first == QUOTE and MAY_BE_TEXT[name] then return nil end
  return errors.bad_request(name .. " must be an array", name)
end

local function check_needs(req, form)
  for _, name in ipairs(form.needs) do
    local position, problem = form.positions[name], nil
    if position == MESSAGES then
      problem = check_messages(req, form)
    elseif not req:raw(position, 1) then
      problem = errors.bad_request(name .. " is required", name)
    end
    if problem then return problem end
  end
end

-- One choice is what everybody assumes: nothing to tell.
local function more_than_one(n)
  if type(n) == "number" and n > 1 then return n end
end

-- How many inputs there are, of all members that hold some, and what few of them are.
local function look_at_inputs(call, req, form)
  local total, most
  for _, position in ipairs(form.inputs) do
    local n, limit, has_tokens = req:count(position)
    if n then total, most = (total or 0) + n, limit end
    call.has_tokens = call.has_tokens or has_tokens
  end
  call.inputs = total
  call.wants_base64 = form.format ~= nil and req:raw(form.format, 9) == '"base64"'
  if not total or total <= most then return nil end
  local name = form.names[form.inputs[1]]
  return errors.bad_request(name .. " has more than " .. most .. " items, the most of one "
    .. "request here (limits.inputs of the gateway): ask in several requests", name,
    "too_many_inputs")
end

-- Inside an object, like "generationConfig.candidateCount"; the object may hold a long schema.
local function nested_choices(req, form)
  local name = form.choices:match("%.(.+)$")
  if not name then return nil end
  for _, position in ipairs({ CHOICES, form.other_choices }) do
    local text = req:raw(position)
    if text and text:find(name:sub(-4), 1, true) then -- of either spelling
      local config = core.decode(text)
      local snake = name:gsub("%u", function(letter) return "_" .. letter:lower() end)
      if type(config) ~= "table" then return nil end
      return is_given(config[name]) and config[name] or config[snake]
    end
  end
end

local function choices_of(req, form, n)
  if not form.choices then return nil end
  if form.choices:find(".", 1, true) then return nested_choices(req, form) end
  return n
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

-- The member that makes this request one that only the provider of an earlier one can answer.
local function of_provider(req, form)
  for _, name in ipairs(form.of_provider) do
    local text = req:raw(form.positions[name], 6)
    if text and text ~= "null" and text ~= "false" then return name end
  end
end

local function problem_of(req, form, op, model, stream, options, n)
  return check_model(model)
    or op.streams and (check_stream(req, form, stream, options) or check_choices(form, n))
    or check_needs(req, form)
    or nil
end

-- A request that says nothing is answered at once, whatever it says of streams.
local function says_nothing(req, form)
  for _, position in ipairs(form.streams_with) do
    local text = req:raw(position, 8)
    if text and text ~= "null" and text ~= '""' and not text:find("^%[%s*%]") then return false end
  end
  return true
end

local function is_stream(req, form, op, stream)
  if form.streams_with and says_nothing(req, form) then return false end
  if form.stream and form.streams_by_default and not is_given(stream) then return true end
  if form.stream then return stream == true end
  return op.stream == true
end

-- All fields at once: a table that grows costs more.
local function new_call(req, op, dialect, form, is_streaming, model, n, options)
  options = is_streaming and form.has_options and options_table(req, options) or nil
  local as_array = is_streaming and not form.stream and endpoints.wants_array(req) or nil
  if as_array then
    req:set_stream_type("application/json", "newline")
  elseif is_streaming and dialect.framing ~= "sse" then
    req:set_stream_type(dialect.content_type, "none")
  end
  return {
    req = req,
    op = op,
    dialect = dialect,
    form = form,
    model = model,
    stream = is_streaming,
    choices = more_than_one(n),
    stream_options = options,
    asks_usage = not form.has_options or wants_usage(options),
    of_provider = of_provider(req, form),
    as_array = as_array,
  }
end

--- Reads a body for an operation. With an error comes the model's name, when there was one.
-- @param req the request
-- @tparam table op of endpoints.lua
-- @tparam table dialect the client's
-- @tparam boolean for_scripts what scripts may ask is found in the same pass
-- @treturn table|nil call: what the rest of the request's way works on. { req, op, dialect, form =
--   of body_form, model, stream, choices = their number when more than one, stream_options,
--   asks_usage = the client is told the usage of its stream, of_provider = member that only the
--   provider of an earlier request understands, as_array = the stream is one JSON array, inputs =
--   how many, where they are counted, has_tokens, wants_base64 = of them }
-- @treturn nil|table an error of errors.lua
function M.read(req, op, dialect, for_scripts)
  local form = body_form.of(dialect, op)
  local ok, model, stream, options, n = req:scan(for_scripts and form.all_fields or form.fields)
  if not ok then return nil, errors.bad_body(model) end
  if not form.model then model = endpoints.model_in(req:path()) end
  if model == nil then model = op.default_model end
  n = choices_of(req, form, n)
  local problem = problem_of(req, form, op, model, stream, options, n)
  if problem then return nil, problem, type(model) == "string" and model or nil end
  local is_streaming = is_stream(req, form, op, stream)
  local call = new_call(req, op, dialect, form, is_streaming, model, n, options)
  if form.inputs then
    problem = look_at_inputs(call, req, form)
    if problem then return nil, problem, model end
  end
  return call
end

local OF_CALL = {
  "model", "stream", "choices", "stream_options", "asks_usage", "of_provider", "inputs",
  "has_tokens", "wants_base64",
}

--- Brings a call up to date after a script has changed the body.
-- @treturn boolean|nil true
-- @treturn nil|table an error of errors.lua: it is no request any more
function M.reread(call)
  local fresh, err = M.read(call.req, call.op, call.dialect, true)
  if not fresh then return nil, err end
  if call.said == fresh.model then fresh.model = call.model end
  for _, name in ipairs(OF_CALL) do call[name] = fresh[name] end
  call.usage_text, call.canonical = nil, nil
  return true
end

return M
