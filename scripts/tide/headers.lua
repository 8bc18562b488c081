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

return M
