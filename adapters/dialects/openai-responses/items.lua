-- The response object and its output items, as clients of the Responses protocol get them. Pure.
local canonical = require("tide.canonical")
local core = require("core")
local seals = require("dialects.openai-responses.seals")

local M = {}

local PREFIXES = {
  message = "msg_", reasoning = "rs_", function_call = "fc_", custom_tool_call = "ctc_",
  image_generation_call = "ig_",
}

--- The id of the item at a place of the output, counted from 0.
function M.id(call, kind, index)
  return PREFIXES[kind] .. call.id .. ("%04x"):format(index)
end

-- ---- parts of a message -------------------------------------------------------------------------

-- What an annotation of this protocol has beside its type; others share the name of the type.
local OWN = {
  url_citation = "url", file_citation = "file_id", file_path = "file_id",
  container_file_citation = "file_id",
}

--- A citation as an annotation of a text so many characters long. What has no address is a file,
-- if there is anything to name it by.
function M.annotation(citation, length)
  local raw = canonical.table_of(citation.raw)
  local own = OWN[raw.type]
  if own and type(raw[own]) == "string" then return raw end
  local file = citation.file or citation.title
  if citation.url or not file then
    return {
      type = "url_citation", url = citation.url or "", title = citation.title or "",
      start_index = citation.start or 0, end_index = citation.stop or length,
    }
  end
  return {
    type = "file_citation", file_id = file, filename = citation.title or "",
    index = citation.start or 0,
  }
end

--- The citations of a text as annotations.
function M.annotations(citations, text)
  local list = core.array({})
  local length = citations and canonical.length(text)
  for i, citation in ipairs(citations or {}) do list[i] = M.annotation(citation, length) end
  return list
end

function M.text_part(text, annotations, logprobs)
  return {
    type = "output_text", text = text, annotations = annotations or core.array({}),
    logprobs = core.array(logprobs or {}),
  }
end

function M.refusal_part(text)
  return { type = "refusal", refusal = text }
end

-- ---- items --------------------------------------------------------------------------------------

function M.message(id, status, content)
  return {
    id = id, type = "message", status = status, role = "assistant",
    content = core.array(content),
  }
end

--- `part` is a canonical part of reasoning, or nil at its start. What other providers than OpenAI
-- thought (is_foreign) is told as a summary, the one kind that all SDKs read.
function M.reasoning(id, part, of)
  local item = { id = id, type = "reasoning", summary = core.array({}) }
  if not part then return item end
  item.encrypted_content = seals.write(part, of)
  if part.text and part.text ~= "" then
    if part.summary or part.is_foreign then
      item.summary[1] = { type = "summary_text", text = part.text }
    else
      item.content = core.array({ { type = "reasoning_text", text = part.text } })
    end
  end
  return item
end

--- `call` is a canonical part of a tool call.
function M.call(id, status, call, whole)
  if call.kind == "custom" then
    return {
      id = id, type = "custom_tool_call", status = status, call_id = call.id, name = call.name,
      input = whole,
    }
  end
  return {
    id = id, type = "function_call", status = status, call_id = call.id, name = call.name,
    arguments = whole,
  }
end

function M.image(id, status, data)
  return { id = id, type = "image_generation_call", status = status, result = data or core.null }
end

--- A picture that is told by its address stands in the text: the protocol's own are data.
function M.image_text(part)
  return "![image](" .. part.url .. ")"
end

-- ---- the response -------------------------------------------------------------------------------

local function tool_of(tool)
  if tool.type == "function" then
    return {
      type = "function", name = tool.name, description = tool.description or core.null,
      parameters = tool.parameters or core.null, strict = tool.strict == true,
    }
  end
  if tool.type == "custom" then
    return {
      type = "custom", name = tool.name, description = tool.description, format = tool.grammar,
    }
  end
  return tool.value
end

local function tools_of(rq)
  local tools = core.array({})
  for i, tool in ipairs(rq.tools or {}) do tools[i] = tool_of(tool) end
  return tools
end

local function choice_of(choice)
  if not choice then return "auto" end
  if choice.type == "tool" then return { type = "function", name = choice.name } end
  if choice.type ~= "allowed" then return choice.type end
  local tools = core.array({})
  for i, name in ipairs(choice.names) do tools[i] = { type = "function", name = name } end
  return { type = "allowed_tools", mode = choice.mode, tools = tools }
end

local function format_of(wanted)
  if not wanted or wanted.type == "text" then return { type = "text" } end
  if wanted.type == "json" then return { type = "json_object" } end
  return {
    type = "json_schema", name = wanted.name, schema = wanted.schema,
    description = wanted.description, strict = wanted.strict,
  }
end

local function instructions_of(rq)
  local text = canonical.text(rq.system or {}, "\n\n")
  return text ~= "" and text or core.null
end

local TIERS = {
  auto = true, default = true, flex = true, priority = true, scale = true, fast = true,
  ultrafast = true,
}

local function tier_of(tier)
  return TIERS[tier] and tier or core.null
end

local function or_null(value)
  if value == nil then return core.null end
  return value
end

--- What every response of one answer says alike. What the client asked for is told back.
-- @tparam table start { id, model, created, service_tier }, as the provider said
function M.envelope(start, call)
  local rq = call.rq or {}
  local reasoning = rq.reasoning or {}
  return {
    id = "resp_" .. call.id, object = "response", created_at = start.created or call.created,
    model = start.model or call.model, background = false, instructions = instructions_of(rq),
    max_output_tokens = or_null(rq.max_tokens), max_tool_calls = core.null,
    metadata = rq.metadata or {}, parallel_tool_calls = rq.parallel_tools ~= false,
    previous_response_id = core.null, prompt_cache_key = or_null(rq.prompt_cache_key),
    reasoning = { effort = or_null(reasoning.effort), summary = or_null(reasoning.summary) },
    safety_identifier = core.null, service_tier = tier_of(start.service_tier), store = false,
    temperature = or_null(rq.temperature), top_p = or_null(rq.top_p),
    text = { format = format_of(rq.response_format), verbosity = rq.verbosity },
    tool_choice = choice_of(rq.tool_choice), tools = tools_of(rq),
    top_logprobs = rq.top_logprobs or 0, truncation = "disabled", user = rq.user,
  }
end

--- The counts, or null when the provider told none. The protocol's own types have no place for an
-- unknown part of a count, so that is 0.
function M.usage(usage)
  if not (usage and (usage.input or usage.output)) then return core.null end
  local input, output = usage.input, usage.output
  return {
    input_tokens = or_null(input), output_tokens = or_null(output),
    total_tokens = input and output and input + output or core.null,
    input_tokens_details = {
      cached_tokens = usage.cached or 0, cache_write_tokens = usage.cache_write or 0,
    },
    output_tokens_details = { reasoning_tokens = usage.reasoning or 0 },
  }
end

local INCOMPLETE = { length = "max_output_tokens", content_filter = "content_filter" }

--- How an answer ended: the response's status, and why it is incomplete.
-- @treturn string
-- @treturn string|nil
function M.status(reason)
  local why = INCOMPLETE[reason]
  if why then return "incomplete", why end
  if reason == "error" then return "failed" end
  return "completed"
end

return M
