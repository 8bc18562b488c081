-- What the members of a client's request have to be. Pure.
local shapes = require("tide.shapes")

local M = {}

local text, list, object, by_type = shapes.text, shapes.list, shapes.object, shapes.by_type

local function text_or(what, shape)
  return by_type("a string or " .. what, { string = text, table = shape })
end

local document = text_or("an object", object({ id = text, data = text_or("an object", object()) }))

local content = text_or("a list of blocks", list(text_or("an object", object({
  type = text, text = text, thinking = text, document = document,
  image_url = text_or("an object", object({ url = text, detail = text })),
}))))

local call = object({
  id = text, type = text,
  ["function"] = object({ name = text, arguments = text_or("an object", object()) }),
})

local tool = object({
  type = text, ["function"] = object({ name = text, description = text, parameters = object() }),
})

local request = object({
  messages = list(object({
    role = text, content = content, tool_plan = text, tool_calls = list(call), tool_call_id = text,
    citations = list(object()),
  })),
  tools = list(tool), strict_tools = shapes.boolean, tool_choice = text, documents = list(document),
  citation_options = object({ mode = text }), safety_mode = text,
  response_format = object({ type = text, json_schema = object(), schema = object() }),
  stop_sequences = list(text), logprobs = shapes.boolean, priority = shapes.number,
  thinking = object({ type = text, token_budget = shapes.number }),
})

local embedding = object({
  input_type = text, embedding_types = list(text), output_dimension = shapes.number,
  max_tokens = shapes.number, truncate = text, priority = shapes.number,
})

--- What is wrong with a chat: { message =, param = } or nil.
function M.of_chat(body) return shapes.problem(request, body) end

--- What is wrong with a request for embeddings, besides its inputs.
function M.of_embeddings(body) return shapes.problem(embedding, body) end

return M
