-- Names as Bedrock takes them: of tools, and of documents. Pure.
local M = {}

local LONGEST_TOOL, LONGEST_DOCUMENT = 64, 200

-- ---- tools --------------------------------------------------------------------------------------

local function clean(name)
  name = name:gsub("[^%w_-]", "_"):sub(1, LONGEST_TOOL)
  return name == "" and "tool" or name
end

local function unlike(name, used, most)
  local unique, n = name, 1
  while used[unique] do
    n = n + 1
    local suffix = "_" .. n
    unique = name:sub(1, most - #suffix) .. suffix
  end
  used[unique] = true
  return unique
end

--- The names of a request's tools: letters, digits, `_` and `-`, up to 64, each once. The same
-- tools give the same names.
-- @tparam table|nil tools of a canonical request
-- @treturn table { sent = by the client's name, back = the client's by what is sent }
function M.of_tools(tools)
  local names, used = { sent = {}, back = {} }, {}
  for _, tool in ipairs(tools or {}) do
    local name = tool.name
    if name and clean(name) == name then names.sent[name], used[name] = name, true end
  end
  for _, tool in ipairs(tools or {}) do
    local name = tool.name
    if name and not names.sent[name] then
      local sent = unlike(clean(name), used, LONGEST_TOOL)
      names.sent[name], names.back[sent] = sent, name
    end
  end
  return names
end

--- What a tool is called in a request, also one that is in its history alone.
function M.sent(names, name)
  return names.sent[name] or clean(name)
end

-- ---- documents ----------------------------------------------------------------------------------

--- A function that makes names for the documents of one request: letters, digits, single spaces,
-- hyphens, parentheses and brackets, each once.
function M.documents()
  local used = {}
  return function(name)
    name = (name or ""):gsub("%.%w%w?%w?%w?$", ""):gsub("[^%w%s%-%(%)%[%]]+", "-")
      :gsub("%s+", " "):gsub("^ ", ""):sub(1, LONGEST_DOCUMENT - 8):gsub(" $", "")
    if name:gsub("-", "") == "" then name = "document" end
    local unique, n = name, 1
    while used[unique] do
      n = n + 1
      unique = name .. " " .. n
    end
    used[unique] = true
    return unique
  end
end

return M
