local t = tide.test

t.config {
  providers = { openai = {}, anthropic = {}, gemini = {} }, middleware = { "prompt_guard" },
}

local PRIVATE = "-----BEGIN RSA PRIVATE KEY-----"
local MESSAGES = "/v1/messages"
local GENERATE = "/v1beta/models/gemini/gemini-3.5-flash:generateContent"

local function ask(text)
  return t.chat { model = "openai/gpt-4o", messages = { { role = "user", content = text } } }
end

-- Bodies of each API that hold a text in the place of a tool's result and of a question.
local function of_anthropic(text)
  return {
    model = "anthropic/claude-haiku-5", max_tokens = 9, system = { { type = "text", text = text } },
    messages = {
      { role = "user", content = text },
      { role = "user", content = { {
        type = "tool_result", tool_use_id = "a", content = { { type = "text", text = text } },
      } } },
    },
  }
end

local function of_gemini(text)
  return { contents = { { role = "user", parts = { { text = "hi" }, { text = text } } } } }
end

local function of_responses(text)
  return {
    model = "anthropic/claude-haiku-5", instructions = text,
    input = {
      { role = "user", content = { { type = "input_text", text = text } } },
      { type = "function_call", call_id = "c", name = "now", arguments = "{}" },
      { type = "function_call_output", call_id = "c", output = text },
    },
  }
end

-- What the last request to a provider held, as text.
local function sent(provider)
  local requests = t.upstream(provider).requests
  return tide.json.encode(requests[#requests].body)
end

t.case("what is to be masked does not reach the provider", function()
  ask("write to joe@example.org, my key is sk-abc123")
  local requests = t.upstream("openai").requests
  local message = requests[#requests].body.messages[1]
  t.eq(message.content, "write to [e-mail], my key is [key]")
end)

t.case("a private key is refused, and nobody is asked", function()
  local before = #t.upstream("openai").requests
  local r = ask(PRIVATE)
  t.eq(r.status, 400)
  t.eq(#t.upstream("openai").requests, before)
end)

t.case("so it is with every other API, tools and system prompts included", function()
  t.request { path = MESSAGES, body = of_anthropic("joe@example.org") }
  t.ok(sent("anthropic"):find("[e-mail]", 1, true) and not sent("anthropic"):find("joe"))
  t.request { path = GENERATE, body = of_gemini("joe@example.org") }
  t.ok(sent("gemini"):find("[e-mail]", 1, true) and not sent("gemini"):find("joe"))
  t.request { path = "/v1/responses", body = of_responses("joe@example.org") }
  t.ok(sent("anthropic"):find("[e-mail]", 1, true) and not sent("anthropic"):find("joe"))
end)

t.case("a private key is refused in the words of each API", function()
  local r = t.request { path = MESSAGES, body = of_anthropic(PRIVATE) }
  t.eq({ r.status, r.json.type }, { 400, "error" })
  r = t.request { path = GENERATE, body = of_gemini(PRIVATE) }
  t.eq({ r.status, r.json.error.code }, { 400, 400 })
  t.eq(t.request({ path = "/v1/responses", body = of_responses(PRIVATE) }).status, 400)
  t.eq(#t.upstream("anthropic").requests, 0)
end)
