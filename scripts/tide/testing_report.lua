-- What `tidegate test` prints: for people, as TAP 14, and as JUnit XML.
local core = require("core")

local M = {}

local state = { results = {}, failed = 0, files = {} }

local function place_of(result)
  local problem = result.problem
  local file, line = problem.file or result.path, problem.line or result.line
  return file .. (line and ":" .. line or "")
end

local function indented(text, by)
  return (by .. text:gsub("\n", "\n" .. by))
end

local function problem_lines(result, by)
  local problem = result.problem
  local lines = { by .. place_of(result) .. ": " .. problem.message }
  if problem.expected then
    lines[2] = by .. "  expected: " .. problem.expected
    lines[3] = by .. "  got:      " .. problem.got
  end
  if problem.kind == "error" and problem.traceback then
    lines[#lines + 1] = indented(problem.traceback, by .. "  ")
  end
  return table.concat(lines, "\n") .. "\n"
end

local function people_case(result)
  local head = ""
  if not state.files[result.path] then
    state.files[result.path] = true
    head = result.path .. "\n"
  end
  if not result.problem then return head .. "  ok    " .. result.name .. "\n" end
  return head .. "  FAIL  " .. result.name .. "\n" .. problem_lines(result, "        ")
end

local function yaml(value)
  return core.encode(value) -- a JSON text is YAML as well
end

local function tap_case(result)
  local name = (result.path .. " " .. result.name):gsub("[\r\n]", " "):gsub("[\\#]", "\\%0")
  local word = result.problem and "not ok " or "ok "
  local text = word .. #state.results .. " - " .. name .. "\n"
  local problem = result.problem
  if not problem then return text end
  text = text .. "  ---\n  message: " .. yaml(problem.message) .. "\n  at: "
    .. yaml(place_of(result)) .. "\n"
  if problem.expected then
    text = text .. "  expected: " .. yaml(problem.expected) .. "\n  got: " .. yaml(problem.got)
      .. "\n"
  end
  return text .. "  ...\n"
end

--- Before the first case. `text` is JSON: { tap = true or false }.
function M.begin(text)
  state.tap = core.decode(text).tap == true
  return 0, state.tap and "TAP version 14\n" or ""
end

--- One result, the JSON of testing.run(). Returns what to print now.
function M.case(text)
  local result = core.decode(text)
  state.results[#state.results + 1] = result
  if result.problem then state.failed = state.failed + 1 end
  return 0, (state.tap and tap_case or people_case)(result)
end

--- A file or a case that could not even be run: JSON { path =, name =, message = }.
function M.broken(text)
  local told = core.decode(text)
  local file, line, message = told.message:match("^(.-):(%d+): (.*)$")
  return M.case(core.encode({
    path = told.path, name = told.name, seconds = 0,
    problem = {
      kind = "error", message = message or told.message, file = file, line = tonumber(line),
    },
  }))
end

--- Behind the last case: the exit status and the sum.
function M.finish()
  local count = #state.results
  local status = (state.failed > 0 or count == 0) and 1 or 0
  if state.tap then return status, "1.." .. count .. "\n" end
  if count == 0 then
    return 1, "no test was run: tests are files *_test.lua in adapters/ and scripts/\n"
  end
  return status, count - state.failed .. " passed, " .. state.failed .. " failed\n"
end

local XML = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;" }

local function xml(text)
  text = tostring(text):gsub('[&<>"]', XML)
  return (text:gsub("[%z\1-\8\11\12\14-\31]", "?"))
end

local function junit_case(result)
  local text = '  <testcase classname="' .. xml(result.path) .. '" name="' .. xml(result.name)
    .. '" time="' .. ("%.3f"):format(result.seconds) .. '"'
  if not result.problem then return text .. "/>\n" end
  local tag = result.problem.kind == "error" and "error" or "failure"
  return text .. ">\n    <" .. tag .. ' message="' .. xml(result.problem.message) .. '">'
    .. xml(problem_lines(result, "")) .. "</" .. tag .. ">\n  </testcase>\n"
end

--- All results as JUnit XML.
function M.junit()
  local parts, errors = {}, 0
  for i, result in ipairs(state.results) do
    parts[i] = junit_case(result)
    if result.problem and result.problem.kind == "error" then errors = errors + 1 end
  end
  return 0, '<?xml version="1.0" encoding="UTF-8"?>\n<testsuite name="tidegate" tests="'
    .. #state.results .. '" failures="' .. state.failed - errors .. '" errors="' .. errors
    .. '">\n' .. table.concat(parts) .. "</testsuite>\n"
end

return M
