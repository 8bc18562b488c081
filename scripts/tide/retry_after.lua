-- How long a provider asks to be left alone: retry-after-ms, Retry-After in seconds or as a date.
local http_date = require("tide.http_date")

local M = {}

local NONE = {}

-- A year: nobody waits longer, and nonsense such as 1e300 stays a number to count with.
local LONGEST = 365 * 86400

-- "34s", "34.07s", "1m30s", "500ms" or a number.
local function duration(value)
  if type(value) == "number" then return value end
  if type(value) ~= "string" then return nil end
  local plain = tonumber(value)
  if plain then return plain end
  local total, rest = nil, value
  for _, unit in ipairs({ { "h", 3600 }, { "m", 60 }, { "s", 1 }, { "ms", 0.001 } }) do
    local number, after = rest:match("^([%d.]+)" .. unit[1] .. "(.*)$")
    if number and tonumber(number) and not (unit[1] == "m" and after:sub(1, 1) == "s") then
      total, rest = (total or 0) + tonumber(number) * unit[2], after
    end
  end
  return rest == "" and total or nil
end

local function clean(seconds)
  if not seconds or seconds ~= seconds then return nil end
  return math.min(math.max(seconds, 0), LONGEST)
end

--- The longest of what a body says, or nil.
-- @tparam table list durations: "34s", "1m30s", or seconds
function M.longest(list)
  local longest
  for _, value in ipairs(list) do
    local seconds = clean(duration(value))
    if seconds and seconds > (longest or -1) then longest = seconds end
  end
  return longest
end

-- A header that an adapter names: "-ms" at its end means what it says.
local function of_header(headers, name)
  name = name:lower()
  local text = headers[name]
  if name == "retry-after" or name == "retry-after-ms" or not text then return nil end
  local seconds = duration(text)
  return clean(seconds and name:find("%-ms$") and seconds / 1000 or seconds)
end

--- Seconds to wait, or nil when the answer does not say.
-- @tparam table|nil headers with lower-case names
-- @tparam number now wall clock, seconds since 1970
-- @tparam table|nil names more headers that an adapter's errors.retry_after names
function M.seconds(headers, now, names)
  if not headers then return nil end
  for _, name in ipairs(names or NONE) do
    local seconds = of_header(headers, name)
    if seconds then return seconds end
  end
  local ms = clean(tonumber(headers["retry-after-ms"]))
  if ms then return ms / 1000 end
  local text = headers["retry-after"]
  if not text then return nil end
  local seconds = tonumber(text)
  if not seconds then
    local date = http_date.read(text)
    seconds = date and date - now
  end
  return clean(seconds)
end

return M
