-- The id under which a provider knows a request, as its support wants it quoted. Pure.
local M = {}

local NAMES = { "x-request-id", "request-id", "apim-request-id", "x-amzn-requestid" }

-- Where the SDK of a client looks for it. Gemini's has no such header.
local OF_DIALECT = {
  ["openai-chat"] = "x-request-id", ["openai-responses"] = "x-request-id",
  ["anthropic-messages"] = "request-id", ["bedrock-converse"] = "x-amzn-requestid",
}

--- The id in the headers of a provider's answer, or nil.
function M.of(headers)
  for _, name in ipairs(NAMES) do
    if headers and headers[name] then return headers[name] end
  end
end

--- Puts it, in a table of headers, under the name that a client of this dialect knows.
-- @treturn table the same
function M.rename(headers, dialect)
  local id, name = M.of(headers), OF_DIALECT[dialect]
  if id and name and not headers[name] then
    for _, other in ipairs(NAMES) do headers[other] = nil end
    headers[name] = id
  end
  return headers
end

--- Adds the id that an error tells in its body, so that both places say the same.
function M.add(headers, dialect, id)
  local name = OF_DIALECT[dialect]
  if name and id and not headers[name] then headers[name] = id end
end

return M
