-- Embeddings as Ollama has them, in both directions: /api/embed, and /api/embeddings, which is
-- older and takes one text.
local canonical = require("tide.canonical")
local core = require("core")
local shape = require("dialects.ollama.shape")
local vectors = require("tide.vectors")

local M = {}

local given, table_of, number_of = canonical.given, canonical.table_of, canonical.number_of

local function wrong(message, param)
  return nil, { message = message, param = param or "input" }
end

-- ---- a client's request -------------------------------------------------------------------------

local function inputs_of(input)
  if type(input) == "string" then return { { type = "text", text = input } }, true end
  local is_list = core.is_raw(input) and input.raw:find("^%[") ~= nil
  local items, inputs = is_list and core.items(input), {}
  if not items then return wrong("input must be a text or a list of texts") end
  for i, item in ipairs(items) do
    if type(item) ~= "string" then return wrong("input[" .. i - 1 .. "] must be a text") end
    inputs[i] = { type = "text", text = item }
  end
  return inputs, false
end

local KNOWN = { model = true, input = true, prompt = true, truncate = true, dimensions = true }

-- Settings of how a model runs, one by one: null and {} are what some clients write for nothing.
local function others(body)
  local ext = {}
  for name, value in pairs(body) do
    if name == "options" then
      for option, setting in pairs(table_of(given(value))) do
        if setting ~= core.null then ext["options." .. tostring(option)] = setting end
      end
    elseif not KNOWN[name] and value ~= core.null and value ~= "" then
      ext[name] = value
    end
  end
  return next(ext) and ext or nil
end

-- Nothing to embed only has the model loaded.
local function nothing(call)
  local list = core.array({})
  if call.endpoint == "embeddings" then return nil, { reply = { embedding = list } } end
  return nil, { reply = { model = call.asked, embeddings = list } }
end

-- What stands for `input` at either path; nil and a problem.
local function given_input(body, call)
  if call.endpoint ~= "embeddings" then return given(body.input) end
  local prompt = given(body.prompt)
  if prompt == nil or type(prompt) == "string" then return prompt end
  return wrong("prompt must be a text", "prompt")
end

local TRUNCATE = { [true] = "end", [false] = "none" }

--- A client's body as the canonical request.
function M.decode_request(body, call)
  local problem = shape.of_embeddings(body)
  if problem then return nil, problem end
  local input
  input, problem = given_input(body, call)
  if problem then return nil, problem end
  if input == nil or input == "" then return nothing(call) end
  local inputs, single = inputs_of(input)
  if not inputs then return nil, single end
  if #inputs == 0 then return nothing(call) end
  local truncate, dimensions = given(body.truncate), number_of(body.dimensions)
  return {
    inputs = inputs, single = single, truncate = TRUNCATE[truncate], ext = others(body),
    dimensions = dimensions ~= 0 and dimensions or nil,
  }
end

-- ---- a provider's request -----------------------------------------------------------------------

local function options_of(rq, call)
  local options = canonical.copy((call.traits or {}).options or {})
  for name, value in pairs(call.client_dialect == "ollama" and rq.ext or {}) do
    local inner = name:match("^options%.(.+)$")
    if inner then options[inner] = value end
  end
  return next(options) ~= nil and options or nil
end

-- Whether a text may be cut: what else others say of it is where.
local function truncate_of(rq, call)
  if rq.truncate == "start" then call.warn("truncate") end
  if rq.truncate then return rq.truncate ~= "none" end
end

local function warn_rest(rq, call)
  if rq.task then call.warn("input_type") end
  if rq.user then call.warn("user") end
  for _, input in ipairs(rq.inputs) do
    if input.title then call.warn("title") end
  end
end

--- The body for a provider.
function M.encode_request(rq, call)
  local list = core.array({})
  for i, input in ipairs(rq.inputs) do
    local text = vectors.text_of(input)
    if not text then return vectors.refuse(input, call, "texts") end
    list[i] = text
  end
  local problem = vectors.wrong_kind(rq, call)
  if problem then return nil, problem end
  warn_rest(rq, call)
  return {
    model = call.model, input = rq.single and #list == 1 and list[1] or list,
    truncate = truncate_of(rq, call), dimensions = rq.dimensions, options = options_of(rq, call),
  }
end

-- ---- answers ------------------------------------------------------------------------------------

--- A provider's answer.
function M.decode_answer(body)
  local list = {}
  local items = vectors.items(given(body.embeddings) or {})
  if #items == 0 and given(body.embedding) ~= nil then items = { body.embedding } end
  for i, item in ipairs(items) do list[i] = vectors.read(item) end
  if #list == 0 or #list ~= #items then
    return nil, { kind = "protocol", message = "the answer has no embeddings" }
  end
  local input = number_of(body.prompt_eval_count)
  return {
    model = canonical.text_of(body.model), vectors = list,
    usage = input and { input = input, total = input } or nil,
  }
end

--- A client's answer.
function M.encode_answer(answer, call)
  local list = core.array({})
  for i, vector in ipairs(answer.vectors) do list[i] = vectors.floats(vector) end
  if call.endpoint == "embeddings" then return { embedding = list[1] } end
  return {
    model = answer.model or call.model, embeddings = list,
    total_duration = math.floor((call.elapsed and call.elapsed() or 0) * 1e9), load_duration = 0,
    prompt_eval_count = answer.usage and answer.usage.input,
  }
end

return M
