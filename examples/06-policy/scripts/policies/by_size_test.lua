-- mygate/scripts/policies/by_size_test.lua
local t = tide.test

local function ask(text)
  return t.chat { model = "assistant", messages = { { role = "user", content = text } } }
end

t.case("a short question goes to the fast model", function()
  t.eq(ask("hello").target, "mock/fast")
end)

t.case("a long one goes where the configuration says", function()
  t.eq(ask(("word "):rep(200)).target, "mock/gpt")
end)

t.case("the next target answers when the first one refuses", function()
  t.upstream("mock").reply { status = 429 }
  local answer = ask("hello")
  t.eq(answer.status, 200)
  t.eq(answer.target, "mock/gpt")
end)
