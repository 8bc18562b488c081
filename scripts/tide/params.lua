-- An adapter's `params` as edits of the top-level members of a request body.
local core = require("core")

local M = {}

local NOTHING = {}

-- Where an address has these, the body does not: nothing is lost. Tokens are counted at one address
-- for all models.
local MOVED = { model = true, stream = true }

local function is_kept(name, op)
  return op == "count" and MOVED[name] ~= nil
end

local function add(names, seen, name)
  if not seen[name] then
    seen[name] = true
    names[#names + 1] = name
  end
end

local function sorted_keys(map)
  local keys = {}
  for key in pairs(map or {}) do keys[#keys + 1] = key end
  table.sort(keys)
  return keys
end

local function all_names(spec)
  local names, seen = {}, {}
  for _, from in ipairs(sorted_keys(spec.rename)) do
    add(names, seen, from)
    add(names, seen, spec.rename[from])
  end
  for _, name in ipairs(spec.drop or {}) do add(names, seen, name) end
  for _, name in ipairs(sorted_keys(spec.clamp)) do add(names, seen, name) end
  for _, name in ipairs(sorted_keys(spec.default)) do add(names, seen, name) end
  return names
end

--- Prepares an adapter's `params`; nil when they never change a body.
function M.compile(spec)
  spec = spec or {}
  local names = all_names(spec)
  if #names == 0 then return nil end
  return {
    names = names,
    fields = core.fields(names),
    rename = spec.rename or {},
    renamed = sorted_keys(spec.rename),
    drop = spec.drop or {},
    clamp = spec.clamp or {},
    clamped = sorted_keys(spec.clamp),
    default = spec.default or {},
    defaulted = sorted_keys(spec.default),
  }
end

--- True when the gateway should ask this provider for usage in streams.
function M.asks_usage(spec)
  local inject = spec and spec.inject_stream
  local options = type(inject) == "table" and inject.stream_options
  return options and options.include_usage == true or false
end

local function push(edits, name, text)
  edits[#edits + 1] = name
  edits[#edits + 1] = text
end

-- In place of what an edit before it says of the same member.
local function push_removal(edits, name)
  for i = 1, #edits, 2 do
    if edits[i] == name then
      edits[i + 1] = false
      return
    end
  end
  push(edits, name, false)
end

local function remove(edits, lost, name, value)
  push_removal(edits, name)
  if value ~= core.null and not MOVED[name] then lost[#lost + 1] = name end
end

local function apply_renames(compiled, values, edits, lost)
  for _, from in ipairs(compiled.renamed) do
    local to = compiled.rename[from]
    if values[from] ~= nil then
      if values[to] ~= nil then
        remove(edits, lost, from, values[from])
      else
        push(edits, from, { rename = to })
        values[to] = values[from]
      end
    end
  end
end

local function apply_clamps(compiled, values, edits, bent)
  for _, name in ipairs(compiled.clamped) do
    local value, range = values[name], compiled.clamp[name]
    if type(value) == "number" and (value < range[1] or value > range[2]) then
      push(edits, name, core.encode(math.min(math.max(value, range[1]), range[2])))
      bent[#bent + 1] = name
    end
  end
end

local function warning(lost, bent)
  local parts = {}
  if #lost > 0 then parts[#parts + 1] = "dropped " .. table.concat(lost, ", ") end
  if #bent > 0 then parts[#parts + 1] = "clamped " .. table.concat(bent, ", ") end
  if #parts > 0 then return table.concat(parts, "; ") end
end

local function scan(compiled, req)
  local found = { req:scan(compiled.fields) }
  local values = {}
  for i, name in ipairs(compiled.names) do values[name] = found[i + 1] end
  return values
end

--- Appends to `edits` what a policy sets.
-- @tparam table wanted { name = value }
function M.set(wanted, edits)
  for _, name in ipairs(sorted_keys(wanted)) do push(edits, name, core.encode(wanted[name])) end
end

local function dropped_names(compiled)
  local names = {}
  for _, name in ipairs(compiled.drop) do names[name] = true end
  return names
end

-- What a policy sets, as this adapter would have it: renamed, clamped, or left out.
local function adapted(compiled, wanted, lost, bent)
  local result, drop = {}, dropped_names(compiled)
  for _, name in ipairs(sorted_keys(wanted)) do
    local to, value = compiled.rename[name] or name, wanted[name]
    local range = compiled.clamp[to]
    if drop[to] then
      lost[#lost + 1] = name
    else
      if range and type(value) == "number" and (value < range[1] or value > range[2]) then
        value = math.min(math.max(value, range[1]), range[2])
        bent[#bent + 1] = name
      end
      result[to] = value
    end
  end
  return result
end

-- What the body says of the same things counts no more.
local function overrule(compiled, values, wanted, edits)
  for name in pairs(wanted) do values[name] = nil end
  for _, from in ipairs(compiled.renamed) do
    if wanted[compiled.rename[from]] ~= nil and values[from] ~= nil then
      push(edits, from, false)
      values[from] = nil
    end
  end
end

--- Appends to `edits` what the adapter changes in this body.
-- @tparam table compiled of compile()
-- @param req the request, scanned once more for the adapter's own fields
-- @tparam string|nil op "chat", "complete", "embed" ...; defaults are for the first two; nil: a
--   chat in another dialect than the adapter's first, for which they are not meant
-- @tparam table edits name, text, name, text ... as req:attempt takes them
-- @tparam table|nil set what a policy sets, { name = value }: as if the client had said so
-- @treturn string|nil what the client should be warned of
function M.apply(compiled, req, op, edits, set)
  local values = scan(compiled, req)
  local lost, bent = {}, {}
  local wanted = set and adapted(compiled, set, lost, bent) or NOTHING
  overrule(compiled, values, wanted, edits)
  apply_renames(compiled, values, edits, lost)
  for _, name in ipairs(compiled.drop) do
    if values[name] ~= nil and not is_kept(name, op) then
      remove(edits, lost, name, values[name])
    end
  end
  apply_clamps(compiled, values, edits, bent)
  if op == "chat" or op == "complete" then
    for _, name in ipairs(compiled.defaulted) do
      if values[name] == nil and wanted[name] == nil then
        push(edits, name, core.encode(compiled.default[name]))
      end
    end
  end
  M.set(wanted, edits)
  return warning(lost, bent)
end

-- ---- bodies that are tables ---------------------------------------------------------------------

local function rename_in(compiled, body)
  for _, from in ipairs(compiled.renamed) do
    local to = compiled.rename[from]
    if body[from] ~= nil then
      if body[to] == nil then body[to] = body[from] end
      body[from] = nil
    end
  end
end

local function clamp_in(compiled, body, bent)
  for _, name in ipairs(compiled.clamped) do
    local value, range = body[name], compiled.clamp[name]
    if type(value) == "number" and (value < range[1] or value > range[2]) then
      body[name] = math.min(math.max(value, range[1]), range[2])
      bent[#bent + 1] = name
    end
  end
end

--- The same for a body that has been encoded for this adapter; it is changed.
-- @tparam table compiled of compile()
-- @tparam table body
-- @tparam string op as that of apply()
-- @treturn string|nil what the client should be warned of
function M.apply_table(compiled, body, op)
  local lost, bent = {}, {}
  rename_in(compiled, body)
  for _, name in ipairs(compiled.drop) do
    if body[name] ~= nil and body[name] ~= core.null and not MOVED[name] then
      lost[#lost + 1] = name
    end
    body[name] = nil
  end
  clamp_in(compiled, body, bent)
  local takes_defaults = op == "chat" or op == "complete"
  for _, name in ipairs(takes_defaults and compiled.defaulted or NOTHING) do
    if body[name] == nil then body[name] = compiled.default[name] end
  end
  return warning(lost, bent)
end

return M
