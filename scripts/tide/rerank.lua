-- What all dialects share that rank documents: reading requests and results, documents as text.
-- Pure. Documents are texts, or objects as the client wrote them.
local canonical = require("tide.canonical")
local core = require("core")

local M = {}

local given, text_of, number_of = canonical.given, canonical.text_of, canonical.number_of
local table_of = canonical.table_of

-- ---- requests -----------------------------------------------------------------------------------

local function problem(message, param)
  return { message = message, param = param }
end

local function is_object(value)
  return type(value) == "table" and value ~= core.null and value[1] == nil and next(value) ~= nil
end

local function documents_of(list)
  if type(list) ~= "table" or list == core.null or #list == 0 then
    return nil, problem("documents must be a list that is not empty", "documents")
  end
  for i, document in ipairs(list) do
    if type(document) ~= "string" and not is_object(document) then
      local param = "documents[" .. i - 1 .. "]"
      return nil, problem("a document must be a text or an object", param)
    end
  end
  return list
end

-- Some services rank by pictures, too, whose query is an object.
local function query_of(value)
  return text_of(value) or type(value) == "table" and text_of(value.text) or nil
end

local function is_count(value)
  return type(value) == "number" and value >= 1 and value % 1 == 0
end

local function fields_of(list)
  local fields = {}
  for _, name in ipairs(table_of(given(list))) do fields[#fields + 1] = text_of(name) end
  return #fields > 0 and fields or nil
end

local KNOWN = {
  model = true, query = true, documents = true, top_n = true, top_k = true, rank_fields = true,
  return_documents = true, max_tokens_per_doc = true,
}

local function rest_of(body)
  local ext = {}
  for name, value in pairs(body) do
    if not KNOWN[name] and value ~= core.null then ext[name] = value end
  end
  return next(ext) and ext or nil
end

--- A client's request.
-- @tparam table body decoded
-- @treturn table|nil rq { op, model, query, documents, top_n, rank_fields, return_documents,
--   max_tokens_per_doc, ext }
-- @treturn nil|table { message =, param = }
function M.request(body)
  local query = query_of(given(body.query))
  if not query then return nil, problem("query must be a text that is not empty", "query") end
  local documents, wrong = documents_of(body.documents)
  if not documents then return nil, wrong end
  local top = given(body.top_n)
  if top == nil then top = given(body.top_k) end
  if top ~= nil and not is_count(top) then
    return nil, problem("top_n must be a whole number of at least 1", "top_n")
  end
  return {
    op = "rerank", model = text_of(body.model), query = query, documents = documents,
    top_n = top and math.min(top, #documents), rank_fields = fields_of(body.rank_fields),
    return_documents = canonical.boolean_of(body.return_documents),
    max_tokens_per_doc = number_of(body.max_tokens_per_doc), ext = rest_of(body),
  }
end

-- ---- documents as text --------------------------------------------------------------------------

local MEDIA = { "image", "image_url", "content" }

--- True when a document is, or has, more than text.
function M.has_media(document)
  if type(document) ~= "table" then return false end
  for _, name in ipairs(MEDIA) do
    local value = document[name]
    if type(value) == "table" or name == "image" and type(value) == "string" then return true end
  end
  return false
end

local function names_of(document, fields)
  if fields then return fields end
  local names = {}
  for name in pairs(document) do names[#names + 1] = name end
  table.sort(names)
  return names
end

--- A document as one text: of an object its text or, where it has more members, a line for each.
-- @param document text or object
-- @tparam table|nil fields the names of the members that count, in order
function M.text(document, fields)
  if type(document) == "string" then return document end
  local lines, names = {}, names_of(document, fields)
  if #names == 1 and type(document[names[1]]) == "string" then return document[names[1]] end
  for _, name in ipairs(names) do
    local value = given(document[name])
    if value ~= nil then
      lines[#lines + 1] = name .. ": "
        .. (type(value) == "string" and value or canonical.json_text(value))
    end
  end
  return table.concat(lines, "\n")
end

--- All of them, for a provider that takes texts; nil and what is wrong where one is a picture.
function M.texts(rq)
  local texts = core.array({})
  for i, document in ipairs(rq.documents) do
    if M.has_media(document) and not text_of(document.text) then
      return nil, problem("this model ranks text only", "documents[" .. i - 1 .. "]")
    end
    texts[i] = M.text(document, rq.rank_fields)
  end
  return texts
end

-- ---- results ------------------------------------------------------------------------------------

local function protocol(message)
  return nil, { kind = "protocol", message = message }
end

-- Scores have no common scale: some models tell probabilities, others any number.
local function result_of(item, total, seen)
  item = table_of(item)
  local index = number_of(item.index)
  local score = number_of(item.relevance_score) or number_of(item.score)
  if not index or index % 1 ~= 0 or index < 0 or index >= total then
    return protocol("the provider ranked document " .. tostring(given(item.index)) .. " of "
      .. total)
  end
  if not score then return protocol("the provider ranked a document without a score") end
  if seen[index] then return protocol("the provider ranked document " .. index .. " twice") end
  seen[index] = true
  local document = given(item.document)
  if type(document) == "table" and next(document) == nil then document = nil end
  return { index = index, score = score, document = document }
end

--- The results of a provider's list, in its order: the best first. What it ranks must be documents
-- of the request, each once; results beyond those that were asked for are left out.
-- @param list as it came
-- @tparam table call { rq =, warn = }
-- @treturn table|nil { { index = from 0, score =, document = as the provider echoes it }, ... }
-- @treturn nil|table { kind =, message = }
function M.results(list, call)
  if type(list) ~= "table" or list == core.null or is_object(list) then
    return protocol("the provider's results are no list")
  end
  local rq, results, seen = call.rq, {}, {}
  local wanted = rq.top_n or #rq.documents
  for _, item in ipairs(list) do
    local result, err = result_of(item, #rq.documents, seen)
    if not result then return nil, err end
    if #results < wanted then results[#results + 1] = result end
  end
  if #results == 0 then return protocol("the provider ranked no document") end
  if #results < wanted then call.warn("ranks of " .. wanted - #results .. " documents") end
  return results
end

--- What a provider counted.
-- @param usage { prompt_tokens, total_tokens } or nil
-- @param meta { billed_units, tokens } or nil
-- @treturn table|nil { input =, total =, search_units =, cost = }
function M.usage(usage, meta)
  usage, meta = table_of(given(usage)), table_of(given(meta))
  local tokens = table_of(given(meta.tokens))
  local billed = table_of(given(meta.billed_units))
  local total = number_of(usage.total_tokens) or number_of(tokens.input_tokens)
    or number_of(billed.total_tokens) or number_of(billed.input_tokens)
  local result = {
    input = number_of(usage.prompt_tokens) or total, total = total,
    search_units = number_of(billed.search_units) or number_of(usage.search_units),
    cost = number_of(usage.cost),
  }
  return next(result) and result or nil
end

local function echoed(document)
  return type(document) == "string" and { text = document } or document
end

--- The document of a result as a client gets it: what it sent itself, where it asks for documents;
-- unasked what the provider echoes.
function M.document(result, rq)
  if rq.return_documents == false then return nil end
  if rq.return_documents or result.document ~= nil then
    return echoed(rq.documents[result.index + 1])
  end
end

return M
