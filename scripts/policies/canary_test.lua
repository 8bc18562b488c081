local t = tide.test

t.config {
  providers = { openai = {} }, models = { usual = { "openai/gpt-4o" } }, policy = "canary",
}

local NEW, OLD = "openai/gpt-5.2", "openai/gpt-4o"

local function ask(user) return t.chat { model = "usual", user = user } end

-- The first user of whom the new model is tried.
local function find_new()
  for i = 1, 200 do
    local user = "user-" .. i
    if ask(user).targets[1] == NEW then return user end
  end
end

t.case("a few users get the new model", function()
  local count = 0
  for i = 1, 400 do
    if ask("user-" .. i).target == NEW then count = count + 1 end
  end
  t.near(count, 20, 15)
end)

t.case("the same user always gets the same", function()
  for i = 1, 20 do t.eq(ask("user-" .. i).target, ask("user-" .. i).target) end
end)

t.case("the old model answers when the new one fails", function()
  local user = find_new()
  t.upstream("openai").reply { status = 500, model = "gpt-5.2" }
  local r = ask(user)
  t.eq(r.status, 200)
  t.eq(r.targets, { NEW, OLD })
end)
