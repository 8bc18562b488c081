-- Embeddings as OpenAI has them, in both directions.
local core = require("core")
local canonical = require("tide.canonical")
local vectors = require("tide.vectors")

local M = {}

local null = core.null
local given = canonical.given

local KNOWN = {
  model = true, input = true, encoding_format = true, dimensions = true, user = true,
}

local FORMATS = { float = true, base64 = true }

-- As several providers call what a vector is for, in OpenAI's protocol too.
local TASKS = {
  query = "query", document = "document", search_query = "query", search_document = "document",
  classification = "classification", clustering = "clustering",
}

-- ---- a client's request -------------------------------------------------------------------------

local function wrong(message, param)
  return nil, { message = message, param = param or "input" }
end

local TOKENS = "^%[%s*%d[%d%s,]*%]$"

local function tokens_of(raw)
  if raw:find(TOKENS) and core.items(raw) then
    return { type = "tokens", tokens = core.is_raw(raw) and raw or core.raw(raw) }
  end
end

-- What one item of a list is; nil for what cannot be embedded.
local function item_of(item)
  if type(item) == "string" then return item ~= "" and { type = "text", text = item } or nil end
  if core.is_raw(item) then return tokens_of(item.raw) end
end

local function list_of(items)
  local inputs = {}
  for i, item in ipairs(items) do
    local input = item_of(item)
    if not input then
      return wrong("input[" .. i - 1 .. "] is neither a text nor a list of tokens, or it is empty")
    end
    if inputs[1] and inputs[1].type ~= input.type then
      return wrong("input[" .. i - 1 .. "]: texts and lists of tokens cannot be in one request")
    end
    inputs[i] = input
  end
  return inputs
end

-- The inputs, and whether it is one that stands alone.
local function inputs_of(input)
  if type(input) == "string" then
    if input == "" then return wrong("input must not be an empty text") end
    return { { type = "text", text = input } }, true
  end
  if not core.is_raw(input) then return wrong("input must be a text or a list") end
  local first = input.raw:match("^%[%s*(.)")
  if first == "]" then return wrong("input must not be an empty list") end
  if first and first:find("%d") then
    local tokens = tokens_of(input.raw)
    if not tokens then return wrong("input mixes tokens with something else") end
    return { tokens }, true
  end
  local items = core.items(input)
  if not items then return wrong("input must be a text or a list") end
  return list_of(items)
end

local function format_problem(body)
  local format = given(body.encoding_format)
  if format ~= nil and not FORMATS[format] then
    return "encoding_format must be \"float\" or \"base64\"", "encoding_format"
  end
  local dimensions = given(body.dimensions)
  local is_count = type(dimensions) == "number" and dimensions >= 1 and dimensions % 1 == 0
  if dimensions ~= nil and not is_count then
    return "dimensions must be a whole number from 1 on", "dimensions"
  end
end

--- A client's body as the canonical request.
function M.decode_request(body)
  local problem, param = format_problem(body)
  if problem then return wrong(problem, param) end
  local inputs, single = inputs_of(body.input)
  if not inputs then return nil, single end
  local ext = canonical.ext_of(body, KNOWN)
  local task = ext and TASKS[ext.input_type]
  local rq = {
    inputs = inputs, single = single or false, dimensions = given(body.dimensions),
    format = given(body.encoding_format), user = canonical.text_of(body.user), task = task,
    ext = ext,
  }
  if task then rq.task_word, ext.input_type = ext.input_type, nil end
  return rq
end

-- ---- a provider's request -----------------------------------------------------------------------

local function write_inputs(rq, call)
  local list, takes_tokens = {}, call.traits.embed_tokens ~= false
  for i, input in ipairs(rq.inputs) do
    local text = vectors.text_of(input)
    if not text and input.type == "tokens" and takes_tokens then text = input.tokens end
    if not text then return vectors.refuse(input, call, "texts") end
    if input.title then call.warn("title") end
    list[i] = text
  end
  if rq.single and #list == 1 then return list[1] end
  return core.array(list)
end

local function add_task(body, rq, call)
  local words = call.traits.embed_tasks
  local word = rq.task_word -- of a client who knows such a provider
  if words then word = words[rq.task] end
  body.input_type = word
  if rq.task and not word then call.warn("input_type") end
end

local function add_truncate(body, rq, call)
  local name = call.traits.embed_truncate
  if not rq.truncate then return end
  if not name then return call.warn("truncate") end
  body[name] = rq.truncate ~= "none"
end

--- The body for a provider.
function M.encode_request(rq, call)
  local input, problem = write_inputs(rq, call)
  problem = problem or vectors.wrong_kind(rq, call)
  if problem then return nil, problem end
  local body = {
    model = call.model, input = input, dimensions = rq.dimensions, user = rq.user,
    encoding_format = rq.format == "base64" and call.traits.embed_base64 ~= false and "base64"
      or nil,
  }
  add_task(body, rq, call)
  add_truncate(body, rq, call)
  return body
end

-- ---- answers ------------------------------------------------------------------------------------

--- A provider's answer. Vectors stand where their `index` says.
function M.decode_answer(body)
  local data, list = body.data, {}
  if type(data) ~= "table" then
    return nil, { kind = "protocol", message = "the answer has no data" }
  end
  for i, item in ipairs(data) do
    item = canonical.table_of(item)
    local index = canonical.number_of(item.index)
    local vector = vectors.read(item.embedding)
    if not vector then
      return nil, { kind = "protocol", message = "an item of the answer has no embedding" }
    end
    list[index and index + 1 or i] = vector
  end
  for i = 1, #data do
    if not list[i] then
      return nil, { kind = "protocol", message = "the answer has an index twice" }
    end
  end
  local usage = canonical.table_of(body.usage)
  local total = canonical.number_of(usage.total_tokens)
  return {
    id = canonical.text_of(body.id), model = canonical.text_of(body.model), vectors = list,
    usage = { input = canonical.number_of(usage.prompt_tokens) or total, total = total },
  }
end

--- A client's answer.
function M.encode_answer(answer, call)
  local data = {}
  local write = call.rq.format == "base64" and vectors.base64 or vectors.floats
  for i, vector in ipairs(answer.vectors) do
    data[i] = { object = "embedding", index = i - 1, embedding = write(vector) }
  end
  local input = answer.usage and answer.usage.input
  return {
    object = "list", data = core.array(data), model = answer.model or call.model,
    usage = { prompt_tokens = input or null, total_tokens = input or null },
  }
end

return M
