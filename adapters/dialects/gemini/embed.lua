-- Embeddings as Google has them, in both directions: embedContent, batchEmbedContents, and :predict
-- of Vertex AI.
local core = require("core")
local media = require("dialects.gemini.media")
local members = require("dialects.gemini.members")
local vectors = require("tide.vectors")

local M = {}

local get, object, text, number = members.get, members.object, members.text, members.number

-- What a vector is for, as Google writes it, and as the canonical form does.
local TASKS = {
  query = "RETRIEVAL_QUERY", document = "RETRIEVAL_DOCUMENT", similarity = "SEMANTIC_SIMILARITY",
  classification = "CLASSIFICATION", clustering = "CLUSTERING", code_query = "CODE_RETRIEVAL_QUERY",
  question = "QUESTION_ANSWERING", fact = "FACT_VERIFICATION",
}
local WORDS = {}
for word, name in pairs(TASKS) do WORDS[name] = word end

-- Models that are told so in the text itself.
local PREFIXES = {
  query = "task: search result | query: ", similarity = "task: sentence similarity | query: ",
  classification = "task: classification | query: ", clustering = "task: clustering | query: ",
  code_query = "task: code retrieval | query: ", question = "task: question answering | query: ",
  fact = "task: fact checking | query: ",
}

-- ---- a client's request -------------------------------------------------------------------------

local function wrong(message, param)
  return nil, { message = message, param = param }
end

local function part_of(part)
  local said = text(part, "text")
  if said then return { type = "text", text = said } end
  local inline, linked = object(part, "inlineData"), object(part, "fileData")
  if inline then return media.inline(inline) end
  return linked and media.linked(linked) or nil
end

-- The input of one content; nil where there is nothing in it.
local function input_of(content)
  local parts = {}
  for _, part in ipairs(members.objects(content, "parts")) do
    local made = part_of(part)
    if not made then return nil end
    parts[#parts + 1] = made
  end
  if #parts ~= 1 then return parts[1] and { type = "mixed", content = parts } end
  if parts[1].type == "text" and parts[1].text == "" then return nil end
  return parts[1]
end

local OF_REQUEST = {
  model = true, content = true, taskType = true, title = true, outputDimensionality = true,
  autoTruncate = true, embedContentConfig = true,
  task_type = true, output_dimensionality = true, auto_truncate = true, embed_content_config = true,
}

local function warn_others(request, where, call)
  for name, value in pairs(request) do
    if not OF_REQUEST[name] and value ~= core.null then call.warn(where .. name) end
  end
end

-- What a request says besides its content, there or in a config of its own.
local function setting(request, read, name)
  local value = read(request, name)
  if value ~= nil then return value end
  local config = object(request, "embedContentConfig")
  return config and read(config, name)
end

local TRUNCATE = { ["true"] = "end", ["false"] = "none" }

local function add_request(rq, request, where, call)
  local content = object(request, "content")
  local input = content and input_of(content)
  if not input then
    return wrong(where .. "content must have parts with text or data", where .. "content")
  end
  local task = setting(request, text, "taskType")
  local said = {
    dimensions = setting(request, number, "outputDimensionality"),
    truncate = TRUNCATE[tostring(setting(request, members.flag, "autoTruncate"))],
    task = task and (WORDS[task] or nil),
  }
  if task and not said.task and task ~= "TASK_TYPE_UNSPECIFIED" then call.warn("taskType") end
  for name, value in pairs(said) do
    if #rq.inputs > 0 and rq[name] ~= value then
      return wrong("requests: all of a batch must ask for the same kind of vector", "requests")
    end
    rq[name] = value
  end
  input.title = setting(request, text, "title")
  rq.inputs[#rq.inputs + 1] = input
  warn_others(request, where, call)
  return rq
end

--- A client's body as the canonical request.
function M.decode_request(body, call)
  local rq = { inputs = {}, single = call.endpoint ~= "batchEmbed" }
  if rq.single then return add_request(rq, body, "", call) end
  local requests = members.objects(body, "requests")
  if #requests == 0 then return wrong("requests must be a list that is not empty", "requests") end
  for i, request in ipairs(requests) do
    local ok, problem = add_request(rq, request, "requests[" .. i - 1 .. "].", call)
    if not ok then return nil, problem end
  end
  return rq
end

-- ---- a provider's request -----------------------------------------------------------------------

local function parts_of(input, call)
  if input.type == "tokens" then return vectors.refuse(input, call, "texts") end
  local parts = {}
  for i, part in ipairs(input.type == "mixed" and input.content or { input }) do
    parts[i] = part.type == "text" and { text = part.text } or media.part(part)
    if not parts[i] then return vectors.refuse(part, call, "texts, and files as data") end
  end
  return parts
end

-- The first text says what the vector is for.
local function prefix(parts, task, title)
  local before = PREFIXES[task]
  if task == "document" then before = "title: " .. (title or "none") .. " | text: " end
  for _, part in ipairs(before and parts or {}) do
    if part.text then
      part.text = before .. part.text
      return
    end
  end
end

local function request_of(rq, input, call)
  local parts, problem = parts_of(input, call)
  if not parts then return nil, problem end
  local title = input.title
  local request = {
    content = { parts = core.array(parts) }, outputDimensionality = rq.dimensions,
  }
  if call.traits.embed_task == "prefix" then
    prefix(parts, rq.task, title)
  else
    request.taskType, request.title = TASKS[rq.task], title
  end
  return request
end

local function warn_rest(rq, call, has_truncate)
  if rq.user then call.warn("user") end
  if rq.truncate and not has_truncate then call.warn("truncate") end
  if rq.task and not TASKS[rq.task] then call.warn("input_type") end
end

local function auto_truncate(rq)
  if rq.truncate then return rq.truncate ~= "none" end
end

local function batch(rq, call)
  local requests = {}
  for i, input in ipairs(rq.inputs) do
    local request, problem = request_of(rq, input, call)
    if not request then return nil, problem end
    request.model = "models/" .. call.model
    requests[i] = request
  end
  warn_rest(rq, call)
  return { requests = core.array(requests) }
end

-- Vertex AI has what is not content in a config of its own.
local function one_content(rq, call)
  local request, problem = request_of(rq, rq.inputs[1], call)
  if not request then return nil, problem end
  local config = {
    taskType = request.taskType, title = request.title,
    outputDimensionality = request.outputDimensionality, autoTruncate = auto_truncate(rq),
  }
  warn_rest(rq, call, true)
  return { content = request.content, embedContentConfig = next(config) and config or nil }
end

local function predict(rq, call)
  local instances = {}
  for i, input in ipairs(rq.inputs) do
    local parts, problem = parts_of(input, call)
    if not parts then return nil, problem end
    local said = #parts == 1 and parts[1].text
    if not said then return vectors.refuse(input, call, "texts") end
    instances[i] = {
      content = said, task_type = TASKS[rq.task], title = input.title,
    }
  end
  local parameters = { outputDimensionality = rq.dimensions, autoTruncate = auto_truncate(rq) }
  warn_rest(rq, call, true)
  return {
    instances = core.array(instances), parameters = next(parameters) and parameters or nil,
  }
end

local SHAPES = { predict = predict, content = one_content }

--- The body for a provider.
function M.encode_request(rq, call)
  local problem = vectors.wrong_kind(rq, call)
  if problem then return nil, problem end
  return (SHAPES[call.traits.embed] or batch)(rq, call)
end

-- ---- answers ------------------------------------------------------------------------------------

local function list_of(body)
  local one = object(body, "embedding")
  if one then return { one } end
  local predictions = members.objects(body, "predictions")
  if #predictions == 0 then return members.objects(body, "embeddings") end
  local list = {}
  for i, prediction in ipairs(predictions) do list[i] = object(prediction, "embeddings") or {} end
  return list
end

-- Vertex counts each text on its own.
local function sum_of(list)
  local sum
  for _, item in ipairs(list) do
    local statistics = object(item, "statistics")
    local count = statistics and number(statistics, "tokenCount")
    if count then sum = (sum or 0) + count end
  end
  return sum
end

--- A provider's answer.
function M.decode_answer(body)
  local list, result = list_of(body), {}
  for i, item in ipairs(list) do
    local values = get(item, "values")
    result[i] = type(values) == "table" and vectors.read(values) or nil
    if not result[i] then
      return nil, { kind = "protocol", message = "an item of the answer has no values" }
    end
  end
  if #list == 0 then return nil, { kind = "protocol", message = "the answer has no embedding" } end
  local usage = object(body, "usageMetadata")
  return {
    vectors = result, usage = { input = usage and number(usage, "promptTokenCount")
      or sum_of(list) },
  }
end

--- A client's answer.
function M.encode_answer(answer, call)
  local list = {}
  for i, vector in ipairs(answer.vectors) do list[i] = { values = vectors.floats(vector) } end
  local input = answer.usage and answer.usage.input
  local usage = input and { promptTokenCount = input, totalTokenCount = input } or nil
  if call.rq.single then return { embedding = list[1], usageMetadata = usage } end
  return { embeddings = core.array(list), usageMetadata = usage }
end

return M
