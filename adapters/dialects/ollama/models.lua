-- The gateway's models as Ollama lists and shows them: what tools for Ollama read of a model. Pure.
local core = require("core")
local time = require("dialects.ollama.time")

local M = {}

-- No model has been changed at a time that anybody knows.
local MODIFIED = time.text(0)

-- There is no file that has these; tools show them, and some cannot do without.
local function details_of(model)
  local family = model.owned_by or "tidegate"
  return {
    parent_model = "", format = "api", family = family, families = core.array({ family }),
    parameter_size = "", quantization_level = "", context_length = model.context,
  }
end

local function digest_of(name)
  local digest = ""
  for seed = 0, 3 do digest = digest .. core.hash.xxh64(name, seed) end
  return digest
end

-- Where nobody knows what a model can do: what a tool left out for want of a word could not be
-- asked for.
local USUAL = { "completion", "tools", "vision", "thinking" }

local WORDS = { { "tools", "tools" }, { "vision", "vision" }, { "reasoning", "thinking" },
  { "audio", "audio" } }

local function known_of(caps)
  local has, list = {}, { "completion" }
  for _, cap in ipairs(caps) do has[cap] = true end
  for _, word in ipairs(WORDS) do
    if has[word[1]] then list[#list + 1] = word[2] end
  end
  return list
end

local OF_KIND = { embed = { "embedding" }, image = { "image" }, chat = false }

local function capabilities_of(model)
  local kind = model.kind or not model.caps and model.id:find("embed", 1, true) and "embed"
  if kind and OF_KIND[kind] ~= false then return { unpack(OF_KIND[kind] or {}) } end
  return model.caps and known_of(model.caps) or { unpack(USUAL) }
end

local function entry_of(model)
  return {
    name = model.id, model = model.id, modified_at = MODIFIED, size = 0,
    digest = digest_of(model.id), details = details_of(model),
    capabilities = core.array(capabilities_of(model)),
  }
end

--- list_models of the dialect.
function M.list(models)
  local list = core.array({})
  for i, model in ipairs(models) do list[i] = entry_of(model) end
  return { models = list }
end

--- show_model of the dialect.
function M.show(model)
  local architecture = model.owned_by or "tidegate"
  local info = { ["general.architecture"] = architecture, ["general.basename"] = model.id }
  if model.context then info[architecture .. ".context_length"] = model.context end
  return {
    modelfile = "FROM " .. model.id, parameters = "", template = "{{ .Prompt }}", license = "",
    details = details_of(model), model_info = info, modified_at = MODIFIED,
    capabilities = core.array(capabilities_of(model)),
  }
end

return M
