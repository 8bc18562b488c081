-- tidegate replay: what was asked once is decided again, and what has changed is told.
local core = require("core")
local decide = require("tide.decide")

local M = {}

local sums = { same = 0, different = 0, errors = 0, changes = core.array({}) }

-- Targets in order, each once: credentials of one provider are the same decision.
local function targets_of(decision)
  local list, seen = core.array({}), {}
  for _, one in ipairs(decision.candidates) do
    if not seen[one.target] then
      seen[one.target] = true
      list[#list + 1] = one.target
    end
  end
  return list
end

local function reason_of(decision)
  if decision.ended then
    local who = decision.ended.by and "middleware " .. decision.ended.by or "refused"
    return who .. ": " .. (decision.ended.message or decision.ended.status)
  end
  if not decision.policy then return "no policy" end
  if decision.warnings[1] then return decision.warnings[1] end
  return decision.returned and "as its route returned" or "route returned nothing"
end

--- Decides one kept line (y).
-- @tparam string text the line
-- @treturn number 0
-- @treturn string JSON: { id, model, targets, status = when it was ended, policy, reason } or
--   { problem = text }
function M.decide(text)
  local record, why = decide.read(text)
  if not record then return 0, core.encode({ problem = why }) end
  local decision = decide.request(record)
  return 0, core.encode({
    id = record.id, model = decision.model or record.model, targets = targets_of(decision),
    status = decision.ended and decision.ended.status or nil,
    policy = decision.policy and decision.policy.name or nil, reason = reason_of(decision),
  })
end

-- What was recorded knows only what was tried.
local function recorded(text)
  local record = decide.read(text)
  if not record then return { problem = "it cannot be read" } end
  local targets = core.array({})
  for label in (record.attempts or ""):gmatch("(%S+)=%S+") do
    local target = label:match("^(.*)#") or label
    if target ~= targets[#targets] then targets[#targets + 1] = target end
  end
  return {
    id = record.id, targets = targets, is_recorded = true,
    status = #targets == 0 and record.status or nil,
  }
end

local function is_same(old, new)
  if (old.status ~= nil) ~= (new.status ~= nil) then return false end
  if old.status then return old.status == new.status end
  -- Of what was tried the first says what was decided; the others also what failed.
  local count = old.is_recorded and 1 or math.max(#old.targets, #new.targets)
  for i = 1, count do
    if old.targets[i] ~= new.targets[i] then return false end
  end
  return true
end

local function shown(one)
  if one.status then return tostring(one.status) end
  return #one.targets > 0 and table.concat(one.targets, ", ") or "nobody"
end

local function tell(is_json, change, text)
  sums.changes[#sums.changes + 1] = change
  return 0, is_json and "" or text .. "\n"
end

--- Compares two decisions about one line.
-- @tparam string text JSON: { line = text, old = of decide() or null, new = of decide(), json = }
-- @treturn number 0
-- @treturn string what to print now
function M.compare(text)
  local asked = core.decode(text)
  local old, new = asked.old, asked.new
  if old == core.null then old = recorded(asked.line) end
  local problem = new.problem or old.problem
  if problem then
    sums.errors = sums.errors + 1
    local line = { number = asked.number, problem = problem }
    return tell(asked.json, line, "line " .. asked.number .. ": " .. problem)
  end
  if is_same(old, new) then
    sums.same = sums.same + 1
    return 0, ""
  end
  sums.different = sums.different + 1
  local change = {
    id = new.id, model = new.model, policy = new.policy, reason = new.reason,
    old = old.status or old.targets, new = new.status or new.targets,
  }
  return tell(asked.json, change, ("%s %s: %s -> %s (%s%s)"):format(new.id or "-",
    new.model or "?", shown(old), shown(new), new.policy and new.policy .. ", " or "", new.reason))
end

--- The end of it: 0 when nothing differs, else 1; and the sum.
function M.finish(text)
  local status = sums.different + sums.errors > 0 and 1 or 0
  if core.decode(text).json then return status, core.encode(sums) .. "\n" end
  return status, ("%d same, %d different, %d errors\n"):format(sums.same, sums.different,
    sums.errors)
end

return M
