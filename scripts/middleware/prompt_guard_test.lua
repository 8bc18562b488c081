local t = tide.test

t.config { providers = { openai = {} }, middleware = { "prompt_guard" } }

local function ask(text)
  return t.chat { model = "openai/gpt-4o", messages = { { role = "user", content = text } } }
end

t.case("what is to be masked does not reach the provider", function()
  ask("write to joe@example.org, my key is sk-abc123")
  local sent = t.upstream("openai").requests
  local message = sent[#sent].body.messages[1]
  t.eq(message.content, "write to [e-mail], my key is [key]")
end)

t.case("a private key is refused, and nobody is asked", function()
  local before = #t.upstream("openai").requests
  local r = ask("-----BEGIN RSA PRIVATE KEY-----")
  t.eq(r.status, 400)
  t.eq(#t.upstream("openai").requests, before)
end)
