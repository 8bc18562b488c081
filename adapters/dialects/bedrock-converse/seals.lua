-- Reasoning that is signed or sealed. Claude's signatures are the same wherever it is served
-- (Anthropic says so), so they are "anthropic"; what other models on Bedrock seal is "bedrock".
-- Sealed reasoning is base64 of bytes here; Claude's are the text that Anthropic's own API has.
-- Pure.
local canonical = require("tide.canonical")
local core = require("core")

local M = {}

local CLAUDE, OWN = "anthropic", "bedrock"

--- Whose what a model has signed is.
-- @tparam table traits `signatures` = "anthropic" for Claude
function M.format(traits)
  return traits.signatures == CLAUDE and CLAUDE or OWN
end

--- Whether a provider takes what is signed in this format. Behind the address of a profile may be
-- any model.
function M.is_taken(format, traits)
  if traits.signatures == CLAUDE then return format == CLAUDE end
  if traits.signatures == nil then return format == CLAUDE or format == OWN end
  return traits.signatures == OWN and format == OWN
end

--- What is sealed, as the canonical form has it.
function M.opened(base64, format)
  if format ~= CLAUDE then return base64 end
  local text = core.base64.decode(base64)
  if not text or text:find("[^%g]") then return base64 end
  return text
end

--- The other way round.
function M.closed(redacted, format)
  if format ~= CLAUDE then return redacted end
  return core.base64.encode(redacted)
end

-- ---- through a client ---------------------------------------------------------------------------

--- A signature for a client: Bedrock's own, or another provider's within one. What nobody signed
-- is marked, so that it does not go to Claude, who would refuse it.
function M.signature_for(format, signature)
  if signature and (format == CLAUDE or format == OWN) then return signature end
  return canonical.wrap(format or "none", signature or "")
end

--- Something sealed for a client.
function M.seal_for(format, redacted)
  if format == CLAUDE or format == OWN then return M.closed(redacted, format) end
  return canonical.wrap(format or "none", redacted)
end

--- A signature that a client brings back: whose it is, and what it says.
function M.signature_of(text)
  local format, inner = canonical.unwrap(text)
  if format then return format, inner end
  return CLAUDE, text
end

local OPENAI = "rsn_" -- with this begins what OpenAI's models on Bedrock seal

--- The same of something sealed.
function M.seal_of(base64)
  local format, inner = canonical.unwrap(base64)
  if format then return format, inner end
  local bytes = core.base64.decode(base64)
  if not bytes or bytes:find("[^%g]") or bytes:sub(1, #OPENAI) == OPENAI then return OWN, base64 end
  return CLAUDE, bytes
end

return M
