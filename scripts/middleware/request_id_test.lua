local t = tide.test

t.config { providers = { openai = {} }, middleware = { "request_id" } }

local function ask(id)
  local r = t.chat { model = "openai/gpt-4o", headers = { ["x-request-id"] = id } }
  local sent = t.upstream("openai").requests
  return r.headers["x-request-id"], sent[#sent].headers["x-request-id"]
end

t.case("the client's own id is kept, for client and provider", function()
  local answered, sent = ask("order-17")
  t.eq(answered, "order-17")
  t.eq(sent, "order-17")
end)

t.case("without one there is a new one", function()
  local answered, sent = ask(nil)
  t.ok(answered and #answered == 32)
  t.eq(sent, answered)
end)

t.case("an id that is long, or has odd characters, is not passed on", function()
  for _, id in ipairs { ("x"):rep(200), "a b", "<x>" } do
    local answered = ask(id)
    t.ok(answered ~= id)
  end
end)
