-- Recorded answers of a provider, as adapters/fixtures/NAME/CASE.* has them; adapters/README.md
-- says what stands in which file.
local core = require("core")

local M = {}

-- How an answer's file is called, and what framing a stream in it has; false: it is no stream.
local KINDS = {
  json = false, txt = false, sse = "sse", ndjson = "ndjson", bin = "aws-eventstream",
}
local PARTS = { ["request.json"] = true, ["meta.json"] = true, ["expected.json"] = true,
  ["sent.json"] = true }
local EXTENSIONS = { sse = "sse", ndjson = "ndjson", ["aws-eventstream"] = "bin" }

M.CHAT = "/v1/chat/completions"

--- The folder of an adapter's fixtures, from gateway.lua on.
function M.folder(name)
  return "adapters/fixtures/" .. name
end

--- The end of an answer's name.
-- @tparam string|nil framing of a stream; nil: a whole answer
-- @tparam boolean is_json
function M.extension(framing, is_json)
  return framing and EXTENSIONS[framing] or (is_json and "json" or "txt")
end

local function wrong(case, part, message)
  local path = case.folder .. "/" .. case.name .. "." .. part
  return { file = path, line = 1, message = message }
end

-- A part that is JSON; nil where there is none. What is wrong joins `problems`.
local function read_json(case, part, problems)
  if not case.parts[part] then return nil end
  local text, why = core.fixture(case.folder .. "/" .. case.name .. "." .. part)
  local value, err = nil, { message = why }
  if text then value, err = core.decode(text) end
  if type(value) == "table" and value ~= core.null then return value end
  problems[#problems + 1] = wrong(case, part, err and err.message or "must be a JSON object")
end

local function read_answer(case, problems)
  for kind, framing in pairs(KINDS) do
    if case.parts["answer." .. kind] then
      local path = case.folder .. "/" .. case.name .. ".answer." .. kind
      local text, why = core.fixture(path)
      case.file, case.answer, case.framing = path, text, framing or nil
      if not text then problems[#problems + 1] = wrong(case, "answer." .. kind, why) end
      return
    end
  end
  problems[#problems + 1] = wrong(case, "request.json",
    "there is no " .. case.name .. ".answer.json, .sse, .ndjson, .bin or .txt beside it")
end

-- Sizes that do not add up are those of another answer.
local function check_sizes(case, problems)
  local sum = 0
  for _, size in ipairs(case.sizes or {}) do sum = sum + (tonumber(size) or 0) end
  if not case.sizes or not case.answer or sum == #case.answer then return end
  case.sizes = nil
  problems[#problems + 1] = wrong(case, "meta.json", "chunks: the sizes do not add up to the "
    .. #case.answer .. " bytes of the answer")
end

local function read_case(folder, name, parts, problems)
  local case = { name = name, folder = folder, parts = parts }
  case.request = read_json(case, "request.json", problems)
  local meta = read_json(case, "meta.json", problems) or {}
  case.path, case.status = meta.path or M.CHAT, meta.status or 200
  case.headers, case.sizes = meta.headers or {}, meta.chunks
  case.expected = read_json(case, "expected.json", problems)
  case.sent = read_json(case, "sent.json", problems)
  read_answer(case, problems)
  check_sizes(case, problems)
  if not case.request and not parts["request.json"] then
    problems[#problems + 1] = wrong(case, "request.json", "is missing")
  end
  return case.request and case.answer and case
end

-- { case = { part = true } } of the names in a folder.
local function by_case(names)
  local cases = {}
  for _, file in ipairs(names) do
    local case, part = file:match("^([%w_-]+)%.([%w.]+)$")
    if case and (PARTS[part] or KINDS[part:match("^answer%.(%l+)$")] ~= nil) then
      cases[case] = cases[case] or {}
      cases[case][part] = true
    end
  end
  return cases
end

--- All cases of an adapter, in order of their names.
-- @treturn table list of { name, file = of the answer, request = body, path = of the client's
--   request, answer = bytes, framing = of a stream or nil, status, headers, sizes = of the pieces
--   or nil, expected, sent = or nil }
-- @treturn table list of what is wrong: { file, line, message }
function M.read(name)
  local folder = M.folder(name)
  local cases, list, problems = by_case(core.fixtures(folder)), {}, {}
  local names = {}
  for case in pairs(cases) do names[#names + 1] = case end
  table.sort(names)
  for _, case in ipairs(names) do
    local read = read_case(folder, case, cases[case], problems)
    if read then list[#list + 1] = read end
  end
  return list, problems
end

return M
