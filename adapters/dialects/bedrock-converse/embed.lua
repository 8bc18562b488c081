-- Embeddings on Bedrock: each maker's models have a body of their own at /model/{model}/invoke. How
-- many tokens were read a header says, where the answer does not.
local core = require("core")
local canonical = require("tide.canonical")
local cohere = require("dialects.cohere-v2.embed")
local vectors = require("tide.vectors")

local M = {}

local function warn(rq, call, has_task, has_truncate)
  for _, input in ipairs(rq.inputs) do
    if input.title then call.warn("title") end
  end
  if rq.user then call.warn("user") end
  if rq.task and not has_task then call.warn("input_type") end
  if rq.truncate and not has_truncate then call.warn("truncate") end
end

-- One text, or one picture, at a time.
local function only_input(rq, call, takes_images)
  local input = rq.inputs[1]
  local text = vectors.text_of(input)
  if text then return text end
  if takes_images and input.type == "image" and input.data then return nil, nil, input end
  local _, problem = vectors.refuse(input, call, takes_images and "texts and pictures as data"
    or "texts")
  return nil, problem
end

-- ---- Amazon's -----------------------------------------------------------------------------------

local function titan(rq, call)
  local text, problem = only_input(rq, call)
  if problem then return nil, problem end
  warn(rq, call)
  if rq.dimensions and call.traits.embed_dimensions == false then call.warn("dimensions") end
  local dimensions = call.traits.embed_dimensions ~= false and rq.dimensions or nil
  return { inputText = text, dimensions = dimensions }
end

local function titan_image(rq, call)
  local text, problem, image = only_input(rq, call, true)
  if problem then return nil, problem end
  warn(rq, call)
  local config = rq.dimensions and { outputEmbeddingLength = rq.dimensions } or nil
  return { inputText = text, inputImage = image and image.data, embeddingConfig = config }
end

-- What a vector is for; what nobody has said is to be found.
local PURPOSES = {
  query = "GENERIC_RETRIEVAL", question = "GENERIC_RETRIEVAL", fact = "GENERIC_RETRIEVAL",
  classification = "CLASSIFICATION", clustering = "CLUSTERING",
}
local CUTS = { none = "NONE", start = "START", ["end"] = "END" }

local function nova(rq, call)
  local text, problem, image = only_input(rq, call, true)
  if problem then return nil, problem end
  warn(rq, call, true, true)
  local params = {
    embeddingPurpose = PURPOSES[rq.task] or "GENERIC_INDEX", embeddingDimension = rq.dimensions,
  }
  if text then
    params.text = { truncationMode = CUTS[rq.truncate] or "END", value = text }
  else
    local format = (image.mime or "image/png"):match("/(%a+)$") or "png"
    params.image = { format = format, source = { bytes = image.data } }
  end
  return { taskType = "SINGLE_EMBEDDING", singleEmbeddingParams = params }
end

-- ---- Cohere's -----------------------------------------------------------------------------------

local TURNED = { START = "LEFT", END = "RIGHT" }

local function of_cohere(rq, call)
  local body, problem = cohere.encode_request(rq, call)
  if not body then return nil, problem end
  body.model = nil
  if not (rq.types and call.client_dialect == "cohere-v2") then body.embedding_types = nil end
  if call.traits.embed_sides then body.truncate = TURNED[body.truncate] or body.truncate end
  return body
end

-- ---- both ways ----------------------------------------------------------------------------------

local SHAPES = { titan = titan, titan_image = titan_image, nova = nova, cohere = of_cohere }

--- The body for a provider.
function M.encode_request(rq, call)
  local shape = SHAPES[call.traits.embed]
  if not shape then
    return nil, {
      message = "the model `" .. call.asked .. "` is not known to give embeddings",
      param = "model", code = "unsupported_operation",
    }
  end
  local problem = shape ~= of_cohere and vectors.wrong_kind(rq, call)
  if problem then return nil, problem end
  return shape(rq, call)
end

local function one_vector(body)
  if core.is_raw(body.embedding) then return body.embedding end
  local first = vectors.items(body.embeddings)[1]
  local said = core.is_raw(first) and core.decode(first.raw, { embedding = true })
  return said and vectors.read(said.embedding) or nil
end

--- A provider's answer.
function M.decode_answer(body, call)
  local answer, problem
  if call.traits.embed == "cohere" then
    answer, problem = cohere.decode_answer(body, call)
    if not answer then return nil, problem end
  else
    answer = { vectors = { one_vector(body) } }
    if #answer.vectors == 0 then
      return nil, { kind = "protocol", message = "the answer has no embedding" }
    end
  end
  local usage = canonical.table_of(answer.usage)
  local counted = tonumber(call.header("x-amzn-bedrock-input-token-count"))
  answer.usage = {
    input = usage.input or canonical.number_of(body.inputTextTokenCount) or counted,
  }
  return answer
end

return M
