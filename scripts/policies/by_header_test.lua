local t = tide.test

t.config {
  providers = { groq = {}, openai = {} },
  models = { usual = { "openai/gpt-4o-mini" } },
  policy = "by_header",
}

local function ask(tier)
  return t.chat { model = "usual", headers = { ["x-tier"] = tier } }
end

t.case("the header chooses", function()
  t.eq(ask("fast").target, "groq/llama-3.3-70b-versatile")
  t.eq(ask("good").target, "openai/gpt-4o")
end)

t.case("without the header the model stays", function()
  t.eq(ask(nil).target, "openai/gpt-4o-mini")
end)

t.case("a word that it does not know is the client's mistake", function()
  local r = ask("cheap")
  t.eq(r.status, 400)
  t.ok(r.error.message:find("x-tier", 1, true))
  t.eq(#t.upstream("openai").requests, 0)
end)
