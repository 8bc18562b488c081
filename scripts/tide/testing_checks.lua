-- t.eq, t.near, t.ok, t.fails: each ends the case when what it says does not hold.
local diff = require("tide.testing_diff")

local M = {}

-- A failed check is a table, so that it cannot be taken for an error of the script.
local Failure = { __tostring = function(failure) return failure.message end }

-- "file:line: " of the line of the test that is being run.
local function place(level)
  local _, text = pcall(error, "", level + 1)
  return text
end

local function fail(message, found)
  local where = place(4) -- of pcall: fail, the check, the test
  found = found or {}
  error(setmetatable({
    message = where .. message, reason = message, path = found.path, got = found.got,
    expected = found.expected,
  }, Failure), 0)
end

--- The failure that an error is, or nil.
function M.failure(value)
  return getmetatable(value) == Failure and value or nil
end

--- Deep equality.
function M.eq(got, expected)
  local found = diff.find(got, expected)
  if found then
    local where = found.path ~= "" and " at " .. found.path or ""
    fail("not equal" .. where .. ": expected " .. found.expected .. ", got " .. found.got, found)
  end
end

--- Numbers that differ by at most `by` (default 1e-6).
function M.near(got, expected, by)
  by = by or 1e-6
  if type(got) ~= "number" or math.abs(got - expected) > by then
    fail("expected " .. diff.show(expected) .. " within " .. diff.show(by) .. ", got "
      .. diff.show(got), { expected = diff.show(expected), got = diff.show(got) })
  end
end

--- Anything but nil and false.
function M.ok(value, message)
  if not value then
    fail(message or "expected something true, got " .. diff.show(value),
      { expected = "something true", got = diff.show(value) })
  end
end

local function text_of(problem)
  if type(problem) == "table" and problem.message then return tostring(problem.message) end
  return tostring(problem)
end

--- The function must raise an error with `text` in it. Returns the error's text.
function M.fails(fn, text)
  local ok, problem = pcall(fn)
  if ok then
    fail("expected an error" .. (text and " with " .. diff.show(text) or "") .. ", got none")
  end
  if M.failure(problem) then error(problem, 0) end
  local said = text_of(problem)
  if text and not said:find(text, 1, true) then
    fail("expected an error with " .. diff.show(text) .. ", got " .. diff.show(said),
      { expected = diff.show(text), got = diff.show(said) })
  end
  return said
end

return M
