-- every shape that a configuration has
local names = { "a", "b" }
local function group(n)
  if n then return { "x/" .. n } end
  for _, v in ipairs(names) do repeat local y = v until true end
end
return {
  listen = "127.0.0.1:8080", workers = 2;
  providers = {
    p = { keys = { secret "A", { secret "B", name = "second" } } },
    ["local-vllm"] = { base_url = 'http://127.0.0.1:8000/v1' },
    [ [[long]] ] = {},
  },
  models = {
    ["gpt-3.5"] = group(1), a = group { 1, 2 },
    x = { targets = { "a/b", "c/d" } }, [1] = "one",
  },
}
