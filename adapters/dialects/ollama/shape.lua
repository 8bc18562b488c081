-- What the members of a client's request have to be. Pure.
local shapes = require("tide.shapes")

local M = {}

local text, list, object, number = shapes.text, shapes.list, shapes.object, shapes.number
local boolean = shapes.boolean

local options = object({
  num_keep = number, seed = number, num_predict = number, top_k = number, top_p = number,
  min_p = number, typical_p = number, repeat_last_n = number, temperature = number,
  repeat_penalty = number, presence_penalty = number, frequency_penalty = number, num_ctx = number,
  num_batch = number, num_gpu = number, main_gpu = number, num_thread = number, use_mmap = boolean,
  stop = shapes.by_type("a string or a list of strings", { string = text, table = list(text) }),
})

local alive = shapes.by_type("a string or a number", { string = text, number = number })

local call = object({
  id = text,
  ["function"] = object({
    name = text, index = number,
    arguments = shapes.by_type("an object", { string = text, table = object() }),
  }, { "name" }),
}, { "function" })

local tool = object({
  type = text, ["function"] = object({ name = text, description = text, parameters = object() }),
})

local chat = object({
  messages = list(object({
    role = text, content = text, thinking = text, images = list(text), tool_calls = list(call),
    tool_name = text, tool_call_id = text,
  })),
  tools = list(tool), options = options, keep_alive = alive, logprobs = boolean,
  top_logprobs = number,
})

local generate = object({
  prompt = text, suffix = text, system = text, template = text, images = list(text), raw = boolean,
  options = options, keep_alive = alive, logprobs = boolean, top_logprobs = number,
})

local embedding = object({
  truncate = boolean, options = options, keep_alive = alive, dimensions = number,
})

--- What is wrong with a request: { message =, param = } or nil.
-- @tparam string|nil endpoint "generate", or that of a chat
function M.of_chat(body, endpoint)
  return shapes.problem(endpoint == "generate" and generate or chat, body)
end

--- What is wrong with a request for embeddings, besides its inputs.
function M.of_embeddings(body) return shapes.problem(embedding, body) end

return M
