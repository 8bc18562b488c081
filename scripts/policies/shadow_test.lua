local t = tide.test

t.config {
  providers = { groq = {}, openai = {} }, models = { usual = { "openai/gpt-4o-mini" } },
  policy = "shadow",
}

t.case("some requests are copied, and the client notices nothing", function()
  local count = 200
  for _ = 1, count do
    t.eq(t.chat({ model = "usual" }).targets, { "openai/gpt-4o-mini" })
  end
  t.advance(60)
  t.eq(#t.upstream("openai").requests, count)
  local copies = #t.upstream("groq").requests
  t.ok(copies > 0 and copies < count / 2)
end)

t.case("what is no chat is not copied", function()
  for _ = 1, 50 do
    local body = { model = "openai/text-embedding-3-small", input = "x" }
    t.request { path = "/v1/embeddings", body = body }
  end
  t.advance(60)
  t.eq(#t.upstream("groq").requests, 0)
end)
