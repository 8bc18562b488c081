-- What the files of a new adapter say.
local M = {}

local function fill(text, values)
  return (text:gsub("<(%l+)>", values))
end

local function files(values, list)
  for _, file in ipairs(list) do
    file[1], file[2] = fill(file[1], values), fill(file[2], values)
  end
  return list
end

local COMPATIBLE = [[
-- What this service is, and where it documents its API.
return tide.adapter {
  extends = "<extends>",
  base_url = "https://api.example.com/v1",           -- what stands before /chat/completions
  auth = { type = "bearer", secret = "<variable>" }, -- a variable in the environment or in .env
  models = { ["model-name"] = {} },                  -- listed in GET /v1/models
}
]]

local OF_DIALECT = [[
-- What this service is, and where it documents its API.
return tide.adapter {
  dialect = "<dialect>",
  base_url = "https://api.example.com",              -- what stands before the dialect's paths
  auth = { type = "bearer", secret = "<variable>" }, -- or type = "header", name = "x-api-key"
  models = { ["model-name"] = {} },                  -- listed in GET /v1/models
}
]]

local TEST = [[
local t = tide.test

t.case("a chat goes to the service and comes back", function()
  t.upstream("<name>").reply { text = "hello" }
  local r = t.chat { model = "<name>/model-name" }
  t.eq(r.text, "hello")
  t.eq(r.finish_reason, "stop")
  t.eq(#t.upstream("<name>").requests, 1)
end)
]]

local OWN = [[
-- What this service is, and where it documents its API.
--
-- It speaks a protocol of its own: `encode` writes the request, `on_event` reads what comes back.
return tide.adapter {
  base_url = "https://api.example.com",
  auth = { type = "bearer", secret = "<variable>" }, -- a variable in the environment or in .env
  framing = "ndjson",                                -- of streams; or "sse", "aws-eventstream"
  ops = { chat = { path = "/generate" } },
  models = { ["model-name"] = {} },                  -- listed in GET /v1/models

  encode = function(rq, call, http)
    local turns = {}
    for i, message in ipairs(rq.messages) do
      local texts = {}
      for _, part in ipairs(message.content) do
        if part.type == "text" then
          texts[#texts + 1] = part.text
        else
          call.warn(part.type) -- the client is told what was left out
        end
      end
      turns[i] = { role = message.role, text = table.concat(texts) }
    end
    if rq.tools then call.warn("tools") end
    http.json = {
      model = call.model, stream = call.stream, turns = tide.json.array(turns),
      max_tokens = rq.max_tokens,
    }
  end,

  -- A line of a stream, or a whole answer. What is null in JSON is tide.json.null, not nil: ask for
  -- the type of what is wanted.
  on_event = function(event, state, emit)
    local said = tide.json.decode(event.data)
    if type(said) ~= "table" then return end
    if type(said.error) == "table" then
      return emit("error", { error = { message = said.error.message, code = said.error.code } })
    end
    if type(said.text) == "string" then emit("text", { delta = said.text }) end
    if said.done == true then
      emit("usage", { input = said.tokens_in, output = said.tokens_out })
      emit("finish", { reason = said.why == "limit" and "length" or "stop", raw = said.why })
    end
  end,
}
]]

local OWN_TEST = [[
local t = tide.test

t.case("a stream is told to the client", function()
  t.upstream("<name>").stream("fixtures/<name>/stream.answer.ndjson")
  local r = t.chat { model = "<name>/model-name", stream = true }
  t.eq(r.text, "Hello there.")
  t.eq(r.finish_reason, "stop")
end)

t.case("what the service refuses, it refuses", function()
  t.upstream("<name>").reply { status = 400, json = { error = { message = "no such voice" } } }
  local r = t.chat { model = "<name>/model-name" }
  t.eq(r.status, 400)
  t.eq(r.error.message, "no such voice")
end)
]]

local FIXTURES = {
  ["stream.request.json"] = [[
{"messages": [{"role": "user", "content": "Say hello."}], "max_tokens": 20, "stream": true}
]],
  ["stream.sent.json"] = [[
{"method": "POST", "path": "/generate", "body": {"model": "model-name", "stream": true,
  "turns": [{"role": "user", "text": "Say hello."}], "max_tokens": 20}}
]],
  ["stream.answer.ndjson"] = [[
{"text":"Hello"}
{"text":" there."}
{"done":true,"why":"end","tokens_in":4,"tokens_out":3}
]],
  ["stream.expected.json"] = [[
{"text": "Hello there.", "finish_reason": "stop", "usage": {"input": 4, "output": 3}}
]],
  ["whole.request.json"] = [[
{"messages": [{"role": "user", "content": "Say hello."}]}
]],
  ["whole.answer.json"] = [[
{"text":"Hello there.","done":true,"why":"end","tokens_in":4,"tokens_out":3}
]],
  ["whole.expected.json"] = [[
{"text": "Hello there.", "finish_reason": "stop", "usage": {"input": 4, "output": 3}}
]],
  ["broken.request.json"] = [[
{"messages": [{"role": "user", "content": "Say hello."}], "stream": true}
]],
  ["broken.answer.ndjson"] = [[
{"text":"Hello"}
{"error":{"code":"overloaded","message":"try again later"}}
]],
  ["broken.expected.json"] = [[
{"error": {"kind": "upstream_5xx"}}
]],
}

--- A service that speaks as another adapter does.
function M.compatible(values)
  return files(values, {
    { "adapters/<name>.lua", COMPATIBLE }, { "adapters/<name>_test.lua", TEST },
  })
end

--- One that speaks a known dialect.
function M.of_dialect(values)
  return files(values, {
    { "adapters/<name>.lua", OF_DIALECT }, { "adapters/<name>_test.lua", TEST },
  })
end

--- One with a protocol of its own, and answers for the kit.
function M.own(values)
  local list = { { "adapters/<name>.lua", OWN }, { "adapters/<name>_test.lua", OWN_TEST } }
  local names = {}
  for name in pairs(FIXTURES) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    list[#list + 1] = { "<fixtures>/" .. name, FIXTURES[name] }
  end
  return files(values, list)
end

return M
