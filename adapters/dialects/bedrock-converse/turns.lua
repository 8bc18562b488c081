-- A conversation in the canonical form as Converse's messages: turns that alternate, results of
-- tools first, a text beside every document. Pure.
local blocks = require("dialects.bedrock-converse.blocks")
local call_ids = require("tide.call_ids")
local canonical = require("tide.canonical")
local core = require("core")
local names = require("dialects.bedrock-converse.names")

local M = {}

local function turn_of(turns, role)
  local last = turns[#turns]
  if last and last.role == role then return last end
  last = { role = role, results = {}, content = {} }
  turns[#turns + 1] = last
  return last
end

local function append(list, more)
  for _, item in ipairs(more) do list[#list + 1] = item end
end

local function add_blocks(turns, role, list)
  if #list > 0 then append(turn_of(turns, role).content, list) end
end

-- ---- system messages amid the conversation -----------------------------------------------------

-- Where the model takes them they stand right behind a user turn and before the assistant's;
-- elsewhere the user passes them on.
local function flush_system(turns, out)
  local pending = out.pending
  if #pending == 0 then return end
  out.pending = {}
  local last = turns[#turns]
  local role = out.traits.mid_system and last and last.role == "user" and "system" or "user"
  if role == "user" then return add_blocks(turns, role, pending) end
  turns[#turns + 1] = { role = role, results = {}, content = pending }
end

local function add_system(turns, message, out)
  local list = blocks.add({}, message.content, blocks.system, out)
  if out.traits.mid_system then return append(out.pending, list) end
  if #list > 0 then out.warn("role of a system message amid the conversation") end
  add_blocks(turns, "user", list)
end

-- ---- turns --------------------------------------------------------------------------------------

local function add_result(turns, part, out)
  local result, beside, cache = blocks.tool_result(part, out)
  local turn = turn_of(turns, "user")
  turn.results[#turn.results + 1] = result
  turn.results[#turn.results + 1] = cache
  append(turn.content, beside)
end

local function add_user(turns, message, out)
  local others = {}
  for _, part in ipairs(message.content or {}) do
    if part.type == "tool_result" then
      add_result(turns, part, out)
    else
      others[#others + 1] = part
    end
  end
  add_blocks(turns, "user", blocks.add({}, others, blocks.user, out))
end

local function add_message(turns, message, out)
  if message.name then out.warn("name") end
  if message.role == "system" then return add_system(turns, message, out) end
  if message.role == "assistant" then
    flush_system(turns, out)
    return add_blocks(turns, "assistant",
      blocks.add({}, message.content, blocks.assistant, out))
  end
  add_user(turns, message, out)
end

-- ---- what the API insists on --------------------------------------------------------------------

local function said(text)
  return { role = "user", results = {}, content = { { text = text } } }
end

-- The answer goes on where the last turn of the assistant stops, which may not be in white space.
local function trim_prefill(turn)
  local block = turn.content[#turn.content]
  if block and block.text then block.text = block.text:gsub("%s+$", "") end
end

local function close_turns(turns, out)
  flush_system(turns, out)
  if #turns == 0 or turns[1].role ~= "user" then table.insert(turns, 1, said("Begin.")) end
  local last = turns[#turns]
  if last.role ~= "assistant" then return end
  if out.traits.prefill == false then
    out.warn("assistant prefill")
    turns[#turns + 1] = said("Continue.")
  else
    trim_prefill(last)
  end
end

-- A document without a word beside it is refused.
local function name_documents(content)
  local has_document
  for _, block in ipairs(content) do
    if block.text or block.guardContent then return end
    has_document = has_document or block.document ~= nil
  end
  if has_document then table.insert(content, 1, { text = "See the document." }) end
end

-- Thinking stands first in what the assistant says, and nothing but it may not be all.
local function content_of(turn)
  local content = turn.results
  append(content, turn.content)
  if turn.role == "user" then name_documents(content) end
  return core.array(content)
end

local function is_only_reasoning(turn)
  if turn.role ~= "assistant" then return false end
  for _, block in ipairs(turn.content) do
    if not (block.reasoningContent or block.cachePoint) then return false end
  end
  return true
end

-- A turn that has nothing to say but what was thought is no turn.
local function without_empty(turns)
  local result = {}
  for _, turn in ipairs(turns) do
    local last = result[#result]
    local goes_on = last and last.role == turn.role
    if not is_only_reasoning(turn) and goes_on then
      append(last.results, turn.results)
      append(last.content, turn.content)
    elseif not is_only_reasoning(turn) then
      result[#result + 1] = turn
    end
  end
  return result
end

--- What the blocks of one request have to know of each other.
function M.new(rq, traits, warn)
  return {
    traits = traits, warn = warn, pending = {},
    seen_tools = {}, names = names.of_tools(rq.tools),
    ids = call_ids.new(canonical.tool_ids(traits.tool_ids)), document_name = names.documents(),
  }
end

--- The conversation as the API takes it.
-- @tparam table rq canonical request
-- @tparam table out of new()
-- @treturn table list of { role =, content = list of blocks }
function M.messages(rq, out)
  local turns = {}
  -- What takes no instruction is told it by the user.
  if out.traits.system == false then
    add_blocks(turns, "user", blocks.add({}, rq.system, blocks.system, out))
  end
  for _, message in ipairs(rq.messages or {}) do add_message(turns, message, out) end
  turns = without_empty(turns)
  close_turns(turns, out)
  local list = {}
  for i, turn in ipairs(turns) do list[i] = { role = turn.role, content = content_of(turn) } end
  local last = list[#list]
  last.content[#last.content + 1] = blocks.cache_point(rq.cache, "messages", out)
  return core.array(list)
end

--- The instructions before the conversation, or nil.
function M.system(rq, out)
  if out.traits.system == false then return nil end
  local list = blocks.add({}, rq.system, blocks.system, out)
  return #list > 0 and core.array(list) or nil
end

--- Whether an answer may begin with thinking of a budget: a turn of the assistant that the results
-- of its tools answer must begin with thinking, too.
function M.may_begin_with_thinking(messages)
  if messages[#messages].role == "assistant" then return false end
  for i = #messages, 1, -1 do
    local message = messages[i]
    local first = message.content[1] or {}
    if message.role == "assistant" then return first.reasoningContent ~= nil end
    if message.role == "user" and not first.toolResult then return true end
  end
  return true
end

return M
