-- Dates in headers: RFC 9110 section 5.6.7, IMF-fixdate, the only form that is still sent.
local M = {}

local WEEKDAYS = { "Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed" } -- 1970-01-01 was a Thursday
local NAMES = {
  "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
}
local MONTHS = {}
for number, name in ipairs(NAMES) do MONTHS[name] = number end

local ERA = 146097  -- days of 400 years
local EPOCH = 719468 -- days from 0000-03-01 to 1970-01-01

-- Days from 1970-01-01 in the Gregorian calendar, years counted from March.
local function days(year, month, day)
  if month <= 2 then year = year - 1 end
  local era = math.floor(year / 400)
  local year_of_era = year - era * 400
  local day_of_year = math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1
  local day_of_era = year_of_era * 365 + math.floor(year_of_era / 4)
    - math.floor(year_of_era / 100) + day_of_year
  return era * ERA + day_of_era - EPOCH
end

-- And back.
local function date(since)
  local era = math.floor((since + EPOCH) / ERA)
  local of_era = since + EPOCH - era * ERA
  local year = math.floor((of_era - math.floor(of_era / 1460) + math.floor(of_era / 36524)
    - math.floor(of_era / 146096)) / 365)
  local of_year = of_era - (365 * year + math.floor(year / 4) - math.floor(year / 100))
  local from_march = math.floor((5 * of_year + 2) / 153)
  local month = from_march < 10 and from_march + 3 or from_march - 9
  return era * 400 + year + (month <= 2 and 1 or 0), month,
    of_year - math.floor((153 * from_march + 2) / 5) + 1
end

--- Seconds since 1970 as such a date.
function M.write(seconds)
  local since, of_day = math.floor(seconds / 86400), math.floor(seconds % 86400)
  local year, month, day = date(since)
  return string.format("%s, %02d %s %04d %02d:%02d:%02d GMT", WEEKDAYS[since % 7 + 1], day,
    NAMES[month], year, math.floor(of_day / 3600), math.floor(of_day / 60) % 60, of_day % 60)
end

--- Seconds since 1970, or nil for what is no date.
-- @tparam string|nil text
function M.read(text)
  local day, name, year, h, m, s = (text or "")
    :match("^%a+, (%d+) (%a+) (%d+) (%d+):(%d+):(%d+) GMT$")
  local month = MONTHS[name]
  if not month then return nil end
  return days(tonumber(year), month, tonumber(day)) * 86400 + h * 3600 + m * 60 + s
end

--- The beginning of "2026-12-31" (UTC) in seconds since 1970; nil for what is no such text.
function M.of_day(text)
  local year, month, day = text:match("^(%d%d%d%d)%-(%d%d)%-(%d%d)$")
  return year and days(tonumber(year), tonumber(month), tonumber(day)) * 86400
end

return M
