local t = tide.test

t.config {
  providers = { groq = {}, openai = {} },
  policy = "cheap_first",
}

local function ask(text, more)
  local body = { model = "openai/anything", messages = { { role = "user", content = text } } }
  for name, value in pairs(more or {}) do body[name] = value end
  return t.chat(body)
end

t.case("a short question goes to a cheap model", function()
  local r = ask("What is the capital of France?")
  t.eq(r.policy, "cheap_first")
  t.eq(r.targets, { "groq/llama-3.3-70b-versatile" })
end)

t.case("a long one goes to a good model", function()
  t.eq(ask(("word "):rep(2000)).targets, { "openai/gpt-4o" })
end)

t.case("tools and pictures go to a good model", function()
  local tool = { type = "function", ["function"] = { name = "now" } }
  t.eq(ask("hi", { tools = { tool } }).target, "openai/gpt-4o")
  local picture = { type = "image_url", image_url = { url = "https://example.com/a.png" } }
  local r = ask(nil, { messages = { { role = "user", content = { picture } } } })
  t.eq(r.target, "openai/gpt-4o")
end)

t.case("when the first cheap model is busy the second one answers", function()
  t.upstream("groq").reply { status = 429 }
  t.eq(ask("hi", { stream = true }).attempts, { "groq", "openai" })
end)
