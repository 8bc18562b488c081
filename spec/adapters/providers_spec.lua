-- What holds for every adapter of an OpenAI-compatible provider, and the quirks of each.
local fake = require("spec.support.fake_core")

local adapters

local PROVIDERS = {
  openai = { "https://api.openai.com/v1", "OPENAI_API_KEY" },
  deepseek = { "https://api.deepseek.com", "DEEPSEEK_API_KEY" },
  groq = { "https://api.groq.com/openai/v1", "GROQ_API_KEY" },
  mistral = { "https://api.mistral.ai/v1", "MISTRAL_API_KEY" },
  xai = { "https://api.x.ai/v1", "XAI_API_KEY" },
  openrouter = { "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY" },
  together = { "https://api.together.ai/v1", "TOGETHER_API_KEY" },
  fireworks = { "https://api.fireworks.ai/inference/v1", "FIREWORKS_API_KEY" },
  moonshot = { "https://api.moonshot.ai/v1", "MOONSHOT_API_KEY" },
  qwen = { "https://dashscope.aliyuncs.com/compatible-mode/v1", "DASHSCOPE_API_KEY" },
  zhipu = { "https://open.bigmodel.cn/api/paas/v4", "ZHIPU_API_KEY" },
  perplexity = { "https://api.perplexity.ai", "PERPLEXITY_API_KEY" },
  cerebras = { "https://api.cerebras.ai/v1", "CEREBRAS_API_KEY" },
  vllm = { "http://127.0.0.1:8000/v1" },
  llamacpp = { "http://127.0.0.1:8080/v1" },
  lmstudio = { "http://127.0.0.1:1234/v1" },
  huggingface = { "https://router.huggingface.co/v1", "HF_TOKEN" },
  gpustack = { "http://127.0.0.1/v1", "GPUSTACK_API_KEY" },
  gemini_openai = {
    "https://generativelanguage.googleapis.com/v1beta/openai", "GEMINI_API_KEY",
  },
}

local CHAT, RESPONSES, MESSAGES = "openai-chat", "openai-responses", "anthropic-messages"

-- What each speaks: the first is what others are told in.
local SPEAKS = {
  anthropic = { MESSAGES }, azure = { CHAT, RESPONSES }, azure_anthropic = { MESSAGES },
  azure_anthropic_entra = { MESSAGES }, azure_entra = { CHAT, RESPONSES },
  azure_foundry = { CHAT }, bedrock = { "bedrock-converse" }, bedrock_mantle = { CHAT, RESPONSES },
  cerebras = { CHAT }, cohere = { "cohere-v2" }, deepseek = { CHAT, RESPONSES, MESSAGES },
  fireworks = { CHAT, RESPONSES }, gemini = { "gemini" }, gemini_openai = { CHAT },
  gpustack = { CHAT }, groq = { CHAT, RESPONSES }, huggingface = { CHAT }, llamacpp = { CHAT },
  lmstudio = { CHAT, RESPONSES }, minimax = { CHAT, MESSAGES }, mistral = { CHAT },
  mock = { CHAT }, moonshot = { CHAT, MESSAGES }, ollama = { "ollama", CHAT },
  ollama_cloud = { "ollama", CHAT }, openai = { CHAT, RESPONSES },
  openrouter = { CHAT, RESPONSES, MESSAGES }, perplexity = { CHAT }, qwen = { CHAT },
  together = { CHAT }, vertex = { "gemini" }, vllm = { CHAT, RESPONSES }, voyage = { CHAT },
  xai = { CHAT, RESPONSES }, zhipu = { CHAT, MESSAGES },
}

-- What each can be asked besides chats.
local OFFERS = {
  anthropic = { "count" }, azure = { "complete", "embed" }, azure_anthropic = { "count" },
  azure_foundry = { "embed" }, bedrock = { "embed" }, bedrock_mantle = {},
  cerebras = { "complete" }, cohere = { "embed", "rerank" }, deepseek = { "complete" },
  fireworks = { "complete", "embed", "rerank" }, gemini = { "count", "embed" },
  gemini_openai = { "embed" }, groq = {}, huggingface = {},
  llamacpp = { "complete", "embed", "rerank" }, lmstudio = { "complete", "embed" }, minimax = {},
  mistral = { "embed", "moderate" }, moonshot = {}, ollama = { "complete", "embed" },
  openai = { "complete", "embed", "moderate" }, openrouter = { "complete", "embed", "rerank" },
  perplexity = {}, together = { "complete", "embed", "rerank" }, vertex = { "count", "embed" },
  vllm = { "complete", "embed", "rerank" }, voyage = { "embed", "rerank" }, xai = {},
  zhipu = { "embed" },
}

local function edits(name, body, op)
  local compiled, list = adapters[name].params, {}
  if not compiled then return {} end
  local warning = require("tide.params").apply(compiled, fake.request({ body = body }),
    op or "chat", list)
  return list, warning
end

local function usage(name, text) return fake.count(adapters[name].usage, text) end

local function names_of(set)
  local names = {}
  for name in pairs(set) do names[#names + 1] = name end
  table.sort(names)
  return names
end

describe("the adapter of", function()
  before_each(function()
    fake.install()
    adapters = require("tide.adapters").load().adapters
  end)

  for name, facts in pairs(PROVIDERS) do
    it(name .. " says where it is and which key it takes", function()
      local adapter = adapters[name]
      assert.equal(facts[1], adapter.base_url)
      assert.equal("bearer", adapter.auth.type)
      assert.equal(facts[2], adapter.auth.secret)
      assert.equal("openai-chat", adapter.dialect.name)
      assert.equal("/chat/completions", adapter.ops.chat.path)
    end)

    it(name .. " leaves an ordinary request alone", function()
      local body = '{"model":"m","messages":[],"temperature":1.5,"top_p":0.5,"tools":[]}'
      assert.same({}, (edits(name, body)))
    end)
  end

  it("each provider is in the tables here", function()
    assert.same(names_of(adapters), names_of(SPEAKS))
  end)

  it("each provider speaks its dialects, and is told what others say in the first", function()
    for name, dialects in pairs(SPEAKS) do
      assert.equal(dialects[1], adapters[name].dialect.name, name)
      local expected = { unpack(dialects) }
      table.sort(expected)
      assert.same(expected, names_of(adapters[name].dialects), name)
    end
  end)

  it("each provider offers what it has, and nothing else", function()
    for name, expected in pairs(OFFERS) do
      local offered = {}
      for op, spec in pairs(adapters[name].ops) do
        if spec and op ~= "chat" then offered[#offered + 1] = op end
      end
      table.sort(offered)
      assert.same(expected, offered, name)
    end
  end)

  it("minimax keeps thoughts apart, where they are OpenAI's", function()
    local family = require("tide.families").find(adapters.minimax.families, "MiniMax-M2.5")
    local list, params = {}, require("tide.params")
    params.apply(family.params, fake.request({ body = '{"temperature":0}' }), "chat", list)
    assert.same({ "temperature", "0.01", "reasoning_split", "true" }, list)
    list = {}
    params.apply(family.params, fake.request({ body = "{}" }), nil, list)
    assert.same({}, list)
  end)

  it("each provider that must be asked for usage is asked", function()
    local asked = {}
    for name in pairs(PROVIDERS) do
      if adapters[name].asks_usage then asked[#asked + 1] = name end
    end
    table.sort(asked)
    assert.same({
      "cerebras", "gemini_openai", "huggingface", "llamacpp", "lmstudio", "moonshot", "openai",
      "qwen", "vllm",
    }, asked)
  end)

  it("deepseek wants max_tokens and counts cache hits", function()
    assert.same({ "max_completion_tokens", { rename = "max_tokens" } },
      (edits("deepseek", '{"max_completion_tokens":1}')))
    local said = '{"prompt_tokens":434,"prompt_cache_hit_tokens":384}'
    assert.equal(384, usage("deepseek", said).cached)
    assert.is_false(adapters.deepseek.ops.embed)
  end)

  it("groq refuses probabilities and biases", function()
    local body = '{"logprobs":true,"top_logprobs":2,"logit_bias":{"1":2}}'
    local list, warning = edits("groq", body)
    assert.same({ "logit_bias", false, "logprobs", false, "top_logprobs", false }, list)
    assert.equal("dropped logit_bias, logprobs, top_logprobs", warning)
  end)

  it("mistral knows other names, and refuses what it does not know", function()
    local list = edits("mistral", '{"seed":1,"stream_options":{"include_usage":true},"user":"u"}')
    assert.same({
      "seed", { rename = "random_seed" }, "stream_options", false, "user", false,
    }, list)
    list = edits("mistral", '{"dimensions":8,"encoding_format":"base64"}', "embed")
    assert.same({ "dimensions", { rename = "output_dimension" }, "encoding_format", false }, list)
  end)

  it("xai leaves reasoning out of the output", function()
    local counted = usage("xai", [[{"prompt_tokens":257,
      "completion_tokens":15,"prompt_tokens_details":{"cached_tokens":256},
      "completion_tokens_details":{"reasoning_tokens":227}}]])
    assert.same({ input = 257, output = 242, cached = 256, reasoning = 227 }, counted)
  end)

  it("together and moonshot count cached tokens at the top level", function()
    for _, name in ipairs({ "together", "moonshot" }) do
      assert.equal(4, usage(name, '{"prompt_tokens":9,"cached_tokens":4}').cached)
    end
  end)

  it("zhipu wants max_tokens", function()
    assert.same({ "max_completion_tokens", { rename = "max_tokens" } },
      (edits("zhipu", '{"max_completion_tokens":1}')))
  end)
end)
