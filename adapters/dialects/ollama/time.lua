-- Times as Ollama writes them (RFC 3339), from and to seconds since 1970. Pure.
local M = {}

local DAY = 86400

-- Days from 1970-01-01 to a date; March begins the year, so that leap days come last.
local function days_of(year, month, day)
  if month <= 2 then year, month = year - 1, month + 12 end
  local era = math.floor(year / 400)
  local of_era = year - era * 400
  local of_year = math.floor((153 * (month - 3) + 2) / 5) + day - 1
  return era * 146097 + of_era * 365 + math.floor(of_era / 4) - math.floor(of_era / 100) + of_year
    - 719468
end

local function date_of(days)
  days = days + 719468
  local era = math.floor(days / 146097)
  local of_era = days - era * 146097
  local year = math.floor((of_era - math.floor(of_era / 1460) + math.floor(of_era / 36524)
    - math.floor(of_era / 146096)) / 365)
  local of_year = of_era - (365 * year + math.floor(year / 4) - math.floor(year / 100))
  local month = math.floor((5 * of_year + 2) / 153)
  local day = of_year - math.floor((153 * month + 2) / 5) + 1
  month = month < 10 and month + 3 or month - 9
  return year + era * 400 + (month <= 2 and 1 or 0), month, day
end

--- "2026-08-17T08:22:53.000000Z" of whole seconds. With a fraction, which some readers insist on.
function M.text(seconds)
  local days = math.floor(seconds / DAY)
  local year, month, day = date_of(days)
  local rest = seconds - days * DAY
  return string.format("%04d-%02d-%02dT%02d:%02d:%02d.000000Z", year, month, day,
    math.floor(rest / 3600), math.floor(rest / 60) % 60, rest % 60)
end

local PATTERN = "^(%d%d%d%d)-(%d%d)-(%d%d)[Tt ](%d%d):(%d%d):(%d%d)%.?%d*([Zz+-]?)(%d*):?(%d*)$"

--- Whole seconds since 1970; nil for what is no time.
function M.seconds(text)
  if type(text) ~= "string" then return nil end
  local year, month, day, hour, minute, second, sign, hours, minutes = text:match(PATTERN)
  if not year then return nil end
  local offset = (tonumber(hours) or 0) * 3600 + (tonumber(minutes) or 0) * 60
  if sign == "-" then offset = -offset end
  return days_of(tonumber(year), tonumber(month), tonumber(day)) * DAY + tonumber(hour) * 3600
    + tonumber(minute) * 60 + tonumber(second) - offset
end

return M
