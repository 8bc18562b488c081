-- Watches what the hooks of an adapter do while the conformance kit runs: takes their place, and
-- notes with file and line what they must not do.
local classify = require("tide.classify")
local core = require("core")
local guarded = require("tide.guarded")
local suggest = require("tide.suggest")

local M = {}

local open = package.preload["jit.util"]
local util = open and open("jit.util") or require("jit.util")

local REASONS = {
  stop = true, length = true, tool_calls = true, content_filter = true, error = true, tool = true,
  filter = true,
}
local COUNTS = {
  input = true, output = true, cached = true, cache_write = true, reasoning = true,
  input_audio = true, output_audio = true, accepted_prediction = true, rejected_prediction = true,
  cost = true, total = true, ["in"] = true, out = true,
}
local NO_COUNT = { type = true, choice = true, early = true }
local CONTENT = {
  text = true, refusal = true, reasoning = true, tool_start = true, tool_args = true, image = true,
  audio = true,
}

-- ---- what is emitted ----------------------------------------------------------------------------

local function wants_text(name)
  return function(event)
    if type(event.delta) == "string" or event.signature or event.redacted then return nil end
    local kind = event.delta == core.null and "null" or type(event.delta)
    return "emits " .. name .. " whose `delta` is " .. kind .. ", not a string"
  end
end

local function check_usage(event)
  for name, value in pairs(event) do
    if not NO_COUNT[name] and not COUNTS[name] then
      return "emits usage with `" .. tostring(name) .. "`, which is no count"
        .. suggest.hint(tostring(name), suggest.names(COUNTS))
    end
    if not NO_COUNT[name] and value ~= core.null and type(value) ~= "number" then
      return "emits usage whose `" .. name .. "` is a " .. type(value) .. ", not a number"
    end
  end
end

local function check_finish(event)
  if REASONS[event.reason] then return nil end
  return "emits finish with the reason " .. tostring(event.reason)
    .. suggest.hint(tostring(event.reason), suggest.names(REASONS))
    .. ", which counts as stop: a provider's own word is `raw`"
end

local function check_tool(event)
  if type(event.name) == "string" and event.name ~= "" then return nil end
  return "emits tool_start without the tool's `name`"
end

local function nothing() return nil end

local CHECKS = {
  text = wants_text("text"), refusal = wants_text("refusal"), reasoning = wants_text("reasoning"),
  tool_args = wants_text("tool_args"), tool_start = check_tool, usage = check_usage,
  finish = check_finish, start = nothing, tool_end = nothing, citation = nothing, image = nothing,
  audio = nothing, error = nothing, ping = nothing, dropped = nothing,
}

-- ---- one hook -----------------------------------------------------------------------------------

local Hooks = {}
Hooks.__index = Hooks

--- Where a hook is written.
-- @treturn string|nil file
-- @treturn number|nil line
function Hooks:place(name)
  local own = self.places[name]
  if own then return own.file, own.line end
end

--- Something is wrong with what a hook did.
function Hooks:note(name, message, severity)
  local file, line = self:place(name)
  if not severity then self.failed = true end
  self.report({
    file = file, line = line, message = name .. " " .. message, severity = severity,
  })
end

local function note_emitted(self, name, type_, event)
  local check = CHECKS[type_]
  if not check then
    return self:note(name, "emits '" .. tostring(type_) .. "', which is no event"
      .. suggest.hint(tostring(type_), suggest.names(CHECKS)))
  end
  local message = check(event)
  if message then self:note(name, message, type_ == "finish" and "warning" or nil) end
  local choice = event.choice or 1
  if CONTENT[type_] and self.finished[choice] then
    self:note(name, "emits " .. type_ .. " behind the finish")
  end
  if type_ == "finish" then
    self.finished[choice], self.finisher = true, self.finisher or name
  end
  self.emitted[#self.emitted + 1] = { hook = name, type = type_, call = self.calls }
end

-- What a hook says passes through here on its way.
local function listening(self, name, emit)
  return function(type_, event)
    note_emitted(self, name, type_, type(event) == "table" and event or {})
    return emit(type_, event)
  end
end

local LIMITS = {
  cpu = "does not end: it was stopped at scripts.cpu", memory = "uses more memory than it may",
  cpu_total = "does not end: it was stopped at scripts.cpu_total",
  stack = "calls itself without an end", steps = "gives a pattern too much work",
}

local function failed(self, name, raised)
  local err = guarded.failure(raised)
  self.failed = true
  if not err then
    self:note(name, "fails: " .. tostring(raised))
  elseif LIMITS[err.limit] then
    self.is_runaway = true
    self:note(name, LIMITS[err.limit])
  elseif err.limit ~= "out_of_service" then
    local file, line = self:place(name)
    self.report({
      file = err.file or file, line = err.line or line,
      message = name .. " fails: " .. (err.reason or err.message),
    })
  end
end

-- What hooks may return; the others are not asked for anything.
local RESULTS = {
  prepare = function(value)
    if value ~= nil and type(value) ~= "table" then return "a request or nothing" end
  end,
  decode = function(value)
    if type(value) ~= "table" then return "an answer, which is a table" end
  end,
  on_status = function(value)
    if value ~= nil and type(value) ~= "table" then return "{ kind, message } or nothing" end
  end,
}

local function check_result(self, name, value)
  local wanted = RESULTS[name] and RESULTS[name](value)
  if wanted then
    self:note(name, "returns a " .. type(value) .. ", not " .. wanted)
  elseif name == "on_status" and value and value.kind and not classify.kinds[value.kind] then
    self:note(name, "returns '" .. tostring(value.kind) .. "', which is no kind of error"
      .. suggest.hint(tostring(value.kind), suggest.names(classify.kinds)))
  end
end

local function finish(self, name, ok, ...)
  if ok then
    check_result(self, name, (...))
    return ...
  end
  failed(self, name, (...))
  error((...), 0)
end

-- The position of `emit` among the arguments.
local OUTLETS = { on_event = 3, on_end = 2 }

local function watched(self, name, fn)
  local outlet = OUTLETS[name]
  return function(...)
    local arguments = { ... }
    self.calls, self.last = self.calls + 1, name
    if outlet then arguments[outlet] = listening(self, name, arguments[outlet]) end
    return finish(self, name, pcall(fn, unpack(arguments, 1, select("#", ...))))
  end
end

-- ---- all of them --------------------------------------------------------------------------------

-- The function as the file has it, its own or one that is inherited.
local function written(files, adapter, name)
  local entry = files[adapter]
  while entry do
    if type(entry.value[name]) == "function" then return entry.value[name] end
    entry = files[entry.value.extends]
  end
end

local function place_of(fn)
  local info = util.funcinfo(fn)
  return { file = tostring(info.source):gsub("^[@=]", ""), line = info.linedefined }
end

--- Before each answer.
function Hooks:begin()
  self.finished, self.emitted, self.calls, self.failed = {}, {}, 0, false
  self.last, self.finisher = nil, nil
end

--- Takes the place of an adapter's hooks.
-- @tparam table adapter as providers have it
-- @tparam table files of adapters.load()
-- @tparam function report called with { file, line, message }
-- @treturn table with begin(), place(hook), note(hook, message), failed: one of them has raised
--   since begin(), is_runaway, finisher: the hook that told the finish, last: the one that ran
--   last, emitted: { { hook, type, call }, ... }
function M.watch(adapter, files, report)
  local self = setmetatable({ places = {}, report = report }, Hooks)
  self:begin()
  for name, fn in pairs(adapter.hooks or {}) do
    local own = written(files, adapter.name, name)
    if own then self.places[name] = place_of(own) end
    adapter.hooks[name] = watched(self, name, fn)
  end
  return self
end

return M
