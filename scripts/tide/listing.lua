-- Lists of models, and one model, in the shape of each service.
local answer = require("tide.answer")
local core = require("core")
local errors = require("tide.errors")
local models = require("tide.models")
local url = require("tide.url")

local M = {}

local ANTHROPIC, GEMINI, COHERE = "anthropic-messages", "gemini", "cohere-v2"

-- Its SDKs, in whichever language, say whose they are.
local function is_cohere(req)
  local name = req:header("x-fern-sdk-name") or req:header("user-agent") or ""
  return name:lower():find("^cohere") ~= nil or name:find("cohere-ai/", 1, true) ~= nil
end

--- The dialect of a client at the address that several services have, by the headers of its SDK.
function M.dialect_of(req)
  if req:header("anthropic-version") then return ANTHROPIC end
  if req:header("x-goog-api-client") or req:header("x-goog-api-key") then return GEMINI end
  if is_cohere(req) then return COHERE end
end

--- All models, once per generation.
-- @treturn table list of those of models.describe()
function M.all(registry)
  registry.listed = registry.listed or models.list(registry)
  return registry.listed
end

local all = M.all

local function number(text, usual, most)
  local value = math.floor(tonumber(text) or usual)
  return math.max(1, math.min(value, most))
end

local function position_of(list, id)
  for i, model in ipairs(list) do
    if model.id == id then return i end
  end
end

local function slice(list, first, last)
  local result = {}
  for i = math.max(first, 1), math.min(last, #list) do result[#result + 1] = list[i] end
  return result
end

-- ---- pages --------------------------------------------------------------------------------------

-- Cursors are ids. A cursor that is not there begins at the front.
local function anthropic_page(list, parameter)
  local count = number(parameter("limit"), 20, 1000)
  local before = position_of(list, parameter("before_id"))
  if before then
    local first = math.max(before - count, 1)
    return slice(list, first, before - 1), { has_more = first > 1 }
  end
  local after = position_of(list, parameter("after_id")) or 0
  return slice(list, after + 1, after + count), { has_more = after + count < #list }
end

-- The token is the position of the last one.
local function page_by_token(list, token, count)
  local after = math.max(0, math.floor(tonumber(token) or 0))
  local last = after + count
  local next_token = last < #list and string.format("%d", last) or nil
  return slice(list, after + 1, last), { has_more = next_token ~= nil, next_token = next_token }
end

local function gemini_page(list, parameter)
  return page_by_token(list, parameter("pageToken") or parameter("page_token"),
    number(parameter("pageSize") or parameter("page_size"), 50, 1000))
end

local function offering(list, endpoint, dialect)
  local result = {}
  for _, model in ipairs(list) do
    for _, name in ipairs(dialect.show_model(model).endpoints) do
      if name == endpoint then result[#result + 1] = model end
    end
  end
  return result
end

-- Where no size is asked for there is one page: few clients look for a second one.
local function cohere_page(list, parameter, dialect)
  local endpoint = parameter("endpoint") or ""
  if endpoint ~= "" then list = offering(list, endpoint, dialect) end
  local size = parameter("page_size")
  return page_by_token(list, parameter("page_token"), number(size, #list, 1000))
end

local PAGES = {
  [ANTHROPIC] = anthropic_page, [GEMINI] = gemini_page, [COHERE] = cohere_page,
}

-- What the list says of its pages, in the words of each service.
local FRAMES = {
  [ANTHROPIC] = function(body, page, info)
    body.has_more = info.has_more
    body.first_id = page[1] and page[1].id or core.null
    body.last_id = page[1] and page[#page].id or core.null
  end,
  [GEMINI] = function(body, _, info) body.nextPageToken = info.next_token end,
  [COHERE] = function(body, _, info) body.next_page_token = info.next_token end,
}

local function page_of(req, dialect, list)
  local query = req:query() or ""
  local function parameter(name) return url.parameter(query, name) end
  local make = PAGES[dialect.name]
  if not make then return list, {} end
  local page, info = make(list, parameter, dialect)
  return page, info
end

-- ---- answers ------------------------------------------------------------------------------------

local function encode_list(req, dialect, list)
  local page, info = page_of(req, dialect, list)
  local body = dialect.list_models(page, info)
  local frame = FRAMES[dialect.name]
  if frame then frame(body, page, info) end
  return core.encode(body)
end

-- A list that has no pages is the same each time, and does not change within a generation.
local function list_text(req, registry, dialect)
  if PAGES[dialect.name] then return encode_list(req, dialect, all(registry)) end
  registry.list_texts = registry.list_texts or {}
  local text = registry.list_texts[dialect.name]
  if not text then
    text = encode_list(req, dialect, all(registry))
    registry.list_texts[dialect.name] = text
  end
  return text
end

-- Dialects may go without; those that the program carries have them.
local function not_offered(req, dialect, client)
  local err = errors.not_found("GET", req:path(), "no list of models in " .. dialect.name)
  answer.fail(req, dialect, err, { client = client })
end

--- Answers with the list of models.
function M.list(req, gen, dialect, client)
  if not dialect.list_models then return not_offered(req, dialect, client) end
  answer.json(req, list_text(req, gen.registry, dialect), client)
end

--- Answers with one model, when the gateway would serve that name.
function M.show(req, gen, dialect, client, id)
  if not dialect.show_model then return not_offered(req, dialect, client) end
  local model = models.describe(gen.registry, id)
  if model then return answer.json(req, core.encode(dialect.show_model(model)), client) end
  local err = errors.model_not_found(id, models.explain(gen.registry, id))
  answer.fail(req, dialect, err, { client = client })
end

return M
