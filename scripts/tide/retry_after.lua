-- How long a provider asks to be left alone: retry-after-ms, Retry-After in seconds or as a date.
local M = {}

local NONE = {}

local MONTHS = {
  Jan = 1, Feb = 2, Mar = 3, Apr = 4, May = 5, Jun = 6,
  Jul = 7, Aug = 8, Sep = 9, Oct = 10, Nov = 11, Dec = 12,
}

-- A year: nobody waits longer, and nonsense such as 1e300 stays a number to count with.
local LONGEST = 365 * 86400

-- Days from 1970-01-01 in the Gregorian calendar, years counted from March.
local function days(year, month, day)
  if month <= 2 then year = year - 1 end
  local era = math.floor(year / 400)
  local year_of_era = year - era * 400
  local day_of_year = math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1
  local day_of_era = year_of_era * 365 + math.floor(year_of_era / 4)
    - math.floor(year_of_era / 100) + day_of_year
  return era * 146097 + day_of_era - 719468
end

-- RFC 9110 section 5.6.7: IMF-fixdate, the only form that is still sent.
local function http_date(text)
  local day, name, year, h, m, s = text:match("^%a+, (%d+) (%a+) (%d+) (%d+):(%d+):(%d+) GMT$")
  local month = MONTHS[name]
  if not month then return nil end
  return days(tonumber(year), month, tonumber(day)) * 86400 + h * 3600 + m * 60 + s
end

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
    local date = http_date(text)
    seconds = date and date - now
  end
  return clean(seconds)
end

return M
