local fake = require("spec.support.fake_core")

describe("tide.config_view", function()
  local view

  local config = {
    folder = "/etc/tidegate",
    pick = "ordered",
    retry = { max = 2 },
    defaults = { retry = { max = 5 }, timeout = { connect = 3 } },
    middleware = { "a", "b" },
    models = { ["gpt-4.1"] = { targets = { "openai/gpt-4.1" } } },
    providers = {
      one = { base_url = "http://x", keys = { { value = io.stdout, name = "main" } } },
    },
  }

  before_each(function()
    fake.install()
    view = require("tide.config_view")
  end)

  it("finds a value by its path", function()
    assert.equal("ordered", view.get(config, "pick"))
    assert.equal(2, view.get(config, "retry.max"))
    assert.equal("b", view.get(config, "middleware.2"))
    assert.is_nil(view.get(config, "retry.max.more"))
    assert.is_nil(view.get(config, "nothing.here"))
  end)

  it("gives the default where nothing is written", function()
    assert.equal(3, view.get(config, "timeout.connect"))
  end)

  it("takes names with dots one by one", function()
    assert.same({ "openai/gpt-4.1" }, view.get(config, "models", "gpt-4.1", "targets"))
  end)

  it("gives copies without secrets", function()
    local providers = view.get(config, "providers")
    assert.same({ one = { base_url = "http://x", keys = { { name = "main" } } } }, providers)
    providers.one.base_url = "changed"
    assert.equal("http://x", config.providers.one.base_url)
    assert.is_nil(view.get(config, "providers.one.keys.1.value"))
  end)

  it("hides what the loader has added", function()
    assert.is_nil(view.get(config, "folder"))
    assert.is_nil(view.get(config, "defaults.retry"))
  end)
end)
