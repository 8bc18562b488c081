local t = tide.test

t.config { providers = { openai = {} }, middleware = { "system_prompt" } }

-- The roles of the messages that the provider was sent.
local function roles(messages)
  t.chat { model = "openai/gpt-4o", messages = messages }
  local sent = t.upstream("openai").requests
  local list = {}
  for i, message in ipairs(sent[#sent].body.messages) do list[i] = message.role end
  return table.concat(list, " ")
end

t.case("a chat without a system message gets one", function()
  t.eq(roles { { role = "user", content = "hi" } }, "system user")
end)

t.case("the client's own stays alone", function()
  t.eq(roles { { role = "system", content = "mine" }, { role = "user", content = "hi" } },
    "system user")
  t.eq(roles { { role = "developer", content = "mine" } }, "developer")
end)
