-- Thirty lines as people write them: sizes, features, a header, a list of clients.
local SMALL, LARGE = 2000, 30000
local BATCH = { nightly = true, reports = true, backfill = true }

local function is_plain(req)
  return not req.has_tools and not req.has_images
end

local function is_cheap(req)
  if BATCH[req.client.name or ""] then return true end
  if req.headers["x-quality"] == "high" then return false end
  return req.tokens.prompt < SMALL and is_plain(req)
end

return tide.policy {
  route = function(req)
    if req.tokens.prompt > LARGE then
      return { targets = { "upstream/mock-large" }, timeout = { first_token = 120 } }
    end
    if is_cheap(req) then
      return { targets = { "upstream/mock-1", "upstream/mock-2" }, pick = "ordered" }
    end
    if req.stream then
      return { targets = { "upstream/mock-2" }, retry = { max = 2 } }
    end
    return { targets = { "upstream/mock-2", "upstream/mock-1" }, retry = { max = 1 } }
  end,
}
