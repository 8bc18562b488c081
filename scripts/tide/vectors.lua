-- Vectors of embeddings as dialects hand them on: JSON text or base64, never tables of numbers, but
-- where a script has made one. Pure. Dialect files get this with require("tide.vectors").
local core = require("core")

local M = {}

--- The items of a JSON array: objects and arrays as raw values, all others decoded.
-- @param array a raw value, or a list that has been decoded
-- @treturn table {} for anything else
function M.items(array)
  if core.is_raw(array) then return core.items(array) or {} end
  return type(array) == "table" and array ~= core.null and array or {}
end

--- A vector of a provider's answer.
-- @param value a raw array, or base64 text
-- @treturn table|nil a raw value, or { base64 = text }
function M.read(value)
  if type(value) == "string" then return { base64 = value } end
  return core.is_raw(value) and value or nil
end

local function checked(value, err)
  if value then return value end
  error("a vector of the answer is none: " .. err.message, 0)
end

--- The text of an input; nil where there is more to it.
-- @tparam table input of a canonical request
function M.text_of(input)
  if input.type == "text" then return input.text end
  if input.type ~= "mixed" then return nil end
  local texts = {}
  for i, part in ipairs(input.content) do
    if part.type ~= "text" then return nil end
    texts[i] = part.text
  end
  return table.concat(texts, "\n")
end

--- What encode_request returns for an input that the model does not take.
-- @tparam table input of a canonical request
-- @tparam table call
-- @tparam string takes "texts", what it does take
-- @treturn nil
-- @treturn table { message =, param = }
function M.refuse(input, call, takes)
  local not_this = input.type == "tokens" and "lists of tokens: send the text itself"
    or input.url and "addresses" or "other inputs"
  return nil, {
    message = "the model `" .. call.asked .. "` takes " .. takes .. ", not " .. not_this,
    param = "input",
  }
end

--- The same for vectors that are no floats.
-- @tparam table rq the canonical request
-- @treturn nil|table { message =, param = }, nil when all is well
function M.wrong_kind(rq, call)
  if not rq.kinds then return nil end
  return {
    message = "the model `" .. call.asked .. "` gives vectors of floats, not of "
      .. table.concat(rq.kinds, ", "), param = "embedding_types",
  }
end

--- As an array of numbers, raw. Raises for what is no vector.
function M.floats(vector)
  if core.is_raw(vector) then return vector end
  if type(vector) ~= "table" then error("a vector of the answer is none", 0) end
  if vector.base64 then return core.raw(checked(core.base64_to_floats(vector.base64))) end
  return core.raw(core.encode(core.array(vector)))
end

--- As base64 of floats of 32 bits, little endian. Raises for what is no vector.
function M.base64(vector)
  if type(vector) == "table" and not core.is_raw(vector) and vector.base64 then
    return vector.base64
  end
  return checked(core.floats_to_base64(M.floats(vector)))
end

-- ---- checking -----------------------------------------------------------------------------------

local function protocol(message)
  return { kind = "protocol", message = message }
end

-- Tables of numbers come from scripts, and are checked when they are written.
local function problem_of(vector)
  local is_made = type(vector) == "table" and not core.is_raw(vector)
  if is_made and not vector.base64 then return nil end
  local ok, err = core.check_vector(is_made and vector.base64 or vector, is_made)
  return not ok and err or nil
end

local function list_problem(list, count)
  if #list ~= count then
    return protocol("the answer has " .. #list .. " embeddings for " .. count .. " inputs")
  end
  for i = 1, count do
    local err = list[i] == nil and { message = "it is missing" } or problem_of(list[i])
    if err then
      return protocol("embedding " .. i - 1 .. " of the answer is none: " .. err.message)
    end
  end
end

--- What is wrong with a provider's answer: there is one vector for each input, in their order.
-- @tparam table answer canonical
-- @tparam table rq the canonical request
-- @tparam number count of inputs that this answer is for
-- @treturn table|nil { kind =, message = }, nil when all is well
function M.problem(answer, rq, count)
  local list = answer.vectors
  if type(list) ~= "table" then return protocol("the answer has no embeddings") end
  for _, name in ipairs(rq.kinds or {}) do
    local wrong = list_problem((answer.kinds or {})[name] or {}, count)
    if wrong then return wrong end
  end
  -- Who asks for other kinds alone gets no floats.
  if #list == 0 and rq.kinds and #rq.kinds == #(rq.types or {}) then return nil end
  return list_problem(list, count)
end

return M
