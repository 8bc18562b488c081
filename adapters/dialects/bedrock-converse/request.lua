-- A canonical request as a body for Bedrock's Converse. What models differ in comes as traits of
-- their family (adapters/dialects/README.md); what cannot be said is named with call.warn. Pure.
local canonical = require("tide.canonical")
local core = require("core")
local thinking = require("dialects.bedrock-converse.thinking")
local tools = require("dialects.bedrock-converse.tools")
local turns = require("dialects.bedrock-converse.turns")

local M = {}

local DIALECT = "bedrock-converse"

-- ---- inferenceConfig ----------------------------------------------------------------------------

local function max_tokens(rq, out)
  local most = out.traits.max_tokens
  if rq.max_tokens and most and rq.max_tokens > most then
    out.warn("max_tokens above " .. most)
    return most
  end
  return rq.max_tokens
end

local function add_stop(config, rq, out)
  if rq.stop and out.traits.stop == false then return out.warn("stop") end
  config.stopSequences = canonical.visible_stops(rq, out.warn)
end

-- Which sequence it was, only the model's own answer says: whole, and in a stream.
local function ask_for_sequence(body, call, out)
  if not (body.inferenceConfig and body.inferenceConfig.stopSequences) then return end
  if out.traits.signatures ~= "anthropic" then return end
  body.additionalModelResponseFieldPaths = core.array({
    call.stream and "/delta/stop_sequence" or "/stop_sequence",
  })
end

-- ---- the rest -----------------------------------------------------------------------------------

local TIERS = { priority = "priority", flex = "flex", reserved = "reserved" }
local NO_TIER = { auto = true, default = true, standard_only = true }

local function add_tier(body, rq, out)
  local tier = rq.service_tier
  if not tier or NO_TIER[tier] then return end
  body.serviceTier = TIERS[tier] and { type = TIERS[tier] } or nil
  if not body.serviceTier then out.warn("service_tier " .. tostring(tier)) end
end

local MOST_METADATA, LONGEST_METADATA = 16, 256

local function is_metadata(text)
  return #text <= LONGEST_METADATA and not text:find("[^%w%s:_@$#=/+,%-.]")
end

-- Up to sixteen short texts of few characters, in an order that is always the same.
local function add_metadata(body, rq, out)
  local keys, result = {}, {}
  for key, value in pairs(type(rq.metadata) == "table" and rq.metadata or {}) do
    if type(key) == "string" and type(value) == "string" then keys[#keys + 1] = key end
  end
  table.sort(keys)
  local count = 0
  for _, key in ipairs(keys) do
    local is_fine = key ~= "" and is_metadata(key) and is_metadata(rq.metadata[key])
    if is_fine and count < MOST_METADATA then
      result[key], count = rq.metadata[key], count + 1
    else
      out.warn("metadata " .. key)
    end
  end
  if count > 0 then body.requestMetadata = result end
end

-- What the API has no word for. A value that asks for nothing is no loss.
local UNKNOWN = {
  "seed", "presence_penalty", "frequency_penalty", "logit_bias", "logprobs", "top_logprobs",
  "verbosity", "prediction", "audio", "safety", "prompt_cache_key", "store", "user",
  "safety_identifier",
}
local NOTHING = { [0] = true, [false] = true }

local function warn_of_rest(rq, out)
  for _, name in ipairs(UNKNOWN) do
    local value = rq[name]
    if value ~= nil and not NOTHING[value] then out.warn(name) end
  end
  if rq.n and rq.n > 1 then out.warn("n") end
  for _, modality in ipairs(rq.modalities or {}) do
    if modality ~= "text" then out.warn("modality " .. tostring(modality)) end
  end
end

-- Of a model that nobody knows a client of the same protocol knows more than we do.
local function keeps_fields(rq, call, out)
  return call.client_dialect == DIALECT and rq.model_fields ~= nil and not out.traits.thinking
end

-- The model's own fields that a client of the same protocol gave besides those that the canonical
-- form has; the gateway itself carries other members that it does not know.
local function add_fields(body, rq, call, out)
  local given = call.client_dialect == DIALECT and (rq.ext or {}).additionalModelRequestFields
  if out.keeps_fields then given = rq.model_fields end
  for name, value in pairs(type(given) == "table" and given or {}) do
    if out.more[name] == nil then out.more[name] = value end
  end
  if next(out.more) then body.additionalModelRequestFields = out.more end
end

local function add_instruction(body, text, out)
  if not text then return end
  if out.traits.system == false then
    table.insert(body.messages[1].content, 1, { text = text })
    return
  end
  body.system = body.system or core.array({})
  body.system[#body.system + 1] = { text = text }
end

--- Whether a part with an address must be sent as data: all but what stands in S3, where the model
-- takes it from there.
function M.needs_bytes(part, call)
  return call.traits.s3 == false or part.url:sub(1, 5) ~= "s3://"
end

--- The body for the provider; the model and whether it is a stream stand in the path.
-- @tparam table rq canonical request
-- @tparam table call
function M.encode(rq, call)
  local out = turns.new(rq, call.traits or {}, call.warn or function() end)
  out.more, out.keeps_fields = {}, keeps_fields(rq, call, out)
  local body = { messages = turns.messages(rq, out), system = turns.system(rq, out) }
  add_instruction(body, tools.add(body, rq, out), out)
  add_instruction(body, tools.add_format(body, rq, out), out)
  local config = { maxTokens = max_tokens(rq, out) }
  out.may_begin_with_thinking = turns.may_begin_with_thinking(body.messages)
  thinking.add(config, rq, out)
  tools.add_choice(body, rq, out)
  add_stop(config, rq, out)
  if next(config) then body.inferenceConfig = config end
  ask_for_sequence(body, call, out)
  add_tier(body, rq, out)
  add_metadata(body, rq, out)
  warn_of_rest(rq, out)
  add_fields(body, rq, call, out)
  return body
end

return M
