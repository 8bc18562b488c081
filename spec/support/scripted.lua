-- A gateway of policies and middleware for specs: providers a and b, the model "smart" of both.
local fake = require("spec.support.fake_core")

local M = {}

--- The operation that ask() asks for.
M.CHAT = { name = "chat", dialect = "openai-chat", is_chat = true, streams = true }

local scripted

--- Loads these files.
-- @tparam table settings of the configuration, over what is said above
-- @tparam table files path = text
-- @treturn table gen
-- @treturn table core
function M.load(settings, files)
  local config = {
    providers = { a = { extends = "openai" }, b = { extends = "openai" } },
    models = { smart = { targets = { "a/m", "b/m" } } },
  }
  for name, value in pairs(settings) do config[name] = value end
  local core = fake.install({ config = config, files = files })
  local loaded = require("tide.adapters").load()
  local registry = assert(require("tide.models").build(config,
    require("tide.providers").build(config, loaded.adapters)))
  scripted = require("tide.scripted")
  M.gen = { number = 7, registry = registry, dialects = loaded.dialects }
  local err
  M.gen.scripts, err = scripted.load(M.gen, config)
  assert(not err, err and err.message)
  return M.gen, core
end

--- Asks for a model, or with the options of fake.request(); `outer` is the context of a request
-- that asks.
-- @param ... summaries of the attempts
function M.ask(options, ...)
  if type(options) == "string" then options = { model = options } end
  options.body = options.body or '{"model":"' .. options.model .. '","messages":[]}'
  local req = fake.request(options, ...)
  scripted.serve(M.gen, req, M.CHAT, M.gen.dialects["openai-chat"], "app", options.outer)
  assert(req.recorded, "not recorded")
  return req
end

--- The targets that were tried, in order.
function M.tried(req)
  local list = {}
  for i, options in ipairs(req.attempts) do list[i] = options.target end
  return table.concat(list, " ")
end

return M
