-- Which header lines scripts may add to a request or an answer.
local M = {}

-- What HTTP itself needs is written by the gateway; two of these would mean different things to
-- different readers.
local OWN = {
  connection = true, ["content-length"] = true, ["transfer-encoding"] = true, host = true,
  ["keep-alive"] = true, te = true, trailer = true, upgrade = true, expect = true,
  ["proxy-connection"] = true,
}

local function name_problem(name)
  if type(name) ~= "string" or not name:find("^[%w!#$%%&'*+.^_`|~-]+$") then
    return "'" .. tostring(name) .. "' is no name of a header"
  end
  if OWN[name:lower()] then
    return "the header '" .. name .. "' is written by the gateway itself"
  end
end

-- Who we are to a provider, and how its bytes come, is not for scripts to say.
local OURS = {
  authorization = true, ["proxy-authorization"] = true, cookie = true, ["x-api-key"] = true,
  ["api-key"] = true, ["x-goog-api-key"] = true, ["content-type"] = true,
  ["content-encoding"] = true, ["accept-encoding"] = true, ["x-amz-date"] = true,
  ["x-amz-security-token"] = true, ["x-amz-content-sha256"] = true,
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
  local first, value = next(headers)
  if first and next(headers, first) == nil and not (auth and first:lower() == auth:lower()) then
    return first .. ": " .. value .. "\r\n"
  end
  local names, lines = {}, {}
  for name in pairs(headers) do
    if not auth or name:lower() ~= auth:lower() then names[#names + 1] = name end
  end
  table.sort(names)
  for i, name in ipairs(names) do lines[i] = name .. ": " .. headers[name] .. "\r\n" end
  return table.concat(lines)
end

-- Names that were found good: a script has a few.
local good, good_count = {}, 0
local GOOD_MAX = 1000

local function is_good_name(name)
  if good[name] then return true end
  if name_problem(name) then return false end
  if good_count >= GOOD_MAX then good, good_count = {}, 0 end
  good[name], good_count = true, good_count + 1
  return true
end

--- Why a line cannot be added, or nil.
function M.problem(name, value)
  if not is_good_name(name) then return name_problem(name) end
  if type(value) ~= "string" or value:find("%c") then
    return "the header '" .. name .. "' must be a string without control characters"
  end
end

return M
