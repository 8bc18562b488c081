-- Takes out of recorded traffic what nobody else should have: keys, accounts, addresses. What goes
-- is replaced by as many letters, so that the pieces in which an answer came stay true.
local core = require("core")

local M = {}

-- Headers that say something about the answer and nothing about who asked.
local ALLOWED = {
  ["content-type"] = true, ["retry-after"] = true, ["retry-after-ms"] = true,
  ["x-should-retry"] = true,
}

local function masked(before, secret, behind)
  return before .. ("x"):rep(#secret) .. (behind or "")
end

-- Each pattern has the kept beginning and what goes; what is masked already matches again.
local PATTERNS = {
  "(org%-)([%w_-]+)", "(org_)([%w]+)", "(proj_)([%w_-]+)", "(acct_)([%w_-]+)", "(user%-)([%w_-]+)",
  "(sk%-)([%w_-]+)", "(gsk_)([%w_-]+)", "(AIza)([%w_-]+)", "([Bb]earer )([%w._~+/-]+=*)",
  "(arn:aws[%w-]*:[%w-]*:[%w-]*:)(%d+)",
}

local EMAIL = "([%w._+-]+)(@[%w-]+%.[%w.-]+)"

--- The text without them.
-- @treturn string
function M.text(text)
  local clean = core.redact(text)
  for _, pattern in ipairs(PATTERNS) do
    clean = clean:gsub("%f[%w]" .. pattern, masked)
  end
  return (clean:gsub(EMAIL, function(name, host) return ("x"):rep(#name) .. host end))
end

--- Those of an answer's headers that may be kept, scrubbed.
function M.headers(headers)
  local kept = {}
  for name, value in pairs(headers) do
    if ALLOWED[name:lower()] then kept[name:lower()] = M.text(value) end
  end
  return kept
end

--- The bytes of an answer, and the sizes of the pieces in which they came.
-- @tparam table pieces
-- @tparam boolean is_binary of frames whose checksums would not fit any more
-- @treturn string|nil nil: it cannot be scrubbed
-- @treturn table|string sizes, one for all where scrubbing has changed them; or why not
function M.pieces(pieces, is_binary)
  local bytes = table.concat(pieces)
  local clean, sizes = M.text(bytes), core.array({})
  if is_binary and clean ~= bytes then
    return nil, "it has a key or an account in frames with checksums"
  end
  if #clean ~= #bytes then return clean, core.array({ #clean }) end
  for i, piece in ipairs(pieces) do sizes[i] = #piece end
  return clean, sizes
end

--- True when a text holds a key that is known here.
function M.holds_key(text)
  return core.redact(text) ~= text
end

return M
