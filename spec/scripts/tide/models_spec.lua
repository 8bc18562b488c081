local fake = require("spec.support.fake_core")

local models

local function build(definitions, more)
  local config = {
    models = definitions,
    providers = { openai = { keys = { { value = {} }, { value = {} } } }, groq = {}, mock = {} },
  }
  for name, value in pairs(more or {}) do config[name] = value end
  fake.install({ config = config, files = config.files })
  models = require("tide.models")
  local adapters = require("tide.adapters").load().adapters
  local tables = assert(require("tide.model_tables").load())
  local providers = assert(require("tide.providers").build(config, adapters, nil, tables))
  return models.build(config, providers)
end

local function labels(plan, op)
  local list = {}
  for i, lane in ipairs(plan.lanes[op or "chat"]) do list[i] = lane.label end
  return list
end

describe("tide.models", function()
  it("resolves provider/model with everything behind the first slash as the model", function()
    local registry = build({})
    local plan = models.find(registry, "groq/openai/gpt-oss-120b")
    assert.same({ "groq/openai/gpt-oss-120b#1" }, labels(plan))
    assert.equal("openai/gpt-oss-120b", plan.lanes.chat[1].model)
    assert.equal('"openai/gpt-oss-120b"', plan.lanes.chat[1].model_text)
  end)

  it("orders lanes by target, then by credential", function()
    local registry = build({ smart = { "openai/gpt-4o", "groq/llama" } })
    assert.same({ "openai/gpt-4o#1", "openai/gpt-4o#2", "groq/llama#1" },
      labels(models.find(registry, "smart")))
  end)

  it("takes a configured name before a provider's", function()
    local registry = build({ ["groq/llama"] = "openai/gpt-4o" })
    assert.same({ "openai/gpt-4o#1", "openai/gpt-4o#2" },
      labels(models.find(registry, "groq/llama")))
  end)

  it("lets a group contain the target that it is named after", function()
    local registry = build({ ["groq/llama"] = { "groq/llama", "mock/gpt" } })
    assert.same({ "groq/llama#1", "mock/gpt#1" }, labels(models.find(registry, "groq/llama")))
  end)

  it("follows aliases and groups of groups, each target once", function()
    local registry = build({
      a = "b", b = { "groq/x", "c" }, c = { targets = { "groq/x", "mock/gpt" } },
    })
    assert.same({ "groq/x#1", "mock/gpt#1" }, labels(models.find(registry, "a")))
  end)

  it("gives an alias the settings of what it stands for", function()
    local registry = build({
      a = "b", b = { targets = { "groq/x" }, retry = { max = 1 }, timeout = { total = 9 } },
    })
    local plan = models.find(registry, "a")
    assert.same({ 2, 9 }, { plan.attempts, plan.total })
  end)

  it("T-05 merges times per lane", function()
    local registry = build({ m = { targets = { "openai/o3", "groq/x" }, timeout = { idle = 4 } } },
      { timeout = { head = 200 } })
    local lanes = models.find(registry, "m").lanes.chat
    assert.same({ connect = 3, first_token = 300, head = 200, idle = 4 }, lanes[1].timeout)
    assert.equal(60, lanes[3].timeout.first_token)
  end)

  it("refuses circles when loading", function()
    local registry, err = build({ a = "b", b = "a" })
    assert.is_nil(registry)
    assert.equal("models.b", err.path)
    assert.matches("leads back to itself", err.message)
    registry, err = build({ a = "a" })
    assert.is_nil(registry)
    assert.matches("leads back to itself", err.message)
  end)

  it("names the target that is wrong", function()
    local _, err = build({ smart = { targets = { "groq/x", "gorq/y" } } })
    assert.equal("models.smart.targets.2", err.path)
    assert.equal("unknown provider 'gorq' (did you mean 'groq'?)", err.message)
    _, err = build({ smart = { "mistral/m" } })
    assert.equal("unknown provider 'mistral': there is an adapter of that name, which `providers` "
      .. "has to name", err.message)
    _, err = build({ smart = { "nothing" } })
    assert.equal("models.smart.1", err.path)
    _, err = build({ smart = "nothing" })
    assert.equal("models.smart", err.path)
    _, err = build({ smart = {} })
    assert.matches("names no target", err.message)
  end)

  it("finds nothing for names that are no model", function()
    local registry = build({ smart = "groq/x" })
    for _, name in ipairs({ "nope", "nobody/x", "groq/", "/x", "" }) do
      assert.is_nil(models.find(registry, name))
    end
    assert.matches("did you mean 'smart'", models.explain(registry, "smrt"))
    assert.matches("unknown provider 'nobody'", models.explain(registry, "nobody/x"))
  end)

  it("keeps a bounded number of plans for names that are not configured", function()
    local registry = build({})
    local first = models.find(registry, "groq/m1")
    assert.equal(first, models.find(registry, "groq/m1"))
    for i = 1, 5000 do models.find(registry, "groq/m" .. i) end
    local count = 0
    for _, half in ipairs({ registry.young, registry.old }) do
      for _ in pairs(half) do count = count + 1 end
    end
    assert.is_true(count <= 1024)
  end)

  it("keeps a plan in use when the cache turns over", function()
    local registry = build({})
    local plan = models.find(registry, "groq/used")
    for i = 1, 3000 do
      models.find(registry, "groq/m" .. i)
      if i % 100 == 0 then assert.equal(plan, models.find(registry, "groq/used")) end
    end
  end)

  it("gives metrics a bounded set of names", function()
    local registry = build({ smart = "groq/x" })
    assert.equal("smart", models.find(registry, "smart").metric_model)
    assert.equal("mock/gpt", models.find(registry, "mock/gpt").metric_model)
    assert.equal("other", models.find(registry, "groq/anything").metric_model)
  end)

  local function by_id(registry)
    local result = {}
    for _, entry in ipairs(models.list(registry)) do result[entry.id] = entry end
    return result
  end

  it("lists configured names first, then what adapters and their tables list, in order", function()
    local registry = build({ zebra = "groq/x", alpha = "groq/x" })
    local list = models.list(registry)
    assert.same({ "alpha", "zebra" }, { list[1].id, list[2].id })
    assert.equal("groq", list[3].owned_by)
    for i = 4, #list do assert.is_true(list[i - 1].id < list[i].id) end
    local known = by_id(registry)
    assert.is_truthy(known["groq/llama-3.1-8b-instant"] and known["mock/gpt"])
    assert.same({ id = "openai/gpt-4o", owned_by = "openai", context = 128000, max_output = 16384,
      caps = { "cache", "files", "json", "tools", "vision" } }, known["openai/gpt-4o"])
    assert.is_nil(known["openai/gpt-image-1"]) -- no operation of the adapter's
  end)

  it("lists of a provider what the configuration names, and nothing else", function()
    local known = by_id(build({}, { providers = {
      openai = { models = { "gpt-4o" } },
      mine = { extends = "openai", base_url = "http://localhost/v1",
        models = { ["gpt-4o"] = { context = 5 } } },
    } }))
    assert.same({ ["openai/gpt-4o"] = known["openai/gpt-4o"], ["mine/gpt-4o"] = {
      id = "mine/gpt-4o", owned_by = "mine", context = 5 } }, known)
    assert.equal(128000, known["openai/gpt-4o"].context)
  end)

  it("does not list what has been taken back", function()
    local files = { ["adapters/models/groq.lua"] = [[return tide.models { models = {
      old = { context = 1, caps = { "tools" }, retires = "2023-11-13" },
      new = { context = 1, caps = { "tools" }, retires = "2023-11-16" },
    } }]] }
    local known = by_id(build({}, { files = files, providers = { groq = {} } }))
    assert.is_nil(known["groq/old"]) -- it is 2023-11-14 here
    assert.is_truthy(known["groq/new"])
  end)

  it("uses for an operation only lanes that offer it", function()
    local registry = build({ both = { "groq/x", "openai/text-embedding-3-small" } })
    assert.same({ "openai/text-embedding-3-small#1", "openai/text-embedding-3-small#2" },
      labels(models.find(registry, "both"), "embed"))
  end)
end)
