-- Lantern, an invented service: lantern.py in the folder above. NDJSON with words of its own.
local WHO = { user = "human", assistant = "lantern", system = "rules" }
local WHY = { done = "stop", long = "length", act = "tool_calls" }

-- What Lantern has no knob for: the client is told.
local UNKNOWN = {
  "tool_choice", "top_p", "top_k", "seed", "n", "stop", "presence_penalty", "frequency_penalty",
  "logit_bias", "logprobs", "response_format", "reasoning",
}
-- Parts of a message that `encode` sends in another place, or that Lantern knows by itself.
local ELSEWHERE = { tool_result = true, tool_use = true, reasoning = true }

local function text_of(parts, call)
  local texts = {}
  for _, part in ipairs(parts) do
    if part.type == "text" then
      texts[#texts + 1] = part.text
    elseif not ELSEWHERE[part.type] then
      call.warn(part.type)
    end
  end
  return table.concat(texts, "\n")
end

local function turns_of(rq, call)
  local turns = tide.json.array({})
  local function add(who, says, id)
    if says ~= "" or id then turns[#turns + 1] = { who = who, says = says, id = id } end
  end
  add("rules", text_of(rq.system or {}, call))
  for _, message in ipairs(rq.messages) do
    for _, part in ipairs(message.content) do
      if part.type == "tool_result" then add("act", text_of(part.content, call), part.id) end
    end
    add(WHO[message.role], text_of(message.content, call))
  end
  return turns
end

local function abilities_of(rq, call)
  local abilities = {}
  for _, tool in ipairs(rq.tools or {}) do
    if tool.type == "function" then
      abilities[#abilities + 1] = {
        called = tool.name, about = tool.description, takes = tool.parameters,
      }
    else
      call.warn("tools")
    end
  end
  return abilities[1] and tide.json.array(abilities)
end

-- What each kind of line says. Nothing is told of kinds that come to be.
local LINES = {
  hello = function(line, emit) emit("start", { model = line.brain }) end,
  muse = function(line, emit)
    if type(line.t) == "string" then emit("reasoning", { delta = line.t }) end
  end,
  say = function(line, emit)
    if type(line.t) == "string" then emit("text", { delta = line.t }) end
  end,
  act = function(line, emit)
    if type(line.called) ~= "string" then return end
    emit("tool_start", { i = line.id, id = line.id, name = line.called })
    emit("tool_args", {
      i = line.id, delta = tide.json.is_raw(line.with) and line.with.raw or "{}",
    })
    emit("tool_end", { i = line.id })
  end,
  cost = function(line, emit) emit("usage", { input = line["in"], output = line.out }) end,
  bye = function(line, emit)
    emit("finish", { reason = WHY[line.why] or "stop", raw = line.why })
  end,
  oops = function(line, emit)
    emit("error", { error = { message = line.t, code = line.what } })
  end,
}

return tide.adapter {
  base_url = "http://127.0.0.1:9008",
  auth = { type = "header", name = "X-Lantern-Key", secret = "LANTERN_API_KEY" },
  ops = { chat = { path = "/v3/speak" } },
  framing = "ndjson",
  models = { ["flame-1"] = { reasoning = true, context = 8000 } },
  errors = {
    message = "oops", retry_after = { "x-lantern-wait" }, status = { [418] = "context_length" },
    map = { busy = "overloaded", broken = "upstream_5xx" },
  },

  encode = function(rq, call, http)
    for _, name in ipairs(UNKNOWN) do
      if rq[name] ~= nil then call.warn(name) end
    end
    local heat = rq.temperature
    if heat and heat > 1 then
      heat = 1
      call.warn("temperature above 1")
    end
    http.json = {
      brain = call.model, flow = call.stream, turns = turns_of(rq, call),
      knobs = { heat = heat, longest = rq.max_tokens }, abilities = abilities_of(rq, call),
    }
  end,

  on_event = function(event, _, emit) -- a line of a stream
    local line = tide.json.decode(event.data, { with = true }) -- arguments stay as they come
    local tell = type(line) == "table" and LINES[line.k]
    if tell then tell(line, emit) end
  end,

  decode = function(body) -- a whole answer
    if type(body) ~= "table" or type(body.why) ~= "string" then
      return { error = { message = "Lantern has not said why it ends" } }
    end
    local calls, cost = {}, type(body.cost) == "table" and body.cost or {}
    for i, act in ipairs(type(body.acts) == "table" and body.acts or {}) do
      calls[i] = { id = act.id, name = act.called, arguments = tide.json.encode(act.with) }
    end
    return {
      text = body.said, reasoning = body.mused, tool_calls = calls,
      finish_reason = WHY[body.why] or "stop", usage = { input = cost["in"], output = cost.out },
    }
  end,
}
