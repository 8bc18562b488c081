-- tide.policy and tide.middleware: what those files may say.
local schema = require("tide.schema")

local POLICY = {
  fields = {
    name = "string",
    api = "number",
    route = "function",
    accept = "function",
    on_event = "function",
    on_finish = "function",
    cost = "function",
  },
  later = { match = true, order = true, on_load = true, on_unload = true, tests = true },
}

local MIDDLEWARE = {
  fields = { name = "string", api = "number", before = "function", after = "function" },
}

--- tide.policy: returns the table, or raises { field =, message = }.
local function policy(value)
  schema.demand(value, POLICY, "tide.policy")
  if not (value.route or value.accept or value.on_event or value.on_finish) then
    schema.refuse("policy", "a policy needs a hook: route, accept, on_event or on_finish")
  end
  return value
end

--- tide.middleware: the same for code around every request.
local function middleware(value)
  schema.demand(value, MIDDLEWARE, "tide.middleware")
  if not (value.before or value.after) then
    schema.refuse("middleware", "a middleware needs `before` or `after`")
  end
  return value
end

return function(tide)
  tide.policy = policy
  tide.middleware = middleware
end
