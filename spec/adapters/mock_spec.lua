local fake = require("spec.support.fake_core")

local core, gateway

local function post(path, fields)
  local req = fake.request({ path = path, body = fake.encode(fields) })
  gateway.serve(req)
  return req
end

local function chat(fields)
  fields.model = fields.model or "mock/fast"
  fields.messages = fields.messages or { { role = "user", content = fields.prompt or "Say hello" } }
  fields.prompt = nil
  return post("/v1/chat/completions", fields)
end

-- The decoded chunks of a stream; [DONE] as a text.
local function events(req)
  local list = {}
  for data in req.sent.body:gmatch("data: ([^\n]+)\n\n") do
    list[#list + 1] = data == "[DONE]" and data or fake.decode(data)
  end
  return list
end

local function message(req, i)
  return fake.decode(req.sent.body).choices[i or 1].message
end

local function tool(name, properties, required)
  return {
    type = "function",
    ["function"] = {
      name = name,
      parameters = { type = "object", properties = properties, required = required },
    },
  }
end

local WEATHER = tool("get_weather", {
  city = { type = "string" }, unit = { type = "string", enum = { "celsius", "fahrenheit" } },
}, { "city" })

before_each(function()
  core = fake.install({ config = { providers = { mock = {} } } })
  gateway = require("tide.gateway")
  assert(gateway.load())
end)

describe("the mock's chat", function()
  it("says what it is and what it was asked", function()
    local said = message(chat({ prompt = "How are you?" })).content
    assert.matches("mock", said)
    assert.matches("How are you?", said)
  end)

  it("is the same for the same request", function()
    assert.equal(chat({}).sent.body, chat({}).sent.body)
    assert.not_equal(chat({}).sent.body, chat({ prompt = "else" }).sent.body)
  end)

  it("streams in OpenAI's order: role, content, finish, usage, [DONE]", function()
    local list = events(chat({ stream = true }))
    assert.same({ role = "assistant", content = "" }, list[1].choices[1].delta)
    assert.equal("stop", list[#list - 2].choices[1].finish_reason)
    assert.same({}, list[#list - 2].choices[1].delta)
    assert.equal(0, #list[#list - 1].choices)
    assert.is_true(list[#list - 1].usage.completion_tokens > 0)
    assert.equal("[DONE]", list[#list])
    local text = {}
    for i = 2, #list - 3 do text[#text + 1] = list[i].choices[1].delta.content end
    assert.equal(message(chat({})).content, table.concat(text))
    assert.equal(#text, list[#list - 1].usage.completion_tokens)
  end)

  it("puts null usage on each chunk when usage was asked for", function()
    local list = events(chat({ stream = true, stream_options = { include_usage = true } }))
    assert.equal(core.null, list[2].usage)
    list = events(chat({ stream = true }))
    assert.is_nil(list[2].usage)
  end)

  it("paces its streams by the model's name", function()
    chat({ stream = true })
    assert.same({}, core.slept)
    chat({ model = "mock/gpt", stream = true })
    assert.is_true(#core.slept > 5)
    assert.equal(0.02, core.slept[2])
    core.slept = {}
    chat({ model = "mock/slow", stream = true })
    assert.same({ 1, 0.2 }, { core.slept[1], core.slept[2] })
  end)

  it("echoes", function()
    local req = chat({ model = "mock/echo", prompt = "over there!" })
    assert.equal("over there!", message(req).content)
  end)

  it("makes n choices, interleaved in a stream", function()
    assert.equal(3, #fake.decode(chat({ n = 3 }).sent.body).choices)
    local list = events(chat({ n = 2, stream = true }))
    assert.same({ 0, 1, 0, 1 }, {
      list[1].choices[1].index, list[2].choices[1].index,
      list[3].choices[1].index, list[4].choices[1].index,
    })
  end)

  it("keeps to max_tokens and stop", function()
    local answer = fake.decode(chat({ max_tokens = 3 }).sent.body)
    assert.equal("length", answer.choices[1].finish_reason)
    assert.equal(3, answer.usage.completion_tokens)
    assert.equal("one ",
      message(chat({ model = "mock/echo", prompt = "one two three", stop = { "three", "two" } }))
        .content)
  end)

  it("never splits a character", function()
    local list = events(chat({ model = "mock/echo", prompt = "日本語日本語日本語", stream = true }))
    for i = 2, #list - 3 do
      local first = list[i].choices[1].delta.content:byte()
      assert.is_false(first >= 0x80 and first < 0xC0)
    end
  end)

  it("refuses what OpenAI refuses", function()
    for param, messages in pairs({
      ["messages"] = core.array({}),
      ["messages[0].role"] = { { content = "x" } },
      ["messages[0].content"] = { { role = "user" } },
      ["messages[0].content[0].type"] = { { role = "user", content = { { text = "x" } } } },
      ["messages[0].tool_call_id"] = { { role = "tool", content = "x" } },
    }) do
      local req = chat({ messages = messages })
      assert.equal(400, req.replied.status)
      assert.equal(param, req:json().error.param)
    end
    assert.equal("temperature", chat({ temperature = 3 }):json().error.param)
    assert.equal("max_tokens", chat({ max_tokens = 0 }):json().error.param)
    assert.equal(400, chat({ messages = { { role = "king", content = "x" } } }).replied.status)
  end)

  it("wants every tool call answered", function()
    local call = { id = "c1", type = "function", ["function"] = { name = "f", arguments = "{}" } }
    local asked = { role = "assistant", content = core.null, tool_calls = { call } }
    local question = { role = "user", content = "x" }
    assert.equal(400, chat({ messages = { question, asked, question } }).replied.status)
    assert.equal(400, chat({ messages = { question, asked } }).replied.status)
    local stray = { role = "tool", tool_call_id = "c9", content = "x" }
    assert.equal(400, chat({ messages = { question, asked, stray } }).replied.status)
  end)
end)

describe("the mock's tools", function()
  it("are called with arguments of the schema, one call for each thing named", function()
    local req = chat({ prompt = "What's the weather in Paris and New York?", tools = { WEATHER } })
    local calls = message(req).tool_calls
    assert.equal(2, #calls)
    assert.equal("Paris", fake.decode(calls[1]["function"].arguments).city)
    assert.equal("New York", fake.decode(calls[2]["function"].arguments).city)
    assert.equal("celsius", fake.decode(calls[1]["function"].arguments).unit)
    assert.not_equal(calls[1].id, calls[2].id)
    assert.equal("tool_calls", fake.decode(req.sent.body).choices[1].finish_reason)
  end)

  it("T-33 stream: arguments join to the same JSON, indices are stable", function()
    local prompt = "Weather in Paris and Tokyo, in fahrenheit"
    local whole = message(chat({ prompt = prompt, tools = { WEATHER } })).tool_calls
    local joined, names = { [0] = "", [1] = "" }, {}
    for _, chunk in ipairs(events(chat({ prompt = prompt, tools = { WEATHER }, stream = true }))) do
      local delta = type(chunk) == "table" and chunk.choices[1] and chunk.choices[1].delta
      for _, call in ipairs(delta and delta.tool_calls or {}) do
        joined[call.index] = joined[call.index] .. call["function"].arguments
        names[call.index] = names[call.index] or call["function"].name
      end
    end
    assert.equal(whole[1]["function"].arguments, joined[0])
    assert.same({ city = "Tokyo", unit = "fahrenheit" }, fake.decode(joined[1]))
    assert.same({ [0] = "get_weather", [1] = "get_weather" }, names)
  end)

  it("are called once when calls may not be parallel or nothing is named", function()
    local calls = message(chat({
      prompt = "Weather in Paris and Tokyo?", tools = { WEATHER }, parallel_tool_calls = false,
    })).tool_calls
    assert.equal(1, #calls)
    calls = message(chat({ prompt = "what is the weather here?", tools = { WEATHER } })).tool_calls
    assert.equal("what is the weather here?", fake.decode(calls[1]["function"].arguments).city)
  end)

  it("are chosen by name, or by what the prompt is about", function()
    local tools = { WEATHER, tool("get_time", { zone = { type = "string" } }, { "zone" }) }
    local calls = message(chat({ prompt = "what time is it?", tools = tools })).tool_calls
    assert.equal("get_time", calls[1]["function"].name)
    local choice = { type = "function", ["function"] = { name = "get_time" } }
    calls = message(chat({ prompt = "weather", tools = tools, tool_choice = choice })).tool_calls
    assert.equal("get_time", calls[1]["function"].name)
    assert.is_nil(message(chat({ tools = tools, tool_choice = "none" })).tool_calls)
  end)

  it("that have answered are used in the final text", function()
    local call = {
      id = "c1", type = "function", ["function"] = { name = "get_weather", arguments = "{}" },
    }
    local req = chat({ tools = { WEATHER }, messages = {
      { role = "user", content = "Weather in Paris?" },
      { role = "assistant", content = core.null, tool_calls = { call } },
      { role = "tool", tool_call_id = "c1", content = "21 degrees" },
    } })
    assert.equal("The tools answered: 21 degrees", message(req).content)
  end)
end)

describe("the mock's structured output", function()
  local function structured(shape, prompt)
    local req = chat({ prompt = prompt, response_format = {
      type = "json_schema", json_schema = { name = "x", schema = shape, strict = true },
    } })
    return fake.decode(message(req).content)
  end

  it("has every property, in its type and range", function()
    local value = structured({ type = "object", properties = {
      name = { type = "string", minLength = 20, maxLength = 30 },
      age = { type = "integer", minimum = 18 },
      score = { type = "number", exclusiveMinimum = 1, maximum = 2 },
      ok = { type = "boolean" },
      kind = { enum = { "red", "green" } },
      version = { const = 7 },
      tags = { type = "array", items = { type = "string" }, minItems = 2 },
      nothing = { type = "null" },
      maybe = { type = { "string", "null" } },
      day = { type = "string", format = "date" },
    } }, "paint it green")
    assert.is_true(#value.name >= 20 and #value.name <= 30)
    assert.equal(18, value.age)
    assert.is_true(value.score > 1 and value.score <= 2)
    assert.is_true(value.ok)
    assert.equal("green", value.kind)
    assert.equal(7, value.version)
    assert.equal(2, #value.tags)
    assert.equal(core.null, value.nothing)
    assert.is_string(value.maybe)
    assert.equal("2025-01-31", value.day)
  end)

  it("follows $ref, anyOf and allOf, and ends recursive schemas", function()
    local value = structured({
      type = "object", required = { "root", "both" },
      properties = {
        root = { ["$ref"] = "#/$defs/node" },
        both = { allOf = {
          { type = "object", properties = { a = { type = "integer" } }, required = { "a" } },
          { properties = { b = { type = "string" } } },
        } },
      },
      ["$defs"] = { node = {
        type = "object", required = { "value", "next" },
        properties = {
          value = { anyOf = { { type = "integer" }, { type = "string" } } },
          next = { anyOf = { { ["$ref"] = "#/$defs/node" }, { type = "null" } } },
        },
      } },
    })
    assert.equal(1, value.root.value)
    assert.equal(1, value.both.a)
    assert.is_string(value.both.b)
    local depth, node = 0, value.root
    while node ~= core.null do depth, node = depth + 1, node.next end
    assert.is_true(depth < 10)
  end)

  it("is an object for json_object", function()
    local req = chat({ prompt = "Hi", response_format = { type = "json_object" } })
    assert.same({ answer = "The mock answers: Hi" }, fake.decode(message(req).content))
  end)
end)

describe("the mock's completions", function()
  it("answer one or several prompts", function()
    local one = fake.decode(post("/v1/completions",
      { model = "mock/echo", prompt = "once upon" }).sent.body)
    assert.equal("text_completion", one.object)
    assert.equal("once upon", one.choices[1].text)
    local two = fake.decode(post("/v1/completions",
      { model = "mock/echo", prompt = { "a", "b" } }).sent.body)
    assert.same({ "a", "b" }, { two.choices[1].text, two.choices[2].text })
  end)

  it("stream text", function()
    local list = events(post("/v1/completions",
      { model = "mock/echo", prompt = "once upon", stream = true }))
    assert.equal("once", list[1].choices[1].text)
    assert.equal("[DONE]", list[#list])
  end)

  it("want a prompt", function()
    local req = post("/v1/completions", { model = "mock/echo" })
    assert.same({ 400, "prompt" }, { req.replied.status, req:json().error.param })
  end)
end)

describe("the mock's embeddings", function()
  local function embed(fields)
    fields.model = "mock/embed"
    return post("/v1/embeddings", fields)
  end

  local function vector(said, more)
    local fields = more or {}
    fields.input = said
    return fake.decode(embed(fields).sent.body).data[1].embedding
  end

  local function cosine(a, b)
    local sum = 0
    for i = 1, #a do sum = sum + a[i] * b[i] end
    return sum
  end

  it("are of length 1 and stable", function()
    local v = vector("The cat sat on the mat")
    assert.equal(256, #v)
    assert.is_true(math.abs(cosine(v, v) - 1) < 1e-6)
    assert.same(v, vector("The cat sat on the mat"))
  end)

  it("are nearer for similar texts than for others", function()
    local cat = vector("How do I reset my password?")
    local near = vector("I forgot my password, how can I reset it?")
    local far = vector("The recipe needs two eggs and some flour")
    assert.is_true(cosine(cat, near) > cosine(cat, far) + 0.3)
    assert.is_true(cosine(vector("cat"), vector("cats")) > cosine(vector("cat"), vector("dog")))
  end)

  it("take texts, lists of texts and tokens", function()
    assert.equal(2, #fake.decode(embed({ input = { "a", "b" } }).sent.body).data)
    assert.equal(1, #fake.decode(embed({ input = { 1, 2, 3 } }).sent.body).data)
    assert.equal(2, #fake.decode(embed({ input = { { 1 }, { 2, 3 } } }).sent.body).data)
    for _, input in ipairs({ "", core.array({}), { "" }, { true } }) do
      local req = embed({ input = input })
      assert.same({ 400, "input" }, { req.replied.status, req:json().error.param })
    end
  end)

  it("have as many dimensions as asked for", function()
    assert.equal(8, #vector("x", { dimensions = 8 }))
    for _, wrong in ipairs({ 0, 4097, 1.5, "8" }) do
      assert.equal("dimensions", embed({ input = "x", dimensions = wrong }):json().error.param)
    end
  end)

  it("come as little-endian floats in base64", function()
    local ffi = require("ffi")
    local floats = vector("some text", { dimensions = 5 })
    local text = vector("some text", { dimensions = 5, encoding_format = "base64" })
    local alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    local bits, bytes = {}, {}
    for c in text:gsub("=", ""):gmatch(".") do
      local number = alphabet:find(c, 1, true) - 1
      for i = 5, 0, -1 do bits[#bits + 1] = math.floor(number / 2 ^ i) % 2 end
    end
    for i = 1, #bits - 7, 8 do
      local byte = 0
      for j = i, i + 7 do byte = byte * 2 + bits[j] end
      bytes[#bytes + 1] = string.char(byte)
    end
    local raw = ffi.new("float[5]")
    ffi.copy(raw, table.concat(bytes), 20)
    for i = 1, 5 do assert.is_true(math.abs(raw[i - 1] - floats[i]) < 1e-6) end
  end)

  it("count their tokens", function()
    local usage = fake.decode(embed({ input = "12345678" }).sent.body).usage
    assert.same({ prompt_tokens = 2, total_tokens = 2 }, usage)
  end)
end)

describe("the mock's faults", function()
  it("answer any status, with Retry-After where it belongs", function()
    local req = chat({ model = "mock/error-429" })
    assert.equal(429, req.replied.status)
    assert.equal("3", req.replied.headers["retry-after"])
    assert.equal(1, #req.attempts)
    assert.equal(502, chat({ model = "mock/error-500" }).replied.status)
    assert.equal(502, chat({ model = "mock/error-401" }).replied.status)
    assert.equal(422, chat({ model = "mock/error-422" }).replied.status)
    assert.equal(502, chat({ model = "mock/error-503" }).replied.status)
  end)

  it("hide an error inside a 200", function()
    local req = chat({ model = "mock/error-200", stream = true })
    assert.equal(200, req.sent.status)
    assert.matches('^data: {"error":', req.sent.body)
  end)

  it("cut a stream in the middle, without an end", function()
    local req = chat({ model = "mock/cut", stream = true })
    assert.is_true(req.sent.cut)
    assert.is_nil(req.sent.body:find("DONE", 1, true))
    assert.is_nil(req.sent.body:find('finish_reason":"', 1, true))
    assert.equal("upstream_error", req.recorded.outcome)
  end)

  it("say nothing, or nonsense", function()
    assert.equal("", chat({ model = "mock/empty", stream = true }).sent.body)
    local req = chat({ model = "mock/garbage" })
    assert.is_nil((fake.decode(req.sent.body)))
  end)

  it("stall until somebody hangs up", function()
    local count = 0
    core.sleep = function()
      count = count + 1
      if count < 4 then return true end
      return nil, { kind = "canceled" }
    end
    chat({ model = "mock/stall", stream = true })
    assert.equal(4, count)
  end)

  it("are no models beyond those that there are", function()
    local req = chat({ model = "mock/unknown" })
    assert.same({ 404, "model_not_found" }, { req.replied.status, req:json().error.code })
    assert.equal(404, chat({ model = "mock/error-999" }).replied.status)
    assert.equal(404, chat({ model = "mock/embed" }).replied.status)
  end)
end)
