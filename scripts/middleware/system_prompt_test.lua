local t = tide.test

t.config {
  providers = { openai = {}, anthropic = {}, gemini = {} }, middleware = { "system_prompt" },
}

-- The roles of the messages that the provider was sent.
local function roles(messages)
  t.chat { model = "openai/gpt-4o", messages = messages }
  local sent = t.upstream("openai").requests
  local list = {}
  for i, message in ipairs(sent[#sent].body.messages) do list[i] = message.role end
  return table.concat(list, " ")
end

-- What a provider was sent for a request of another API.
local function sent_to(provider, path, body)
  local r = t.request { path = path, body = body }
  t.eq(r.status, 200)
  t.eq(r.text, "hello")
  local sent = t.upstream(provider).requests
  return sent[#sent].body
end

t.case("a chat without a system message gets one", function()
  t.eq(roles { { role = "user", content = "hi" } }, "system user")
end)

t.case("the client's own stays alone", function()
  t.eq(roles { { role = "system", content = "mine" }, { role = "user", content = "hi" } },
    "system user")
  t.eq(roles { { role = "developer", content = "mine" } }, "developer")
end)

t.case("so it is with Anthropic's API", function()
  local body = {
    model = "anthropic/claude-haiku-5", max_tokens = 9,
    messages = { { role = "user", content = "hi" } },
  }
  t.ok(sent_to("anthropic", "/v1/messages", body).system:find("assistant"))
  body.system = "mine"
  t.eq(sent_to("anthropic", "/v1/messages", body).system, "mine")
end)

t.case("so it is with Gemini's API", function()
  local path = "/v1beta/models/gemini/gemini-3.5-flash:generateContent"
  local body = { contents = { { role = "user", parts = { { text = "hi" } } } } }
  t.ok(sent_to("gemini", path, body).systemInstruction.parts[1].text:find("assistant"))
  body.systemInstruction = { parts = { { text = "mine" } } }
  t.eq(sent_to("gemini", path, body).systemInstruction.parts[1].text, "mine")
end)

t.case("so it is with the Responses API, whoever answers", function()
  local body = { model = "anthropic/claude-haiku-5", input = "hi" }
  local system = tide.json.encode(sent_to("anthropic", "/v1/responses", body).system)
  t.ok(system:find("assistant"))
  body.instructions = "mine"
  system = tide.json.encode(sent_to("anthropic", "/v1/responses", body).system)
  t.ok(system:find("mine") and not system:find("assistant"))
end)
