-- `encrypted_content` of a reasoning item: OpenAI's own, or what somebody else signed, wrapped so
-- that a client carries it and the gateway knows it again. Pure.
--
-- A signature of a tool call stands in a reasoning item without text before the call, one of a text
-- in such an item behind it.
local canonical = require("tide.canonical")

local M = {}

-- What nobody signed: SDKs send back no thought without one of these.
local NONE = "none"

local MARKS = { text = "-text", call = "-call", redacted = "-redacted" }

local function marked(format, mark)
  return format:sub(-#mark) == mark and format:sub(1, -#mark - 1) or nil
end

--- What a client is given.
-- @tparam table part with `signature` or `redacted`, and `format`; or is_foreign: told by another
--   provider than OpenAI, perhaps without any
-- @tparam string|nil of "text" or "call": what it is the signature of, when that is no reasoning
function M.write(part, of)
  local format = part.format or "unknown"
  if part.redacted and not part.signature then
    if format == "openai" then return part.redacted end
    return canonical.wrap(format .. MARKS.redacted, part.redacted)
  end
  if not part.signature then return part.is_foreign and canonical.wrap(NONE, "") or nil end
  if format == "openai" and not of then return part.signature end
  return canonical.wrap(of and format .. MARKS[of] or format, part.signature)
end

--- What it holds.
-- @treturn table { signature or redacted, format, of = nil, "text" or "call" }; empty for nil;
--   is_foreign where it is none of OpenAI's
function M.read(sealed)
  if not sealed then return {} end
  local format, signature = canonical.unwrap(sealed)
  if not format then return { signature = sealed, format = "openai" } end
  if format == NONE then return { is_foreign = true } end
  for of, mark in pairs(MARKS) do
    local whose = marked(format, mark)
    if whose and of == "redacted" then
      return { redacted = signature, format = whose, is_foreign = true }
    end
    if whose then return { signature = signature, format = whose, of = of, is_foreign = true } end
  end
  return { signature = signature, format = format, is_foreign = true }
end

return M
