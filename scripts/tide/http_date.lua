-- Dates in headers: RFC 9110 section 5.6.7, IMF-fixdate, the only form that is still sent.
local M = {}

local MONTHS = {
  Jan = 1, Feb = 2, Mar = 3, Apr = 4, May = 5, Jun = 6,
  Jul = 7, Aug = 8, Sep = 9, Oct = 10, Nov = 11, Dec = 12,
}

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

--- Seconds since 1970, or nil for what is no date.
-- @tparam string|nil text
function M.read(text)
  local day, name, year, h, m, s = (text or "")
    :match("^%a+, (%d+) (%a+) (%d+) (%d+):(%d+):(%d+) GMT$")
  local month = MONTHS[name]
  if not month then return nil end
  return days(tonumber(year), month, tonumber(day)) * 86400 + h * 3600 + m * 60 + s
end

return M
