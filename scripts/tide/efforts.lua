-- How hard a model is to think, as OpenAI's words say it. Pure.
local M = {}

local RANKS = { none = 0, minimal = 1, low = 2, medium = 3, high = 4, xhigh = 5, max = 6 }

-- The most tokens that a word stands for where the client gave a number.
local BUDGETS = { { 2048, "low" }, { 8192, "medium" } }

local function of_budget(budget)
  for _, entry in ipairs(BUDGETS) do
    if budget <= entry[1] then return entry[2] end
  end
  return "high"
end

--- The word for canonical `reasoning`; nil when it leaves that to the model.
function M.of(reasoning)
  if reasoning.enabled == false or reasoning.budget == 0 then return "none" end
  if reasoning.effort then return reasoning.effort end
  local budget = reasoning.budget
  if budget and budget > 0 then return of_budget(budget) end
end

-- Who asks for some thinking does not get none, and who asks for none gets the least there is.
local function is_better(rank, best, wanted)
  if not best then return true end
  local fits, best_fits = rank <= wanted, best <= wanted
  if fits ~= best_fits then return fits end
  if fits then return rank > best end
  return rank < best
end

--- The nearest one that a model knows: from below when there is one, else its lowest.
-- @tparam table|nil known the words that the model takes; nil: any
function M.nearest(effort, known)
  local wanted = RANKS[effort]
  if not known or not wanted then return effort end
  local word, best
  for _, name in ipairs(known) do
    local rank = RANKS[name]
    if rank and (rank > 0 or wanted == 0) and is_better(rank, best, wanted) then
      word, best = name, rank
    end
  end
  return word
end

return M
