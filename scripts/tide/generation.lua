-- One generation as requests use it: built from the bytes that C holds, beside the one that serves,
-- and in many turns of the loop. What has not changed is taken from the generation before.
local core = require("core")
local adapters = require("tide.adapters")
local cors = require("tide.cors")
local later = require("tide.later")
local loader = require("tide.loader")
local model_tables = require("tide.model_tables")
local models = require("tide.models")
local providers = require("tide.providers")
local scripts = require("tide.scripts")
local timers = require("tide.timers")

local scripted = later("tide.scripted")

local M = {}

local function take_models(gen, previous)
  for _, field in ipairs({ "providers", "registry", "origins" }) do
    gen[field] = previous[field]
  end
  return true
end

local function make_models(gen)
  local err
  gen.providers, err = providers.build(gen.config, gen.adapters.adapters, nil, gen.tables)
  if not gen.providers then return nil, err end
  gen.registry, err = models.build(gen.config, gen.providers)
  if not gen.registry then return nil, err end
  core.next_turn()
  gen.origins = cors.compile(gen.config.cors)
  return true
end

local function fill(gen, previous)
  local err
  gen.adapters, err = adapters.load(nil, previous and previous.adapters,
    providers.wanted_adapters(gen.config))
  if not gen.adapters then return nil, err end
  gen.dialects = gen.adapters.dialects
  core.next_turn()
  gen.tables, err = model_tables.load(nil, previous and previous.tables)
  if not gen.tables then return nil, err end
  local is_same = previous and gen.settings == previous.settings
    and gen.adapters == previous.adapters and gen.tables == previous.tables
  local ok
  ok, err = (is_same and take_models or make_models)(gen, previous)
  if not ok then return nil, err end
  if scripts.are_there(gen.config) then gen.scripts, err = scripted.load(gen, gen.config) end
  return err == nil, err
end

--- Ends what the files of a generation began that the one in force does not have.
function M.forget(gen, in_force)
  timers.stop(gen, in_force or { files = {} })
end

--- From now on `gen` is in force.
-- @tparam table|nil previous what was
function M.start(gen, previous)
  timers.start(gen)
  if previous then timers.stop(previous, gen) end
end

--- Builds the generation that C offers (y, but at one go outside a task).
-- @tparam table|nil previous the one in force
-- @treturn table|nil { number =, source =, config =, settings =, needs_client =, adapters =,
--   dialects = by name, providers =, registry =, origins =, files = by path, scripts = of
--   scripted.load() or nil }
-- @treturn nil|table { path =, message = } of the configuration, or { file =, line =, message = }
function M.build(previous)
  local source = core.generation()
  local gen = {
    number = source:number(),
    source = source,
    config = source:config(),
    settings = source:settings(),
    needs_client = source:needs_client(),
  }
  core.config = gen.config
  loader.begin(gen.settings, previous and previous.files)
  local ok, err = fill(gen, previous)
  gen.files = loader.finish()
  if ok then return gen end
  M.forget(gen, previous)
  return nil, err
end

return M
