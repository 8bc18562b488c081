-- mygate/scripts/policies/by_size.lua
return tide.policy {
  route = function(req)
    if req.tokens.prompt < 100 then
      return { targets = { "mock/fast", "mock/gpt" } }
    end
  end, -- no plan: the request goes where the configuration says
}
