local fake = require("spec.support.fake_core")

local plan, plans, registry

local function load(config, cost)
  config = config or {
    providers = {
      openai = { keys = { { value = { secret = "k" } } } }, groq = { retry = { max = 9 } },
    },
    models = {
      ["gpt-4o"] = "openai/gpt-4o",
      smart = { targets = { "groq/l", "openai/g" }, retry = { max = 1 }, timeout = { idle = 7 } },
      quick = "smart",
    },
    timeout = { total = 100 },
  }
  fake.install({ config = config })
  plan = require("tide.plan")
  local adapters = require("tide.adapters").load()
  registry = require("tide.models").build(config,
    require("tide.providers").build(config, adapters.adapters))
  plans = plan.new(registry, cost)
end

local function problem(value)
  local found, message = plan.of(plans, value, "other")
  assert.is_nil(found)
  return message
end

local function targets(found)
  local list = {}
  for i, lane in ipairs(found.lanes.chat) do list[i] = lane.target end
  return list
end

describe("tide.plan", function()
  before_each(function() load() end)

  it("compiles targets in their order, of groups as well", function()
    local found = plan.of(plans, { targets = { "openai/x", "smart" } }, "auto")
    assert.same({ "openai/x", "groq/l", "openai/g" }, targets(found))
    assert.same({ "auto", 6, 100 }, { found.metric_model, found.attempts, found.total })
  end)

  it("takes the settings of the model over the provider's, and the plan's over both", function()
    local found = plan.of(plans, { model = "quick" }, "other")
    assert.same({ 2, 7 }, { found.attempts, found.lanes.chat[1].timeout.idle })
    found = plan.of(plans,
      { model = "smart", retry = { max = 3 }, timeout = { first_token = 2, total = 5 } }, "other")
    local timeout = found.lanes.chat[1].timeout
    assert.same({ 4, 5, 7, 2 }, { found.attempts, found.total, timeout.idle, timeout.first_token })
    assert.equal(10, plan.of(plans, { model = "groq/x" }, "other").attempts)
  end)

  it("always writes the model into the body: the client may have asked for another", function()
    local found = plan.of(plans, { model = "gpt-4o" }, "other")
    assert.equal('"gpt-4o"', found.lanes.chat[1].model_text)
  end)

  it("compiles the same contents once", function()
    local function make() return { targets = { "openai/x" }, retry = { max = 2 } } end
    local first = plan.of(plans, make(), "other")
    assert.equal(first, plan.of(plans, make(), "other"))
    assert.not_equal(first, plan.of(plans, make(), "smart"))
    assert.not_equal(first, plan.of(plans, { targets = { "openai/x" } }, "other"))
    assert.not_equal(first, plan.of(plans, { targets = { "openai/x", "groq/y" } }, "other"))
    assert.not_equal(first, plan.of(plans,
      { targets = { "openai/x" }, timeout = { total = 2 } }, "other"))
  end)

  it("keeps a bounded number of plans, the ones in use among them", function()
    local first = plan.of(plans, { model = "smart" }, "other")
    for i = 1, 400 do plan.of(plans, { model = "openai/" .. i }, "other") end
    assert.equal(first, plan.of(plans, { model = "smart" }, "other"))
    for i = 1, 2000 do plan.of(plans, { model = "openai/" .. i }, "other") end
    assert.not_equal(first, plan.of(plans, { model = "smart" }, "other"))
    assert.is_true(plans.count <= 256)
  end)

  it("does not mistake one plan for another whose texts run together", function()
    local a = plan.of(plans, { targets = { "openai/a", "openai/b" } }, "other")
    local b = plan.of(plans, { targets = { "openai/aopenai/b" } }, "other")
    assert.equal(2, #a.lanes.chat)
    assert.equal(1, #b.lanes.chat)
    assert.is_truthy(plan.of(plans, { targets = { "openai/x" }, pick = "ordered" }, "other"))
    assert.matches("neither", problem({ targets = { "openai/x", "pick", "ordered" } }))
    assert.is_truthy(plan.of(plans, { model = "smart", retry = { max = 2 } }, "other"))
    assert.matches("unknown field", problem({ retry = { max = 2, model = "smart" } }))
    assert.is_truthy(plan.of(plans, { retry = { max = 2 }, model = "smart" }, "other"))
    assert.matches("unknown field", problem({ retry = { model = "smart", max = 2 } }))
  end)

  it("says whether there is something for this request alone, and checks that each time", function()
    local function has_more(value) return (select(2, plan.of(plans, value, "other"))) end
    assert.is_false(has_more({ model = "smart" }))
    assert.is_true(has_more({ model = "smart", headers = { ["x-a"] = "b" } }))
    assert.is_true(has_more({ model = "smart", hold = true }))
    assert.is_true(has_more({ model = "smart", params = { seed = 1, user = false } }))
    assert.is_true(has_more({ model = "smart", shadow = { target = "groq/x", ratio = 0.5 } }))
    assert.matches("control characters", problem({ model = "smart", headers = { a = "b\n" } }))
    assert.matches("by the gateway", problem({ model = "smart", headers = { Host = "b" } }))
    assert.matches("no name", problem({ model = "smart", headers = { "b" } }))
    assert.matches("hold must be", problem({ model = "smart", hold = 1.5 }))
    assert.matches("hold must be", problem({ model = "smart", hold = "all" }))
    assert.matches("cannot be set", problem({ model = "smart", params = { model = "x" } }))
    assert.matches("named fields", problem({ model = "smart", params = { 1 } }))
    assert.matches("params must be", problem({ model = "smart", params = 1 }))
    assert.matches("headers must be", problem({ model = "smart", headers = "x" }))
    assert.matches("0 to 1", problem({ model = "smart", shadow = { target = "a", ratio = 2 } }))
    assert.matches("needs a `target`", problem({ model = "smart", shadow = {} }))
    assert.matches("did you mean 'target'", problem({ model = "smart", shadow = { traget = 1 } }))
    assert.matches("did you mean 'groq'",
      problem({ model = "smart", shadow = { target = "grok/x" } }))
  end)

  it("runs nothing of a script's while it reads a plan", function()
    local function other()
      return setmetatable({}, { __index = function() error("was read") end })
    end
    assert.matches("`targets` must be a plain table", problem({ targets = other() }))
    assert.matches("`retry` must be a plain table", problem({ model = "smart", retry = other() }))
    assert.matches("`shadow` must be a plain table", problem({ model = "smart", shadow = other() }))
    assert.is_truthy(plan.of(plans, { model = "smart", retry = { max = 1 } }, "other"))
    assert.matches("`retry`", problem({ model = "smart", retry = other() }))
  end)

  it("refuses what it does not know, with what was meant", function()
    assert.equal("unknown field 'targts' (did you mean 'targets'?)",
      problem({ targts = { "openai/x" } }))
    assert.equal("'hedge' is not a field of this version",
      problem({ model = "smart", hedge = { after = "p95" } }))
    assert.matches("'key' is not", problem({ model = "smart", key = "u" }))
    assert.equal("unknown provider 'opnai' (did you mean 'openai'?)",
      problem({ targets = { "openai/x", "opnai/x" } }))
    assert.matches("did you mean 'smart'", problem({ model = "smrt" }))
    assert.equal('pick = "fastest" is not part of this version',
      problem({ model = "smart", pick = "fastest" }))
    assert.matches("did you mean 'ordered'", problem({ model = "smart", pick = "orderd" }))
    assert.matches("needs a function `cost`", problem({ model = "smart", pick = "cost" }))
    assert.equal("retry: unknown field 'mx' (did you mean 'max'?)",
      problem({ model = "smart", retry = { mx = 1 } }))
  end)

  it("refuses a plan that says nothing, too much or nonsense", function()
    assert.matches("must be a table", problem(17))
    assert.equal("needs `targets` or `model`", problem({}))
    assert.matches("both", problem({ model = "smart", targets = { "openai/x" } }))
    assert.matches("names no target", problem({ targets = {} }))
    assert.matches("must be a table, not a string", problem({ targets = "openai/x" }))
    assert.matches("must be a string", problem({ targets = { 1 } }))
    assert.matches("must be a list", problem({ targets = { a = "openai/x" } }))
    assert.matches("whole number", problem({ model = "smart", retry = { max = 0.5 } }))
    assert.matches("whole number", problem({ model = "smart", retry = { max = -1 } }))
    assert.matches("number of seconds", problem({ model = "smart", timeout = { total = 0 / 0 } }))
    assert.matches("number of seconds", problem({ model = "smart", timeout = { idle = 0 } }))
    local many = {}
    for i = 1, 65 do many[i] = "openai/x" end
    assert.matches("more than 64", problem({ targets = many }))
  end)

  it("takes pick = \"cheapest\", and that of the model where it says nothing", function()
    assert.equal("cheapest", plan.of(plans, { model = "smart", pick = "cheapest" }, "other").pick)
    assert.equal("ordered", plan.of(plans, { model = "smart" }, "other").pick)
  end)

  it("takes pick = \"cost\" from a policy that has one", function()
    load(nil, function() return 1 end)
    assert.equal("cost", plan.of(plans, { model = "smart", pick = "cost" }, "other").pick)
  end)
end)
