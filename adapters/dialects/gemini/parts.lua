-- Pieces of an answer as parts of Gemini's, for its clients. Pure.
local canonical = require("tide.canonical")
local core = require("core")
local custom_tools = require("tide.custom_tools")

local M = {}

local REASONS = {
  stop = "STOP", tool_calls = "STOP", length = "MAX_TOKENS", content_filter = "SAFETY",
  error = "OTHER",
}

-- The provider's own word, where it is one of Google's: it says more than ours.
local OWN = {
  RECITATION = true, BLOCKLIST = true, PROHIBITED_CONTENT = true, SPII = true, LANGUAGE = true,
  IMAGE_SAFETY = true,
}

--- The finishReason of a canonical reason.
function M.reason(reason, raw)
  if raw and OWN[raw] then return raw end
  return REASONS[reason] or "STOP"
end

--- The thoughtSignature of something signed, or nil: another provider's is wrapped.
function M.signature(signature, format)
  if not signature or signature == "" then return nil end
  if format == "gemini" then return signature end
  return canonical.wrap(format or "unknown", signature)
end

--- A functionCall; nil when its arguments are no object: the provider broke off within them.
-- @tparam table tool { id, name, kind, signature, format }
-- @tparam string arguments
-- @treturn table|nil part
function M.call(tool, arguments)
  local args, is_object
  if tool.kind == "custom" then
    args, is_object = custom_tools.arguments(arguments), true
  else
    args, is_object = canonical.arguments(arguments)
  end
  if not is_object then return nil end
  -- Between members only, and there it would break a line of the stream in two.
  if args:find("[\r\n]") then args = args:gsub("[\r\n]", " ") end
  return {
    functionCall = { id = tool.id, name = tool.name, args = core.raw(args) },
    thoughtSignature = M.signature(tool.signature, tool.format),
  }
end

--- A thought. What is to be kept without being read is carried as its signature is.
function M.thought(part)
  local signature, format = part.signature, part.format
  if part.redacted then signature, format = part.redacted, (format or "unknown") .. ".redacted" end
  return {
    text = part.text or part.delta or "", thought = true,
    thoughtSignature = M.signature(signature, format),
  }
end

--- A picture or sound.
function M.media(part, usual)
  local mime = part.mime or usual
  if part.data then return { inlineData = { mimeType = mime, data = part.data } } end
  if part.url then return { fileData = { mimeType = mime, fileUri = part.url } } end
end

local function token_of(item)
  return { token = item.token, logProbability = item.logprob }
end

--- logprobsResult of canonical log probabilities.
function M.logprobs(list)
  local chosen, tops = core.array({}), core.array({})
  for i, item in ipairs(list) do
    chosen[i] = token_of(item)
    local top = core.array({})
    for k, other in ipairs(item.top_logprobs or {}) do top[k] = token_of(other) end
    tops[i] = { candidates = top }
  end
  return { chosenCandidates = chosen, topCandidates = tops }
end

--- usageMetadata of a canonical usage.
function M.usage(usage)
  local input, output, thoughts = usage.input, usage.output, usage.reasoning
  return {
    promptTokenCount = input,
    candidatesTokenCount = output and math.max(output - (thoughts or 0), 0),
    thoughtsTokenCount = thoughts, cachedContentTokenCount = usage.cached,
    totalTokenCount = (input or output) and (input or 0) + (output or 0) or nil,
  }
end

return M
