-- The adapter anthropic: what is peculiar about Claude, model by model, and what its errors mean.
local fake = require("spec.support.fake_core")

local core, adapter, dialect

local function family(model)
  return require("tide.families").find(adapter.families, model)
end

local function ask(model, rq)
  local warned = {}
  rq.messages = { { role = "user", content = { { type = "text", text = "hi" } } } }
  local body = dialect.encode_request(rq, {
    op = "chat", model = model, traits = family(model).traits,
    warn = function(what) warned[#warned + 1] = what end,
  })
  return core.decode(core.encode(body)), warned
end

local function verdict(status, body)
  local classify = require("tide.classify")
  return classify.summary({ status = status, headers = {}, body = body }, adapter.errors, 0,
    dialect.read_error)
end

describe("the adapter anthropic", function()
  before_each(function()
    core = fake.install()
    local loaded = require("tide.adapters").load()
    adapter, dialect = loaded.adapters.anthropic, loaded.dialects["anthropic-messages"]
  end)

  it("says where it is and which key it takes", function()
    assert.equal("https://api.anthropic.com", adapter.base_url)
    assert.same({ "header", "x-api-key", "ANTHROPIC_API_KEY" },
      { adapter.auth.type, adapter.auth.name, adapter.auth.secret })
    assert.equal("anthropic-messages", adapter.dialect.name)
    assert.equal("2023-06-01", dialect.headers["anthropic-version"])
    assert.same({ "anthropic-beta", "anthropic-version" }, adapter.forward_headers)
  end)

  it("asks each model to think in the way that it knows", function()
    local high = { reasoning = { effort = "xhigh" } }
    for _, model in ipairs({ "claude-opus-5", "claude-opus-4-8", "claude-opus-4-7-20260416",
      "claude-sonnet-5", "claude-fable-5", "claude-mythos-5", "claude-next-9" }) do
      local body = ask(model, high)
      assert.same({ type = "adaptive" }, body.thinking, model)
      assert.equal("xhigh", body.output_config.effort, model)
    end
    for _, model in ipairs({ "claude-opus-4-6", "claude-sonnet-4-6" }) do
      local body = ask(model, high)
      assert.same({ "adaptive", "high" }, { body.thinking.type, body.output_config.effort })
    end
    local body = ask("claude-opus-4-5-20251101", { reasoning = { effort = "medium" } })
    assert.same({ "enabled", "medium" }, { body.thinking.type, body.output_config.effort })
    for _, model in ipairs({ "claude-sonnet-4-5", "claude-haiku-4-5", "claude-opus-4-1",
      "claude-sonnet-4-20250514", "claude-opus-4-20250514", "claude-3-7-sonnet-latest" }) do
      body = ask(model, { reasoning = { effort = "medium" } })
      assert.equal(8192, body.thinking.budget_tokens, model)
      assert.is_nil(body.output_config)
    end
    assert.is_nil(ask("claude-3-5-haiku-latest", { reasoning = { effort = "low" } }).thinking)
  end)

  it("switches thinking off as each model wants it said", function()
    local off = { reasoning = { effort = "none" } }
    local expected = {
      ["claude-opus-5"] = "disabled", ["claude-sonnet-5"] = "disabled",
      ["claude-haiku-5-5"] = "disabled", ["claude-sonnet-5-5"] = "between_tools",
    }
    for model, type_ in pairs(expected) do
      assert.equal(type_, ask(model, off).thinking.type, model)
    end
    for _, model in ipairs({ "claude-opus-4-7", "claude-opus-4-6", "claude-sonnet-4-5" }) do
      local body, warned = ask(model, off)
      assert.is_nil(body.thinking)
      assert.same({}, warned)
    end
    local body, warned = ask("claude-fable-5", off)
    assert.is_nil(body.thinking)
    assert.equal("low", body.output_config.effort)
    assert.same({ "reasoning effort none" }, warned)
  end)

  it("leaves out sampling where a model refuses it, for clients of its own dialect too", function()
    local body = '{"model":"m","temperature":0.5,"top_p":0.9,"top_k":3}'
    for _, model in ipairs({ "claude-opus-4-7", "claude-opus-4-8", "claude-opus-5",
      "claude-opus-5-5", "claude-sonnet-5", "claude-fable-5", "claude-mythos-5" }) do
      local list = {}
      local warning = require("tide.params").apply(family(model).params,
        fake.request({ body = body }), "chat", list)
      assert.equal("dropped temperature, top_p, top_k", warning)
      assert.is_nil(ask(model, { temperature = 0.5 }).temperature)
    end
    for _, model in ipairs({ "claude-opus-4-6", "claude-sonnet-4-5", "claude-3-7-sonnet-latest",
      "claude-next-9" }) do
      assert.is_nil(family(model).params, model)
    end
    local translated = ask("claude-sonnet-4-5", { temperature = 0.5, top_p = 0.9 })
    assert.equal(0.5, translated.temperature)
    assert.is_nil(translated.top_p)
    assert.equal(0.9, ask("claude-3-5-sonnet-latest", { temperature = 0.5, top_p = 0.9 }).top_p)
  end)

  it("asks for as much as a model may write", function()
    local expected = {
      ["claude-opus-5"] = 128000, ["claude-sonnet-4-5"] = 64000, ["claude-opus-4-1"] = 32000,
      ["claude-sonnet-4-0"] = 64000, ["claude-3-5-haiku-latest"] = 8192,
      ["claude-3-haiku-20240307"] = 4096,
    }
    for model, count in pairs(expected) do
      assert.equal(count, ask(model, {}).max_tokens, model)
    end
  end)

  it("emulates structured output for models from before it", function()
    local format = { type = "json_schema", schema = core.raw('{"type":"object"}') }
    for _, model in ipairs({ "claude-opus-4-1", "claude-sonnet-4-5", "claude-haiku-4-5" }) do
      assert.equal("json_schema",
        ask(model, { response_format = format }).output_config.format.type)
    end
    local older = { "claude-opus-4-0", "claude-sonnet-4-20250514", "claude-3-7-sonnet" }
    for _, model in ipairs(older) do
      local body = ask(model, { response_format = format })
      assert.is_nil(body.output_config)
      assert.equal("tool", body.tool_choice.type)
    end
  end)

  it("does not force tools on models that refuse it", function()
    local tools = { { type = "function", name = "f" } }
    local rq = { tools = tools, tool_choice = { type = "required" } }
    assert.equal("auto", ask("claude-fable-5", rq).tool_choice.type)
    assert.equal("auto", ask("claude-opus-5-5", rq).tool_choice.type)
    assert.equal("any", ask("claude-opus-5", rq).tool_choice.type)
  end)

  it("T-37 knows what its errors mean", function()
    local function err(type_, message, details)
      return core.encode({
        type = "error", request_id = "req_1",
        error = { type = type_, message = message or "m", details = details },
      })
    end
    local cases = {
      { 400, err("invalid_request_error", "prompt is too long: 9 tokens > 5 maximum"),
        "context_length" },
      { 400, err("invalid_request_error", "Your credit balance is too low to access the API"),
        "quota" },
      { 400, err("invalid_request_error"), "bad_request" },
      { 401, err("authentication_error"), "auth" }, { 402, err("billing_error"), "quota" },
      { 403, err("permission_error"), "auth" }, { 404, err("not_found_error"), "no_target" },
      { 413, err("request_too_large"), "too_large" },
      { 429, err("rate_limit_error"), "rate_limited" },
      { 429, err("rate_limit_error", "m", { error_code = "enforced_spend_limit_reached" }),
        "quota" },
      { 500, err("api_error"), "upstream_5xx" }, { 504, err("timeout_error"), "timeout" },
      { 529, err("overloaded_error"), "overloaded" },
    }
    for _, case in ipairs(cases) do
      local found = verdict(case[1], case[2])
      assert.equal(case[3], found.kind, case[2])
    end
    assert.equal("credential", verdict(cases[10][1], cases[10][2]).action)
    assert.equal("never", verdict(403, err("permission_error")).action)
  end)
end)
