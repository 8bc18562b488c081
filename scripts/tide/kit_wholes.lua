-- The conformance kit for one whole answer: in other pieces, cut, and with members that are null.
local core = require("core")
local kit_case = require("tide.kit_case")

local M = {}

local MOST_SPLITS = 200

-- Of a text that is no JSON nobody knows where it ends, unless the connection is lost.
local function endings(run)
  if core.decode(run.bytes) == nil then return { { cut = true } } end
  return { { cut = true }, {} }
end

local function truncated(run)
  if not run.base.ok then return end
  for part = 0, 3 do
    local count = math.floor(#run.bytes * part / 4)
    for _, ending in ipairs(endings(run)) do
      if not run:is_worth() then return end
      local outcome = run:ask({ run.bytes:sub(1, count) }, ending)
      local what = (ending.cut and "lost" or "ended") .. " behind byte " .. count
      if outcome.ok then
        run:complain(what, "the client is told a success")
      else
        run:mind_hooks(what)
      end
    end
  end
end

-- As many providers write what there is not.
local function with_nulls(run)
  local value = core.decode(run.bytes)
  if type(value) ~= "table" or not run.base.ok then return end
  for name in pairs(value) do
    if not run:is_worth() then return end
    local changed = core.decode(run.bytes)
    changed[name] = core.null
    local bytes = core.encode(changed)
    run:look_for_zero("with `" .. tostring(name) .. "` null", run:ask({ bytes }), bytes)
  end
end

local STEPS = {
  function(run) run:begin() end,
  function(run) run:in_pieces({ run.bytes }, MOST_SPLITS) end,
  truncated, with_nulls,
}

--- Runs all of it (y), as kit_case.run().
function M.run(kit, case, requests, clients, fail)
  local is_json = case.answer:find("^%s*[%[{]") ~= nil
  return kit_case.run(kit, case, requests, clients, fail, STEPS,
    is_json and "application/json" or "text/plain")
end

return M
