-- Which path and method mean what on the main listener.
local M = {}

local CHAT = { name = "chat", streams = true, needs_messages = true }
local COMPLETE = { name = "complete", streams = true }
local EMBED = { name = "embed" }

-- `open`: no client key is asked for.
local ROUTES = {
  ["/v1/chat/completions"] = { allow = "POST, OPTIONS", POST = CHAT },
  ["/v1/completions"] = { allow = "POST, OPTIONS", POST = COMPLETE },
  ["/v1/embeddings"] = { allow = "POST, OPTIONS", POST = EMBED },
  ["/v1/models"] = { allow = "GET, HEAD, OPTIONS", GET = "list_models", HEAD = "list_models" },
  ["*"] = { allow = "GET, HEAD, POST, OPTIONS" }, -- the server as a whole, OPTIONS alone gets here
  ["/health"] = { allow = "GET, HEAD, OPTIONS", GET = "health", HEAD = "health", open = true },
}

local MODEL_PREFIX = "/v1/models/"
local MODEL = { allow = "GET, HEAD, OPTIONS", GET = "show_model", HEAD = "show_model" }

--- For people: what a wrong path could have been.
M.known = "POST /v1/chat/completions, POST /v1/completions, POST /v1/embeddings, GET /v1/models, "
  .. "GET /v1/models/{id}, GET /health"

--- How many endpoints there are, for the start-up message.
M.count = 6

--- The route of a path, and what stands for {id} in it.
-- @treturn table|nil { allow =, open =, [method] = operation }
-- @treturn string|nil
function M.find(path)
  local route = ROUTES[path]
  if route then return route end
  if #path > #MODEL_PREFIX and path:sub(1, #MODEL_PREFIX) == MODEL_PREFIX then
    return MODEL, path:sub(#MODEL_PREFIX + 1)
  end
end

return M
