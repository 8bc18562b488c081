local t = tide.test

t.config {
  providers = { groq = {}, openai = {} }, models = { usual = { "openai/gpt-4o-mini" } },
  policy = "json_or_else",
}

local function ask(more)
  local body = { model = "usual", response_format = { type = "json_object" } }
  for name, value in pairs(more or {}) do body[name] = value end
  return t.chat(body)
end

t.case("an answer that is JSON goes out", function()
  t.upstream("groq").reply { text = '{"a":1}' }
  local r = ask()
  t.eq(r.text, '{"a":1}')
  t.eq(r.attempts, { "groq" })
end)

t.case("one that is not is not shown, and the next model is tried", function()
  t.upstream("groq").reply { text = "Certainly! Here it is" }
  t.upstream("openai").reply { text = "[1]" }
  local r = ask()
  t.eq(r.text, "[1]")
  t.eq(r.attempts, { "groq", "openai" })
end)

t.case("so it is with streams", function()
  t.upstream("groq").reply { text = "Certainly!" }
  t.upstream("openai").reply { text = '{"b":2}' }
  local r = ask { stream = true }
  t.eq(r.text, '{"b":2}')
end)

t.case("so it is with clients of other APIs", function()
  local function is_retried(path, body)
    t.upstream("groq").reply { text = "Certainly!" }
    t.upstream("openai").reply { text = '{"c":3}' }
    local r = t.request { path = path, body = body }
    t.eq(r.text, '{"c":3}')
    t.eq(r.attempts, { "groq", "openai" })
  end
  local hi = { { role = "user", content = "hi" } }
  local json = { type = "json_schema", name = "c", schema = { type = "object" } }
  is_retried("/v1/messages", {
    model = "usual", max_tokens = 9, messages = hi, output_config = { format = json },
  })
  is_retried("/v1/responses", { model = "usual", input = "hi", text = { format = json } })
  is_retried("/v1/responses", { model = "usual", input = hi, stream = true,
    text = { format = { type = "json_object" } } })
  is_retried("/v1beta/models/usual:generateContent", {
    contents = { { role = "user", parts = { { text = "hi" } } } },
    generationConfig = { responseMimeType = "application/json" },
  })
end)

t.case("other requests go their usual way", function()
  t.eq(ask({ response_format = { type = "text" } }).target, "openai/gpt-4o-mini")
end)
