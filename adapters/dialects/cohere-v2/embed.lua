-- Embeddings as Cohere has them, in both directions; Bedrock has its models with the same bodies.
local core = require("core")
local canonical = require("tide.canonical")
local shape = require("dialects.cohere-v2.shape")
local vectors = require("tide.vectors")

local M = {}

local given, text_of = canonical.given, canonical.text_of

local KNOWN = {
  model = true, texts = true, images = true, inputs = true, input_type = true,
  embedding_types = true, output_dimension = true, truncate = true,
}

local TASKS = {
  search_query = "query", search_document = "document", classification = "classification",
  clustering = "clustering", image = "image",
}
-- A vector is always for something here; what nobody has said is to be found.
local WORDS = {
  query = "search_query", classification = "classification", clustering = "clustering",
  question = "search_query", fact = "search_query", code_query = "search_query",
}

local TYPES = {
  float = true, base64 = true, int8 = true, uint8 = true, binary = true, ubinary = true,
}
local FLOATS = { float = true, base64 = true }

-- ---- a client's request -------------------------------------------------------------------------

local function wrong(message, param)
  return nil, { message = message, param = param }
end

local function image_of(url)
  local mime, data = canonical.parse_data_url(text_of(url) or "")
  if data then return { type = "image", data = data, mime = mime } end
  return text_of(url) and { type = "image", url = url } or nil
end

local function part_of(part)
  part = canonical.table_of(part)
  if part.type == "text" and text_of(part.text) then return { type = "text", text = part.text } end
  local image = canonical.table_of(part.image_url)
  return part.type == "image_url" and image_of(image.url) or nil
end

local function mixed_of(item)
  local content, parts = canonical.table_of(item).content, {}
  if type(content) ~= "table" or #content == 0 then return nil end
  for i, part in ipairs(content) do
    parts[i] = part_of(part)
    if not parts[i] then return nil end
  end
  return #parts == 1 and parts[1] or { type = "mixed", content = parts }
end

local READERS = {
  texts = function(item)
    return text_of(item) and { type = "text", text = item } or nil
  end,
  images = image_of,
  inputs = mixed_of,
}

-- Which of them the request has; an empty list is as good as none.
local function member_of(body)
  local found
  for _, name in ipairs({ "texts", "images", "inputs" }) do
    local list = given(body[name])
    if list ~= nil and type(list) ~= "table" then return wrong(name .. " must be a list", name) end
    if list and list[1] ~= nil then
      if found then return wrong("texts, images and inputs exclude each other", name) end
      found = name
    end
  end
  if found then return found end
  return wrong("one of texts, images and inputs is required, with at least one item", "texts")
end

local function inputs_of(body)
  local found, problem = member_of(body)
  if not found then return nil, problem end
  local inputs = {}
  for i, item in ipairs(body[found]) do
    inputs[i] = READERS[found](item)
    if not inputs[i] then
      return wrong(found .. "[" .. i - 1 .. "] is empty, or no " .. found:sub(1, -2), found)
    end
  end
  return inputs
end

-- The kinds of vectors that are asked for: all, and those that are not floats.
local function types_of(body)
  local list, kinds = given(body.embedding_types), {}
  if list == nil then return nil end
  if type(list) ~= "table" then return nil, "embedding_types must be a list" end
  for _, name in ipairs(list) do
    if not TYPES[name] then
      return nil, "embedding_types: there is no type " .. canonical.json_text(name)
    end
    if not FLOATS[name] then kinds[#kinds + 1] = name end
  end
  return #list > 0 and list or nil, nil, kinds[1] and kinds or nil
end

local TRUNCATE = { NONE = "none", START = "start", END = "end" }

--- A client's body as the canonical request.
function M.decode_request(body)
  local problem = shape.of_embeddings(body)
  if problem then return nil, problem end
  local inputs
  inputs, problem = inputs_of(body)
  if not inputs then return nil, problem end
  local types, message, kinds = types_of(body)
  if message then return wrong(message, "embedding_types") end
  local task = TASKS[body.input_type]
  if given(body.input_type) ~= nil and not task then
    return wrong("input_type: there is no type " .. body.input_type, "input_type")
  end
  return {
    inputs = inputs, single = false, task = task ~= "image" and task or nil,
    dimensions = canonical.number_of(body.output_dimension),
    truncate = TRUNCATE[body.truncate], types = types, kinds = kinds,
    ext = canonical.ext_of(body, KNOWN),
  }
end

-- ---- a provider's request -----------------------------------------------------------------------

local function image_part(part)
  if not part.data then return nil end
  local url = canonical.data_url(part.mime or "image/png", part.data)
  return { type = "image_url", image_url = { url = url } }
end

local function content_of(input)
  local parts = {}
  for i, part in ipairs(input.type == "mixed" and input.content or { input }) do
    if part.type == "text" then
      parts[i] = { type = "text", text = part.text }
    else
      parts[i] = part.type == "image" and image_part(part) or nil
    end
    if not parts[i] then return nil end
  end
  return parts
end

local function all(inputs, kind)
  for _, input in ipairs(inputs) do
    if input.type ~= kind then return false end
  end
  return true
end

-- Older models take texts or pictures alone, and not in `inputs`.
local function add_inputs(body, rq, call)
  local is_text, is_image = all(rq.inputs, "text"), all(rq.inputs, "image")
  local list = {}
  for i, input in ipairs(rq.inputs) do
    local content = content_of(input)
    if input.title then call.warn("title") end
    if not content then return vectors.refuse(input, call, "texts and pictures as data") end
    if is_text then
      list[i] = input.text
    elseif is_image then
      list[i] = content[1].image_url.url
    else
      list[i] = { content = core.array(content) }
    end
  end
  body[is_text and "texts" or is_image and "images" or "inputs"] = core.array(list)
  body.input_type = is_image and "image" or WORDS[rq.task] or "search_document"
  return body
end

local AS_TRUNCATE = { none = "NONE", start = "START", ["end"] = "END" }

--- The body for a provider.
function M.encode_request(rq, call)
  local types = { "float" }
  if rq.types and call.client_dialect == "cohere-v2" then types = rq.types end
  local body = {
    model = call.model, embedding_types = core.array(types), output_dimension = rq.dimensions,
    truncate = AS_TRUNCATE[rq.truncate],
  }
  if rq.user then call.warn("user") end
  return add_inputs(body, rq, call)
end

-- ---- answers ------------------------------------------------------------------------------------

local RAW = {
  float = true, base64 = true, int8 = true, uint8 = true, binary = true, ubinary = true,
}

-- By type, or floats alone: that is what older models say.
local function embeddings_of(body)
  local said = body.embeddings
  if not core.is_raw(said) then return nil end
  if said.raw:find("^%s*%[") then return { float = said } end
  return core.decode(said.raw, RAW)
end

local function read_all(list)
  local result = {}
  for i, item in ipairs(vectors.items(list)) do result[i] = vectors.read(item) end
  return result
end

--- A provider's answer.
function M.decode_answer(body)
  local said, kinds = embeddings_of(body), {}
  if type(said) ~= "table" then
    return nil, { kind = "protocol", message = "the answer has no embeddings" }
  end
  for name, list in pairs(said) do
    if not FLOATS[name] then kinds[name] = read_all(list) end
  end
  local list = read_all(said.float or said.base64)
  if #list == 0 and not next(kinds) then
    return nil, { kind = "protocol", message = "the answer has no embeddings" }
  end
  local meta = canonical.table_of(body.meta)
  local units = canonical.table_of(meta.billed_units)
  return {
    id = text_of(body.id), vectors = list, kinds = next(kinds) and kinds or nil,
    usage = { input = canonical.number_of(units.input_tokens) },
  }
end

local function texts_of(inputs)
  local texts = {}
  for _, input in ipairs(inputs) do
    if input.type == "text" then texts[#texts + 1] = input.text end
  end
  return core.array(texts)
end

local function all_as(list, write)
  local result = {}
  for i, vector in ipairs(list) do result[i] = write(vector) end
  return core.array(result)
end

--- A client's answer.
function M.encode_answer(answer, call)
  local embeddings = {}
  for _, name in ipairs(call.rq.types or { "float" }) do
    if name == "float" or name == "base64" then
      embeddings[name] = all_as(answer.vectors, name == "float" and vectors.floats
        or vectors.base64)
    else
      embeddings[name] = core.array(answer.kinds and answer.kinds[name] or {})
    end
  end
  return {
    id = answer.id or call.id, embeddings = embeddings, texts = texts_of(call.rq.inputs),
    response_type = "embeddings_by_type",
    meta = {
      api_version = { version = "2" },
      billed_units = { input_tokens = answer.usage and answer.usage.input },
    },
  }
end

return M
