local fake = require("spec.support.fake_core")

local body, request_view, req, view

local COMPLETE = { name = "chat", streams = true }

local function see(options, op)
  options.body = options.body or '{"model":"m","messages":[]}'
  req = fake.request(options)
  local call = assert(body.read(req, op or COMPLETE, { name = "openai-chat" }, true))
  view = request_view.new(call, "app", 60)
  return view
end

local function message_of(fn)
  local ok, problem = pcall(fn)
  assert.is_false(ok)
  return problem
end

describe("tide.request_view", function()
  before_each(function()
    fake.install()
    body, request_view = require("tide.body"), require("tide.request_view")
  end)

  it("shows where a request comes from", function()
    see({ query = "a=1&b=x%20y&a=2&flag", headers = { ["x-team"] = "blue" } })
    assert.same({ "0123", "POST", "/v1/chat/completions", "openai-chat", "chat", "m", false },
      { view.id, view.method, view.path, view.protocol, view.op, view.model, view.stream })
    assert.same({ a = "1", b = "x y", flag = "" }, view.query)
    assert.equal("blue", view.headers["x-team"])
    assert.is_nil(view.headers["x-other"])
    assert.same({ name = "app", ip = "127.0.0.1" }, view.client)
    assert.equal(160, view.deadline)
  end)

  it("estimates the prompt with its tools, and knows what the client asks for", function()
    see({ body = '{"model":"m","messages":["12345678"],"tools":["1234567890"],"max_tokens":9,'
      .. '"user":"u","response_format":{"type":"json_schema"}}' })
    assert.same({ prompt = 7, max_out = 9 }, view.tokens)
    assert.same({ 1, true, true, "u" },
      { view.messages, view.has_tools, view.json_mode, view.user })
    assert.same({ false, false }, { view.has_images, view.has_audio })
  end)

  it("counts what stands in place of messages", function()
    see({ body = '{"model":"m","input":"12345678901234"}' }, { name = "embed" })
    assert.same({ 4, 0, false }, { view.tokens.prompt, view.messages, view.has_tools })
  end)

  it("prefers max_completion_tokens, and says nothing of what nobody said", function()
    see({ body = '{"model":"m","max_tokens":9,"max_completion_tokens":5}' })
    assert.equal(5, view.tokens.max_out)
    see({})
    assert.is_nil(view.tokens.max_out)
    assert.is_nil(view.user)
  end)

  describe("in another dialect", function()
    local function see_in(name, path, text)
      local op = { name = "chat", is_chat = true, streams = true, model_in_path = path ~= nil,
        stream = path and false }
      req = fake.request({ body = text, path = path and "/v1beta/models/m:generateContent" })
      view = request_view.new(assert(body.read(req, op, {
        name = name, request = { messages = name == "gemini" and "contents"
          or name == "openai-responses" and "input" or "messages", needs = {} },
      }, true)), "app", 60)
      return view
    end

    it("finds the same in a body of Anthropic's", function()
      see_in("anthropic-messages", nil, '{"model":"m","system":"12345678","max_tokens":9,'
        .. '"messages":["12345678"],"tools":["1234567890"],"metadata":{"user_id":"u"},'
        .. '"output_config":{"format":{"type":"json_schema"}}}')
      assert.same({ "anthropic-messages", 9, "u", true, true, 1 }, { view.protocol,
        view.tokens.max_out, view.user, view.json_mode, view.has_tools, view.messages })
      assert.equal(9, view.tokens.prompt)
    end)

    it("finds the same in a body of the Responses API", function()
      see_in("openai-responses", nil, '{"model":"m","instructions":"12345678","input":"1234",'
        .. '"max_output_tokens":5,"user":"u","text":{"format":{"type":"json_object"}}}')
      assert.same({ 5, "u", true, false, 1 }, { view.tokens.max_out, view.user, view.json_mode,
        view.has_tools, view.messages })
      assert.equal(4, view.tokens.prompt)
      assert.is_false(see_in("openai-responses", nil,
        '{"model":"m","input":[],"text":{"format":{"type":"text"},"verbosity":"low"}}').json_mode)
    end)

    it("finds the same in a body of Gemini's, in either spelling", function()
      see_in("gemini", true, '{"contents":["12345678"],"systemInstruction":"12345678",'
        .. '"generationConfig":{"maxOutputTokens":7,"responseMimeType":"application/json"},'
        .. '"tools":["12345678"]}')
      assert.same({ "m", 7, true, true, 1 }, { view.model, view.tokens.max_out, view.json_mode,
        view.has_tools, view.messages })
      local camel = view.tokens.prompt
      see_in("gemini", true, '{"contents":["12345678"],"system_instruction":"12345678",'
        .. '"generation_config":{"max_output_tokens":7,"response_mime_type":"text/plain"},'
        .. '"tools":["12345678"]}')
      assert.same({ 7, false }, { view.tokens.max_out, view.json_mode })
      assert.equal(camel, view.tokens.prompt)
      assert.is_nil(view.user)
    end)
  end)

  it("knows JSON mode from plain text", function()
    local function is_json(format)
      see({ body = '{"model":"m","response_format":' .. format .. "}" })
      return view.json_mode
    end
    assert.is_true(is_json('{"type":"json_object"}'))
    assert.is_true(is_json('{"json_schema":"' .. ("x"):rep(400) .. '","type":"json_schema"}'))
    assert.is_false(is_json('{"type":"text"}'))
    assert.is_false(is_json("null"))
    see({})
    assert.is_false(view.json_mode)
  end)

  it("is read only but for ctx", function()
    see({})
    view.ctx.mine = 1
    assert.equal(1, view.ctx.mine)
    assert.matches("req.model is read only", message_of(function() view.model = "x" end))
    assert.matches("read only", message_of(function() view.headers["x-a"] = "b" end))
    assert.is_false(getmetatable(view))
  end)

  it("names what was meant by a misspelt field, blaming the script's line", function()
    see({})
    local problem = message_of(function() return view.tokns end)
    assert.matches("request_view_spec.lua:%d+: req has no field 'tokns' %(did you mean 'tokens'",
      problem)
  end)

  it("raises when the request has ended", function()
    see({})
    local headers = view.headers
    request_view.close(view)
    assert.matches("this request has ended", message_of(function() return view.model end))
    assert.matches("this request has ended", message_of(function() return headers.a end))
    assert.matches("request has ended", message_of(function() return view:canceled() end))
  end)

  it("keeps what it knows for hooks after the end", function()
    see({ body = '{"model":"m","messages":["12345678"],"user":"u"}' })
    request_view.detach(view)
    req.id, req.raw, req.prompt = nil, nil, nil
    setmetatable(req, nil)
    assert.same({ "0123", 3, "u", "m" }, { view.id, view.tokens.prompt, view.user, view.model })
    assert.is_true(view:canceled())
    assert.matches("has ended", message_of(function() return view.headers.a end))
    assert.matches("head has gone", message_of(function() view:set_header("a", "b") end))
  end)

  it("adds headers to the answer and to what the provider gets, while there is time", function()
    see({})
    view:set_header("x-a", "b")
    assert.equal("b", req:added_header("x-a"))
    view:set_upstream_header("X-B", "c")
    assert.same({ ["x-b"] = "c" }, request_view.take_upstream_headers(view))
    assert.matches("on its way", message_of(function() view:set_upstream_header("x", "y") end))
    req.started = true
    assert.matches("head has gone", message_of(function() view:set_header("x-a", "b") end))
  end)

  it("refuses headers that would change what is sent", function()
    see({})
    for _, pair in ipairs({ { "content-length", "1" }, { "Connection", "close" }, { "a b", "c" },
      { "x", "a\r\nb: c" }, { "x", 1 } }) do
      assert.is_false((pcall(view.set_header, view, pair[1], pair[2])))
      assert.is_false((pcall(view.set_upstream_header, view, pair[1], pair[2])))
    end
    assert.same({}, req.added)
  end)

  it("takes a reply only where one may be given", function()
    see({})
    assert.matches("only `before`", message_of(function() view:reply(200) end))
    request_view.take_reply(view, true)
    view:reply(200, nil, "x")
    assert.same({ status = 200, body = "x" }, request_view.take_reply(view, false))
    assert.is_nil(request_view.take_reply(view, false))
  end)

  it("brings itself up to date when a script has changed the body", function()
    see({})
    assert.is_false(request_view.refresh(view))
    assert.equal("m", view.model)
    view.body:set("model", "n")
    view.body:set("stream", true)
    view.body:set("messages", { "12345678" })
    assert.equal(3, view.tokens.prompt)
    assert.is_true(request_view.refresh(view))
    assert.same({ "n", true, 3 }, { view.model, view.stream, view.tokens.prompt })
    view.body:set("model", 1)
    local ok, err = request_view.refresh(view)
    assert.is_nil(ok)
    assert.equal(400, err.status)
  end)
end)
