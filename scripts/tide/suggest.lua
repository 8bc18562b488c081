-- "Did you mean": the known name that is nearest to a misspelt one.
local M = {}

-- Edit distance with swapped neighbours counting as one; rows are kept, not the whole matrix.
local function distance(a, b)
  local before, previous, row = {}, {}, {}
  for j = 0, #b do previous[j] = j end
  for i = 1, #a do
    row[0] = i
    for j = 1, #b do
      local same = a:byte(i) == b:byte(j)
      local best = math.min(previous[j] + 1, row[j - 1] + 1, previous[j - 1] + (same and 0 or 1))
      if i > 1 and j > 1 and a:byte(i) == b:byte(j - 1) and a:byte(i - 1) == b:byte(j) then
        best = math.min(best, before[j - 2] + 1)
      end
      row[j] = best
    end
    before, previous, row = previous, row, before
  end
  return previous[#b]
end

--- The nearest of `names`, or nil when none is near enough to be what was meant.
-- @tparam string word
-- @tparam table names list of strings
function M.nearest(word, names)
  if #word > 64 then return nil end
  local best, best_distance = nil, math.max(1, math.floor(#word / 3)) + 1
  for _, name in ipairs(names) do
    local d = distance(word:lower(), name:lower())
    if d < best_distance then
      best, best_distance = name, d
    end
  end
  return best
end

--- " (did you mean 'x'?)", or "" when nothing is near.
function M.hint(word, names)
  local name = M.nearest(word, names)
  return name and " (did you mean '" .. name .. "'?)" or ""
end

--- The keys of a table, sorted: what a hint is looked up in.
function M.names(table_)
  local names = {}
  for name in pairs(table_) do names[#names + 1] = tostring(name) end
  table.sort(names)
  return names
end

return M
