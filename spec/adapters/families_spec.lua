-- What is peculiar about the models of OpenAI and of the services that speak its dialects: each
-- rule once, as it shows in what they are sent.
local fake = require("spec.support.fake_core")

local core, loaded

local RENAMED = { "max_tokens", { rename = "max_completion_tokens" } }

local function family(name, model)
  return require("tide.families").find(loaded.adapters[name].families, model)
end

-- What a client's own body is changed by.
local function edits(name, model, body)
  local compiled, list = family(name, model).params, {}
  if not compiled then return {} end
  local warning = require("tide.params").apply(compiled, fake.request({ body = body }), "chat",
    list)
  return list, warning
end

local function request(more)
  local rq = {
    op = "chat", messages = { { role = "user", content = { { type = "text", text = "hi" } } } },
  }
  for field, value in pairs(more) do rq[field] = value end
  return rq
end

-- What the provider is sent of a canonical request, and what could not be carried.
local function sent(name, model, more, dialect)
  local found, warned = family(name, model), {}
  local call = {
    op = "chat", model = model, traits = found.traits, client_dialect = "anthropic-messages",
    warn = function(what) warned[#warned + 1] = what end,
  }
  local body = loaded.dialects[dialect or "openai-chat"].encode_request(request(more), call)
  if found.params then require("tide.params").apply_table(found.params, body, "chat") end
  return core.decode(core.encode(body)), warned
end

local function way(name, model, more)
  local via = family(name, model).via
  if not via then return "openai-chat" end
  local ways = require("tide.ways")
  local meets = ways.conditions[via.when](request(more or {}))
  return meets and via.dialect.name or "openai-chat"
end

local TOOLS = { tools = { { type = "function", name = "f" } } }
local TOOLS_AND_EFFORT = { tools = TOOLS.tools, reasoning = { effort = "low" } }

local REASONING = { "gpt-5", "gpt-5-mini-2025-08-07", "gpt-5.1", "gpt-5.2", "gpt-5.4", "gpt-5.5",
  "gpt-5.6", "gpt-5.6-sol", "o1", "o3", "o3-mini", "o4-mini" }

describe("Claude on Vertex", function()
  before_each(function()
    core = fake.install()
    loaded = require("tide.adapters").load()
  end)

  local function told(model, more)
    return sent("vertex", model, more, "anthropic-messages")
  end

  it("is called by its address, and says the version of the API", function()
    local body = told("claude-sonnet-4-5@20250929", {})
    assert.is_nil(body.model)
    assert.equal("vertex-2023-10-16", body.anthropic_version)
    assert.equal(64000, body.max_tokens)
    local list = edits("vertex", "claude-sonnet-4-5@20250929", '{"model":"x","max_tokens":5}')
    assert.same({ "model", false, "anthropic_version", '"vertex-2023-10-16"' }, list)
  end)

  it("has the rules of its generation", function()
    local asked = { temperature = 1, reasoning = { effort = "max" } }
    local body, warned = told("claude-opus-4-7", asked)
    assert.is_nil(body.temperature)
    assert.same({ "temperature" }, warned)
    assert.same({ effort = "max" }, body.output_config)
    assert.is_true(family("vertex", "claude-opus-4-7").reasoning)
    assert.is_nil(family("vertex", "gemini-2.5-flash").dialects)
  end)

  it("gives JSON by a schema as the input of a tool", function()
    local schema = { raw = '{"type":"object"}' }
    local body = told("claude-opus-4-6", {
      response_format = { type = "json_schema", name = "a", schema = schema },
    })
    assert.is_nil(body.output_config)
    assert.equal("tool", body.tool_choice.type)
  end)
end)

describe("minimax", function()
  before_each(function()
    core = fake.install()
    loaded = require("tide.adapters").load()
  end)

  it("gets its thoughts back, and is told to think only where it may do otherwise", function()
    local on = { reasoning = { effort = "high" } }
    assert.same({ type = "adaptive" }, sent("minimax", "MiniMax-M3", on).thinking)
    local off = { reasoning = { effort = "none" } }
    assert.same({ type = "disabled" }, sent("minimax", "MiniMax-M3", off).thinking)
    local body, warned = sent("minimax", "MiniMax-M2.5", on)
    assert.is_nil(body.thinking)
    assert.same({ "reasoning" }, warned)
    body = sent("minimax", "MiniMax-M2.5", {
      messages = { { role = "assistant", content = {
        { type = "reasoning", text = "hm" }, { type = "text", text = "yes" },
      } } },
    })
    assert.equal("hm", body.messages[1].reasoning_details[1].text)
    assert.is_true(body.reasoning_split)
  end)
end)

describe("openai", function()
  before_each(function()
    core = fake.install()
    loaded = require("tide.adapters").load()
  end)

  it("calls the limit of reasoning models by its newer name, that of others as it comes", function()
    for _, model in ipairs(REASONING) do
      assert.same(RENAMED, (edits("openai", model, '{"max_tokens":5}')), model)
      assert.is_true(family("openai", model).reasoning, model)
    end
    for _, model in ipairs({ "gpt-4o", "gpt-4.1-mini", "gpt-5-chat-latest", "gpt-3.5-turbo" }) do
      assert.same({}, (edits("openai", model, '{"max_tokens":5,"temperature":0,"stop":"x"}')))
      assert.is_nil(family("openai", model).reasoning)
    end
  end)

  it("keeps back what the first reasoning models refuse, and says so", function()
    local body = '{"temperature":0.5,"top_p":1,"presence_penalty":1,"logprobs":true,"stop":"x"}'
    for _, model in ipairs({ "gpt-5", "gpt-5-nano", "o3", "o4-mini" }) do
      local _, warning = edits("openai", model, body)
      assert.equal("dropped temperature, top_p, logprobs, presence_penalty, stop", warning, model)
    end
    local _, warning = edits("openai", "o1", body)
    assert.equal("dropped temperature, top_p, logprobs, presence_penalty", warning)
    assert.same({}, (edits("openai", "gpt-5.2", body)))
  end)

  it("samples as asked where later models do not think, not where they do", function()
    local plain = { temperature = 0.5 }
    assert.equal(0.5, sent("openai", "gpt-5.2", plain).temperature)
    assert.equal(0.5, sent("openai", "gpt-5.1", plain).temperature)
    local thinks = { temperature = 0.5, reasoning = { effort = "low" } }
    local body, warned = sent("openai", "gpt-5.2", thinks)
    assert.is_nil(body.temperature)
    assert.same({ "temperature" }, warned)
    assert.is_nil(sent("openai", "gpt-5.6", plain).temperature)
    assert.is_nil(sent("openai", "gpt-5.6", plain, "openai-responses").temperature)
    local off = { temperature = 0.5, reasoning = { effort = "none" } }
    assert.equal(0.5, sent("openai", "gpt-5.6", off).temperature)
    assert.equal(0.5, sent("openai", "gpt-5.6", off, "openai-responses").temperature)
  end)

  it("speaks of efforts in the words that a model knows", function()
    local expected = {
      ["gpt-5"] = { none = "minimal", minimal = "minimal", xhigh = "high" },
      ["gpt-5.1"] = { none = "none", minimal = "low", max = "high" },
      ["gpt-5.4"] = { none = "none", minimal = "low", xhigh = "xhigh", max = "xhigh" },
      ["gpt-5.6-terra"] = { minimal = "low", xhigh = "xhigh", max = "max" },
      ["gpt-5.1-codex-max"] = { none = "low", xhigh = "xhigh", max = "xhigh" },
      ["gpt-5-pro"] = { low = "high", medium = "high" },
      ["o3"] = { minimal = "low", medium = "medium", max = "high" },
    }
    for model, words in pairs(expected) do
      for asked, word in pairs(words) do
        local rq = { reasoning = { effort = asked } }
        assert.equal(word, sent("openai", model, rq).reasoning_effort, model .. " " .. asked)
        assert.equal(word, sent("openai", model, rq, "openai-responses").reasoning.effort)
      end
    end
    local body, warned = sent("openai", "gpt-4o", { reasoning = { effort = "high" } })
    assert.is_nil(body.reasoning_effort)
    assert.same({ "reasoning" }, warned)
  end)

  it("tells reasoning models what to do as their developer", function()
    local rq = { system = { { type = "text", text = "Be brief" } } }
    assert.equal("developer", sent("openai", "gpt-5.1", rq).messages[1].role)
    assert.equal("system", sent("openai", "gpt-4o", rq).messages[1].role)
    assert.equal("user", sent("openai", "o1-mini", rq).messages[1].role)
  end)

  it("T-20 sends tools to Responses where chat completions refuse them", function()
    for _, model in ipairs({ "gpt-5.4", "gpt-5.5", "gpt-5.6", "gpt-5.6-luna" }) do
      assert.equal("openai-responses", way("openai", model, TOOLS), model)
      assert.equal("openai-chat", way("openai", model), model)
    end
    assert.equal("openai-chat", way("openai", "gpt-5.2", TOOLS))
    assert.equal("openai-responses", way("openai", "gpt-5.2", TOOLS_AND_EFFORT))
    for _, model in ipairs({ "gpt-5-pro", "gpt-5-codex", "o3-pro", "o4-mini-deep-research" }) do
      assert.equal("openai-responses", way("openai", model), model)
    end
    for _, model in ipairs({ "gpt-5", "gpt-5.1", "gpt-4o", "o3" }) do
      assert.equal("openai-chat", way("openai", model, TOOLS_AND_EFFORT), model)
    end
  end)

  it("asks Responses for sealed reasoning where a model thinks", function()
    assert.same({ "reasoning.encrypted_content" },
      sent("openai", "gpt-5.6", {}, "openai-responses").include)
    assert.is_nil(sent("openai", "gpt-4o", {}, "openai-responses").include)
  end)

  it("says where the prompt is to be cached to models that can be told", function()
    local cached = { messages = { { role = "user", content = {
      { type = "text", text = "long", cache = { type = "ephemeral" } },
    } } } }
    local body = sent("openai", "gpt-5.6", cached, "openai-responses")
    assert.same({ mode = "explicit" }, body.input[1].content[1].prompt_cache_breakpoint)
    local _, warned = sent("openai", "gpt-5.1", cached, "openai-responses")
    assert.same({ "cache_control" }, warned)
  end)
end)

describe("a service like OpenAI", function()
  before_each(function()
    core = fake.install()
    loaded = require("tide.adapters").load()
  end)

  it("deepseek gets back what it thought before it called tools", function()
    local rq = { messages = {
      { role = "user", content = { { type = "text", text = "q" } } },
      { role = "assistant", content = {
        { type = "reasoning", text = "hm" }, { type = "tool_use", id = "c", name = "f",
          arguments = "{}" },
      } },
      { role = "user", content = { { type = "tool_result", id = "c", content = {} } } },
      { role = "assistant", content = { { type = "reasoning", text = "ah" },
        { type = "text", text = "done" } } },
    } }
    local body = sent("deepseek", "deepseek-v4-pro", rq)
    assert.equal("hm", body.messages[2].reasoning_content)
    assert.is_nil(body.messages[4].reasoning_content)
    local native = sent("deepseek", "deepseek-v4-pro", rq, "openai-responses")
    assert.equal("hm", native.input[2].content[1].text)
  end)

  it("deepseek thinks when told to, with the efforts it has", function()
    local body = sent("deepseek", "deepseek-v4-pro", { reasoning = { effort = "medium" } })
    assert.same({ { type = "enabled" }, "high" }, { body.thinking, body.reasoning_effort })
    body = sent("deepseek", "deepseek-v4-flash", { reasoning = { enabled = false } })
    assert.same({ type = "disabled" }, body.thinking)
  end)

  it("mistral gets ids of nine letters and digits, the same in the result", function()
    local body = sent("mistral", "mistral-large-latest", { messages = {
      { role = "assistant", content = { { type = "tool_use", id = "toolu_01A", name = "f",
        arguments = "{}" } } },
      { role = "user", content = { { type = "tool_result", id = "toolu_01A", content = {} } } },
    } })
    local id = body.messages[1].tool_calls[1].id
    assert.matches("^%w%w%w%w%w%w%w%w%w$", id)
    assert.equal(id, body.messages[2].tool_call_id)
  end)

  it("mistral lets nobody speak between the results of tools and the assistant", function()
    local body = sent("mistral", "mistral-large-latest", { messages = {
      { role = "assistant", content = { { type = "tool_use", id = "a", name = "f" } } },
      { role = "user", content = {
        { type = "tool_result", id = "a", content = { { type = "text", text = "1" } } },
        { type = "text", text = "and?" },
      } },
    } })
    assert.equal(2, #body.messages)
    assert.same({ { type = "text", text = "1" }, { type = "text", text = "and?" } },
      body.messages[2].content)
  end)

  it("xai refuses penalties and stop where it reasons, and efforts where it has none", function()
    local body = '{"presence_penalty":1,"stop":"x","frequency_penalty":1}'
    local _, warning = edits("xai", "grok-4", body)
    assert.equal("dropped presence_penalty, frequency_penalty, stop", warning)
    assert.same({}, (edits("xai", "grok-3", body)))
    local rq = { reasoning = { effort = "medium" } }
    assert.is_nil(sent("xai", "grok-4", rq).reasoning_effort)
    assert.equal("high", sent("xai", "grok-3-mini", rq).reasoning_effort)
    assert.equal("medium", sent("xai", "grok-4.3", rq).reasoning_effort)
  end)

  it("groq has efforts of its own, and no names of speakers", function()
    local rq = { reasoning = { effort = "high" } }
    assert.equal("default", sent("groq", "qwen/qwen3-32b", rq).reasoning_effort)
    assert.equal("high", sent("groq", "openai/gpt-oss-120b", rq).reasoning_effort)
    assert.is_nil(sent("groq", "llama-3.3-70b-versatile", rq).reasoning_effort)
    local body = sent("groq", "llama-3.3-70b-versatile", { messages = {
      { role = "user", name = "bob", content = { { type = "text", text = "hi" } } },
    } })
    assert.is_nil(body.messages[1].name)
  end)

  it("openrouter gets reasoning as an object, and the details of what was thought", function()
    local body = sent("openrouter", "anthropic/claude-opus-5", {
      reasoning = { budget = 2000 }, messages = {
        { role = "assistant", content = {
          { type = "reasoning", text = "hm", signature = "S", format = "anthropic" },
          { type = "text", text = "A", cache = { type = "ephemeral" } },
        } },
      },
    })
    assert.equal(2000, body.reasoning.max_tokens)
    assert.equal("S", body.messages[1].reasoning_details[1].signature)
  end)

  it("moonshot, qwen and zhipu switch thinking on in their own ways", function()
    local on = { reasoning = { effort = "high" } }
    assert.same({ type = "enabled" }, sent("moonshot", "kimi-k2.6", on).thinking)
    assert.equal("high", sent("moonshot", "kimi-k3", on).reasoning_effort)
    assert.is_true(sent("qwen", "qwen3-max", on).enable_thinking)
    assert.same({ type = "enabled" }, sent("zhipu", "glm-4.7", on).thinking)
    local _, warning = edits("moonshot", "kimi-k3", '{"temperature":0.2}')
    assert.equal("dropped temperature", warning)
  end)

  it("gets the older name of the limit where it knows no other", function()
    for _, name in ipairs({ "deepseek", "mistral", "together", "fireworks", "perplexity", "qwen",
      "moonshot", "zhipu", "lmstudio" }) do
      assert.equal(9, sent(name, "m", { max_tokens = 9 }).max_tokens, name)
    end
    for _, name in ipairs({ "groq", "xai", "openrouter", "cerebras", "vllm" }) do
      assert.equal(9, sent(name, "m", { max_tokens = 9 }).max_completion_tokens, name)
    end
  end)
end)

describe("azure", function()
  local build

  before_each(function()
    core = fake.install()
    loaded = require("tide.adapters").load()
    build = function(name, entry)
      return assert(require("tide.providers").build({ providers = { [name] = entry } },
        loaded.adapters))[name]
    end
  end)

  local function endpoint(provider, op, dialect, model)
    local address = require("tide.address")
    return address.of(provider, provider.credentials[1], op, loaded.dialects[dialect], false,
      model)
  end

  local function header(made, name)
    for _, line in ipairs(made.headers) do
      if line[1] == name then return line[2], line[3] end
    end
  end

  it("has the v1 API, in which the deployment is the body's model", function()
    local provider = build("azure", { resource = "res", keys = { { value = "k" } } })
    local made = endpoint(provider, "chat", "openai-chat", "gpt-5.4")
    assert.equal("https://res.openai.azure.com", made.url)
    assert.equal("/openai/v1/chat/completions", made.path)
    assert.equal("k", header(made, "api-key"))
    assert.equal("/openai/v1/responses",
      endpoint(provider, "chat", "openai-responses", "gpt-5.4").path)
    assert.equal("/openai/v1/embeddings", endpoint(provider, "embed", "openai-chat", "e").path)
  end)

  it("has the classic API, in which the deployment stands in the path", function()
    local provider = build("eu", { extends = "azure", base_url = "https://eu.example.com",
      api_version = "2024-10-21", keys = { { value = "k" } } })
    local made = endpoint(provider, "chat", "openai-chat", "my gpt")
    assert.equal("https://eu.example.com", made.url)
    assert.equal("/openai/deployments/my%20gpt/chat/completions?api-version=2024-10-21", made.path)
    assert.equal("/openai/deployments/e/embeddings?api-version=2024-10-21",
      endpoint(provider, "embed", "openai-chat", "e").path)
    assert.is_nil(provider.dialects["openai-responses"])
  end)

  it("at another address is Azure all the same, with all its dialects", function()
    local provider = build("eu", { extends = "azure", base_url = "https://eu.example.com" })
    assert.is_table(provider.dialects["openai-responses"])
    assert.is_nil(build("other", { extends = "openai", base_url = "https://x.example.com" })
      .dialects["openai-responses"])
  end)

  it("takes a token of Entra ID as a bearer", function()
    local provider = build("azure_entra", { resource = "res", keys = { { value = "t" } } })
    local scheme, secret = header(endpoint(provider, "chat", "openai-chat", "m"), "authorization")
    assert.equal("Bearer t", scheme .. secret)
  end)

  it("is not started without a configuration: its address is not known", function()
    fake.install({ config = { zero = true }, env = { AZURE_OPENAI_API_KEY = "k" } })
    local providers = require("tide.providers").build({ zero = true }, loaded.adapters)
    assert.is_nil(providers.azure)
  end)

  it("T-37 knows what its errors mean", function()
    local classify = require("tide.classify")
    local filtered = '{"error":{"message":"The response was filtered due to the prompt triggering'
      .. " Azure OpenAI's content management policy.\",\"code\":null,\"innererror\":"
      .. '{"code":"ResponsibleAIPolicyViolation"}}}'
    local cases = {
      { 400, filtered, "content_filter", "client" },
      { 400, '{"error":{"code":"content_filter","message":"x"}}', "content_filter", "client" },
      { 404, '{"error":{"code":"DeploymentNotFound","message":"x"}}', "no_target", "never" },
      { 401, '{"error":{"code":"401","message":"x"}}', "auth", "credential" },
      { 429, '{"error":{"code":"429","message":"x"}}', "rate_limited", "next" },
      { 429, '{"statusCode":429,"message":"Rate limit is exceeded"}', "rate_limited", "next" },
    }
    for _, case in ipairs(cases) do
      local found = classify.summary({ status = case[1], headers = {}, body = case[2] },
        loaded.adapters.azure.errors, 0)
      assert.same({ case[3], case[4] }, { found.kind, found.action }, case[2])
    end
  end)
end)
