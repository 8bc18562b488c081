-- Which header lines scripts may add to a request or an answer.
local M = {}

-- What HTTP itself needs is written by the gateway; two of these would mean different things to
-- different readers.
local OWN = {
  connection = true, ["content-length"] = true, ["transfer-encoding"] = true, host = true,
  ["keep-alive"] = true, te = true, trailer = true, upgrade = true, expect = true,
  ["proxy-connection"] = true,
}

--- Why a line cannot be added, or nil.
function M.problem(name, value)
  if type(name) ~= "string" or not name:find("^[%w!#$%%&'*+.^_`|~-]+$") then
    return "'" .. tostring(name) .. "' is no name of a header"
  end
  if type(value) ~= "string" or value:find("%c") then
    return "the header '" .. name .. "' must be a string without control characters"
  end
  if OWN[name:lower()] then
    return "the header '" .. name .. "' is written by the gateway itself"
  end
end

-- Who we are to a provider, and how its bytes come, is not for scripts to say.
local OURS = {
  authorization = true, ["proxy-authorization"] = true, cookie = true, ["x-api-key"] = true,
  ["api-key"] = true, ["x-goog-api-key"] = true, ["content-type"] = true,
  ["content-encoding"] = true, ["accept-encoding"] = true,
}

--- The same for a line of the request to a provider.
function M.upstream_problem(name, value)
  local problem = M.problem(name, value)
  if problem then return problem end
  if OURS[name:lower()] then
    return "the header '" .. name .. "' of a request to a provider is written by the gateway itself"
  end
end

--- As complete lines, in the order of their names.
-- @tparam table headers name = value, checked
-- @tparam string|nil auth name of the header that carries the provider's key: left out
function M.lines(headers, auth)
  local names, lines = {}, {}
  for name in pairs(headers) do
    if not auth or name:lower() ~= auth:lower() then names[#names + 1] = name end
  end
  table.sort(names)
  for i, name in ipairs(names) do lines[i] = name .. ": " .. headers[name] .. "\r\n" end
  return table.concat(lines)
end

return M
