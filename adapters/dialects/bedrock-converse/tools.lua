-- Tools, and the form of the answer, in Converse's words. Pure.
local anthropic_schema = require("dialects.anthropic-messages.schema")
local blocks = require("dialects.bedrock-converse.blocks")
local canonical = require("tide.canonical")
local core = require("core")
local custom_tools = require("tide.custom_tools")
local names = require("dialects.bedrock-converse.names")

local M = {}

local DIALECT = "bedrock-converse"

-- What is enforced in one request: the limits are Claude's.
local MOST_STRICT, MOST_OPTIONAL, MOST_UNIONS = 20, 24, 16

--- The tool that stands for the answer where a model has no structured output.
M.ANSWER_TOOL = "tidegate_answer"

local EMPTY_OBJECT = '{"type":"object","properties":{}}'
local ANY_OBJECT = '{"type":"object"}'

-- ---- schemas ------------------------------------------------------------------------------------

-- A schema of an object, said at the top.
local function schema_of(parameters)
  if parameters == nil then return core.raw(EMPTY_OBJECT) end
  local text = core.is_raw(parameters) and parameters.raw or core.encode(parameters)
  local value = core.decode(text)
  if type(value) ~= "table" then return core.raw(EMPTY_OBJECT) end
  if value.type ~= nil then return core.raw(text) end
  local rest = text:match("^%s*{%s*(.-)%s*$")
  if not rest then return core.raw(EMPTY_OBJECT) end
  return core.raw('{"type":"object"' .. (rest:sub(1, 1) == "}" and "" or ",") .. rest)
end

-- What is enforced of a schema, as text; nil where it would be refused. The limits are for all
-- schemas of a request together.
local function enforceable(schema, out)
  local text = core.is_raw(schema) and schema.raw or core.encode(schema)
  local closed, facts = anthropic_schema.close(text)
  local optional, unions = out.optional + facts.optional, out.unions + facts.unions
  if facts.is_open or facts.is_recursive or optional > MOST_OPTIONAL or unions > MOST_UNIONS then
    return nil
  end
  out.optional, out.unions = optional, unions
  for _, name in ipairs(facts.lost) do out.warn("enforcing " .. name .. " of a schema") end
  return closed
end

local function strict_schema(schema, out)
  if not out.traits.structured or out.strict_tools >= MOST_STRICT then return nil end
  local closed = enforceable(schema, out)
  if not closed then return nil end
  out.strict_tools = out.strict_tools + 1
  return core.raw(closed)
end

-- ---- tools --------------------------------------------------------------------------------------

local function spec(name, description, schema, strict)
  if description and not description:find("%S") then description = nil end
  return {
    toolSpec = {
      name = name, description = description, inputSchema = { json = schema }, strict = strict,
    },
  }
end

local MAKERS = {
  ["function"] = function(tool, out)
    local schema = schema_of(tool.parameters)
    local strict = tool.strict and strict_schema(schema, out)
    if tool.strict and not strict then out.warn("strict of the tool " .. tostring(tool.name)) end
    return spec(names.sent(out.names, tool.name), tool.description, strict or schema,
      strict and true or nil)
  end,
  custom = function(tool, out)
    if tool.grammar then out.warn("the grammar of a tool") end
    return spec(names.sent(out.names, tool.name), custom_tools.description(tool),
      core.raw(custom_tools.PARAMETERS))
  end,
  server = function(tool, out)
    if tool.dialect == DIALECT then return tool.value end
    out.warn("tool " .. tostring(tool.what))
  end,
}

local function allowed_by(choice)
  if not choice then return nil end
  if choice.type ~= "allowed" then return nil end
  local set = {}
  for _, name in ipairs(choice.names or {}) do set[name] = true end
  return set
end

-- A model that can be made to call a tool, but not which one, is given that one alone.
local function only_choice(choice, out)
  if choice and choice.type == "tool" and choice.name and out.traits.tool_choice == "any" then
    return { [choice.name] = true }
  end
end

local function list_of(rq, out)
  local list, choice = {}, rq.tool_choice
  local allowed = allowed_by(choice) or only_choice(choice, out)
  for _, tool in ipairs(rq.tools or {}) do
    local make = MAKERS[tool.type]
    if make and not (allowed and tool.name and not allowed[tool.name]) then
      list[#list + 1] = make(tool, out)
      list[#list + 1] = blocks.cache_point(tool.cache, "tools", out)
    end
  end
  return list
end

-- What the conversation has calls and results of must be declared, also when no more are wanted.
local function seen(rq, out)
  local list, known = {}, {}
  for _, tool in ipairs(rq.tools or {}) do
    if tool.type ~= "server" and MAKERS[tool.type] then
      known[names.sent(out.names, tool.name)] = true
      list[#list + 1] = MAKERS[tool.type](tool, out)
    end
  end
  for _, name in ipairs(out.seen_tools) do
    local sent = names.sent(out.names, name)
    if not known[sent] then list[#list + 1] = spec(sent, nil, core.raw(ANY_OBJECT)) end
    known[sent] = true
  end
  return list
end

local KINDS = { required = "any", tool = "tool" }

local function can_force(out)
  local can = out.traits.tool_choice
  return out.traits.tools ~= false and can ~= "auto" and can ~= false
end

-- { type = "auto" | "any" | "tool", name = }, as far as the model can be told; nil for its own way.
local function choice_of(choice, out)
  local kind = KINDS[choice.type == "allowed" and choice.mode or choice.type] or "auto"
  if kind ~= "auto" and not can_force(out) then
    out.warn("tool_choice")
    kind = "auto"
  end
  if out.traits.tool_choice == false then return nil end
  if kind ~= "tool" then return { type = kind } end
  if out.traits.tool_choice == "any" then return { type = "any" } end
  return { type = kind, name = names.sent(out.names, choice.name or "") }
end

local NO_TOOLS = "Do not call any tool: answer with text."

-- What may be called, or what has been; and whether that is all over.
local function declared(rq, out)
  local is_none = rq.tool_choice ~= nil and rq.tool_choice.type == "none"
  local list = is_none and {} or list_of(rq, out)
  local is_over = #list == 0 and out.has_tool_blocks
  if is_over then list = seen(rq, out) end
  return list, is_over
end

--- What of the tools a request says: body.toolConfig, and in `out` the `choice` made.
-- @treturn string|nil what the model has to be told besides
function M.add(body, rq, out)
  out.strict_tools, out.optional, out.unions = 0, 0, 0
  local list, is_over = declared(rq, out)
  if #list == 0 then return nil end
  if out.traits.tools == false then
    out.warn("tools")
    return nil
  end
  body.toolConfig = { tools = core.array(list) }
  if is_over then return NO_TOOLS end
  if rq.tool_choice then out.choice = choice_of(rq.tool_choice, out) end
  return nil
end

--- Writes the choice where it belongs: that tools are called one at a time only Claude's own words
-- can say, which then say all of it.
function M.add_choice(body, rq, out)
  local choice = out.choice
  if not body.toolConfig then return end
  if rq.parallel_tools == false then
    if out.traits.parallel == "tool_choice" then
      choice = choice or { type = "auto" }
      out.more.tool_choice = {
        type = choice.type, name = choice.name, disable_parallel_tool_use = true,
      }
      return
    end
    out.warn("parallel_tool_calls")
  end
  if not choice then return end
  body.toolConfig.toolChoice = {
    [choice.type] = choice.name and { name = choice.name } or {},
  }
end

-- ---- structured output --------------------------------------------------------------------------

local JSON_ONLY = "Answer with one JSON object and nothing else: no other text, no code fence."

-- A tool that must be called and whose input is the answer.
local function add_answer_tool(body, format, out)
  local config = body.toolConfig or { tools = core.array({}) }
  body.toolConfig = config
  local is_only = #config.tools == 0
  config.tools[#config.tools + 1] = spec(M.ANSWER_TOOL, format.description
    or "Gives the final answer to the user. Call it instead of answering with text.",
    schema_of(format.schema))
  if out.choice and out.choice.type == "tool" then return end
  local kind = is_only and out.traits.tool_choice ~= "any" and "tool" or "any"
  out.choice = { type = kind, name = kind == "tool" and M.ANSWER_TOOL or nil }
end

local function clean_name(name)
  name = (name or ""):gsub("[^%w_-]", "_")
  return name ~= "" and name or nil
end

--- What of the form of the answer a request says: body.outputConfig, or a tool.
-- @treturn string|nil what the model has to be told besides
function M.add_format(body, rq, out)
  local format = rq.response_format
  if not format or format.type == "text" then return nil end
  if format.type == "json" or not format.schema then
    out.warn("response_format json_object (an instruction asks for it)")
    return JSON_ONLY
  end
  local schema = out.traits.structured and enforceable(format.schema, out)
  if schema then
    body.outputConfig = body.outputConfig or {}
    body.outputConfig.textFormat = {
      type = "json_schema",
      structure = {
        jsonSchema = {
          schema = schema, name = clean_name(format.name), description = format.description,
        },
      },
    }
    return nil
  end
  if out.traits.structured then out.warn("strict of response_format") end
  if can_force(out) then
    add_answer_tool(body, format, out)
    return nil
  end
  out.warn("response_format json_schema (an instruction asks for it)")
  return JSON_ONLY .. " Its JSON schema is " .. canonical.json_text(format.schema)
end

return M
