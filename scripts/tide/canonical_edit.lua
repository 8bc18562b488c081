-- Writes changed events back into the chunk of a stream that they were read from. Pure.
local core = require("core")
local plain = require("tide.plain")

local M = {}

-- Fields that a script may give another value, by type; of the rest nothing changes.
local CHANGEABLE = {
  text = { "delta" }, refusal = { "delta" }, reasoning = { "delta" }, tool_args = { "delta" },
  tool_start = { "id", "name" }, finish = { "reason" }, tool_end = {}, usage = {}, error = {},
}
local KEPT = { finish = true, usage = true, error = true }
local REASONS = {
  stop = true, length = true, tool_calls = true, content_filter = true, error = true,
}

--- What an event was before a script had it.
function M.copy(event)
  local result = {}
  for name, value in pairs(event) do result[name] = value end
  return result
end

local function is_equal(a, b)
  for name, value in pairs(a) do
    if b[name] ~= value then return false end
  end
  for name in pairs(b) do
    if a[name] == nil then return false end
  end
  return true
end

local function check_values(before, after)
  local what = "` of a " .. before.type .. " event"
  if after.type ~= before.type then return "on_event cannot change `type" .. what end
  local may_change = {}
  for _, name in ipairs(CHANGEABLE[before.type]) do may_change[name] = true end
  for name, value in pairs(before) do
    if not may_change[name] and after[name] ~= value then
      return "on_event cannot change `" .. name .. what
    end
    if may_change[name] and type(after[name]) ~= "string" then
      return "`" .. name .. what .. " must be a string"
    end
  end
  if before.type == "finish" and not REASONS[after.reason] then
    return "'" .. after.reason .. "' is no reason of a finish event"
  end
end

--- What a script made of an event.
-- @tparam table before M.copy() of it
-- @param after what on_event returned
-- @treturn string|nil "same", "changed" or "dropped"; nil when that cannot be
-- @treturn nil|string why not
function M.judge(before, after)
  if after == nil then
    if not KEPT[before.type] then return "dropped" end
    return nil, "on_event cannot drop a " .. before.type .. " event"
  end
  if type(after) ~= "table" then
    return nil, "on_event must return an event or nil, not a " .. type(after)
  end
  if not plain.is(after) then return nil, "on_event must return a table without a metatable" end
  if is_equal(before, after) then return "same" end
  local problem = check_values(before, after)
  if problem then return nil, problem end
  return "changed"
end

-- ---- writing ------------------------------------------------------------------------------------

local function write_tool(call, event)
  local called = call["function"]
  if not event then
    call.id, call.type = nil, nil
    if type(called) == "table" then called.name = nil end
    return
  end
  call.id = event.id
  if type(called) == "table" then called.name = event.name end
end

-- `event` is nil for one that was dropped.
local function write(place, event)
  local of, name = place.of, place.name
  if name == "tool" then return write_tool(of, event) end
  of[name] = event and (event.reason or event.delta) or nil
end

local function has_values(object)
  for _, value in pairs(object) do
    if value ~= core.null and value ~= "" then return true end
  end
  return false
end

local function says_something(call)
  local called = call["function"]
  return call.id ~= nil or type(called) == "table" and has_values(called)
end

-- Tool calls of which nothing was left.
local function clear_tools(delta)
  if type(delta.tool_calls) ~= "table" then return end
  local left = {}
  for _, call in ipairs(delta.tool_calls) do
    if type(call) ~= "table" or says_something(call) then left[#left + 1] = call end
  end
  delta.tool_calls = #left > 0 and core.array(left) or nil
end

local function is_choice_left(choice)
  if type(choice) ~= "table" then return false end
  if choice.finish_reason ~= nil and choice.finish_reason ~= core.null then return true end
  if type(choice.delta) ~= "table" then return has_values({ choice.text }) end
  clear_tools(choice.delta)
  return has_values(choice.delta)
end

local function is_anything_left(chunk)
  local is_left = type(chunk.usage) == "table" or chunk.error ~= nil
  for _, choice in ipairs(type(chunk.choices) == "table" and chunk.choices or {}) do
    is_left = is_choice_left(choice) or is_left
  end
  return is_left
end

--- Writes what became of a chunk's events into it.
-- @tparam table chunk decoded; changed
-- @tparam table found of canonical.events()
-- @tparam table outcomes for each event { "same" | "changed" | "dropped", event }
-- @treturn boolean false when nothing of the chunk is left
function M.apply(chunk, found, outcomes)
  for i, outcome in ipairs(outcomes) do
    local place = found.places[i]
    if place and outcome[1] == "changed" then write(place, outcome[2]) end
    if place and outcome[1] == "dropped" then write(place, nil) end
  end
  return is_anything_left(chunk)
end

return M
