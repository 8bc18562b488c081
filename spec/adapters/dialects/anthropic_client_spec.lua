-- What clients of the dialect anthropic-messages ask, in the canonical form.
local fake = require("spec.support.fake_core")

local core, dialect, warned

local function read(body)
  local raw = {}
  for _, name in ipairs(dialect.raw_members) do raw[name] = true end
  warned = {}
  local call = { op = "chat", warn = function(what) warned[#warned + 1] = what end }
  return dialect.decode_request(core.decode(body, raw), call)
end

local function messages(list)
  local rq, err = read('{"model":"m","max_tokens":1,"messages":' .. list .. "}")
  return rq and rq.messages, err
end

describe("a client's request in the dialect anthropic-messages", function()
  before_each(function()
    core = fake.install()
    dialect = require("tide.adapters").load().dialects["anthropic-messages"]
  end)

  it("has settings", function()
    local rq = read([[{"model":"m","max_tokens":9,"temperature":0.5,"top_p":0.9,"top_k":4,
      "stop_sequences":["END"],"stream":true,"metadata":{"user_id":"u"},"service_tier":
      "standard_only","cache_control":{"type":"ephemeral"},"messages":[{"role":"user",
      "content":"hi"}],"container":"c","mcp_servers":[],"system":"be terse"}]])
    assert.same({
      op = "chat", model = "m", max_tokens = 9, temperature = 0.5, top_p = 0.9, top_k = 4,
      stop = { "END" }, stream = true, include_usage = true, user = "u", service_tier = "default",
      cache = { type = "ephemeral" }, system = { { type = "text", text = "be terse" } },
      messages = { { role = "user", content = { { type = "text", text = "hi" } } } },
      ext = { container = "c", mcp_servers = {} },
    }, rq)
  end)

  it("has blocks of every kind", function()
    local list = messages([[ [{"role":"user","content":[
      {"type":"text","text":"a","cache_control":{"type":"ephemeral"}},
      {"type":"image","source":{"type":"base64","media_type":"image/png","data":"QUJD"}},
      {"type":"image","source":{"type":"url","url":"https://e/x"}},
      {"type":"document","title":"t","context":"c","citations":{"enabled":true},
       "source":{"type":"base64","media_type":"application/pdf","data":"JVBE"}},
      {"type":"document","source":{"type":"text","media_type":"text/plain","data":"plain"}},
      {"type":"document","source":{"type":"content","content":[{"type":"text","text":"x"},
       {"type":"text","text":"y"}]}},
      {"type":"document","source":{"type":"file","file_id":"file_1"}},
      {"type":"search_result","source":"https://e","title":"s","content":
       [{"type":"text","text":"found"}]},
      {"type":"container_upload","file_id":"file_2"}]}] ]])
    local content = list[1].content
    assert.same({
      { type = "text", text = "a", cache = { type = "ephemeral" } },
      { type = "image", mime = "image/png", data = "QUJD" },
      { type = "image", url = "https://e/x" },
      { type = "file", title = "t", context = "c", citations = true, mime = "application/pdf",
        data = "JVBE" },
      { type = "file", text = "plain", mime = "text/plain" },
      { type = "file", text = "x\ny", mime = "text/plain" },
      { type = "file", id = "file_1" },
      { type = "file", text = "found", title = "s", context = "https://e", mime = "text/plain" },
    }, { unpack(content, 1, 8) })
    assert.same({ "opaque", "anthropic-messages", "container_upload" },
      { content[9].type, content[9].dialect, content[9].what })
  end)

  it("has results of tools in every form, with the name of the tool", function()
    local list = messages([[ [{"role":"assistant","content":[
      {"type":"tool_use","id":"a","name":"f","input":{"z": 1.0}},
      {"type":"tool_use","id":"b","name":"g"}]},
      {"role":"user","content":[
      {"type":"tool_result","tool_use_id":"a","content":"done"},
      {"type":"tool_result","tool_use_id":"b","is_error":true,"content":[
       {"type":"text","text":"x"},
       {"type":"image","source":{"type":"base64","media_type":"image/png","data":"QUJD"}},
       {"type":"tool_reference","tool_name":"h"}]},
      {"type":"tool_result","tool_use_id":"a"}]}] ]])
    assert.same({
      { type = "tool_use", id = "a", name = "f", arguments = '{"z": 1.0}' },
      { type = "tool_use", id = "b", name = "g", arguments = "{}" },
    }, list[1].content)
    assert.same({
      { type = "tool_result", id = "a", name = "f",
        content = { { type = "text", text = "done" } } },
      { type = "tool_result", id = "b", name = "g", is_error = true, content = {
        { type = "text", text = "x" }, { type = "image", mime = "image/png", data = "QUJD" },
        { type = "text", text = '{"tool_name":"h","type":"tool_reference"}' },
      } },
      { type = "tool_result", id = "a", name = "f", content = {} },
    }, list[2].content)
  end)

  it("T-34 has thinking as it came", function()
    local list = messages([[ [{"role":"assistant","content":[
      {"type":"thinking","thinking":"hm","signature":"c2ln"},
      {"type":"redacted_thinking","data":"b3Bh"},
      {"type":"thinking","thinking":"unsigned","signature":""},
      {"type":"thinking","thinking":"","signature":""},
      {"type":"text","text":"x"}]}] ]])
    assert.same({
      { type = "reasoning", text = "hm", signature = "c2ln", format = "anthropic" },
      { type = "reasoning", redacted = "b3Bh", format = "anthropic" },
      { type = "reasoning", text = "unsigned" },
      { type = "text", text = "x" },
    }, list[1].content)
  end)

  it("has tools of its own and of the provider's", function()
    local rq = read([[{"messages":[{"role":"user","content":"x"}],"tools":[
      {"name":"f","description":"d","input_schema":{"type": "object","b":1,"a":2},"strict":true,
       "cache_control":{"type":"ephemeral"},"input_examples":[{}]},
      {"type":"web_search_20250305","name":"web_search"}],
      "tool_choice":{"type":"any","disable_parallel_tool_use":true}}]])
    local tool = rq.tools[1]
    assert.equal('{"type": "object","b":1,"a":2}', tool.parameters.raw)
    assert.same({ "function", "f", "d", true }, { tool.type, tool.name, tool.description,
      tool.strict })
    assert.same({ "server", "web_search_20250305" }, { rq.tools[2].type, rq.tools[2].what })
    assert.same({ type = "required" }, rq.tool_choice)
    assert.is_false(rq.parallel_tools)
    assert.same({ "tools input_examples" }, warned)
  end)

  it("says how to think and what the answer must look like", function()
    local function reasoning(members)
      return read('{"messages":[{"role":"user","content":"x"}],' .. members .. "}").reasoning
    end
    assert.same({ enabled = true, budget = 2048, show = true },
      reasoning('"thinking":{"type":"enabled","budget_tokens":2048}'))
    assert.same({ enabled = true, adaptive = true, show = false, effort = "max" }, reasoning(
      '"thinking":{"type":"adaptive","display":"omitted"},"output_config":{"effort":"max"}'))
    assert.same({ enabled = false, effort = "none" }, reasoning('"thinking":{"type":"disabled"}'))
    assert.is_nil(reasoning('"thinking":null'))
    local rq = read([[{"messages":[{"role":"user","content":"x"}],"output_config":{"format":
      {"type":"json_schema","schema":{"z": 1}},"task_budget":5}}]])
    assert.equal('{"z": 1}', rq.response_format.schema.raw)
    assert.same({ output_config = { task_budget = 5 } }, rq.ext)
  end)

  it("is refused with the place of what is wrong", function()
    local function wrong(body)
      local rq, err = read(body)
      assert.is_nil(rq)
      return err.param
    end
    assert.equal("messages", wrong('{"model":"m"}'))
    assert.equal("messages", wrong('{"messages":[]}'))
    assert.equal("messages.0.role", wrong('{"messages":[{"role":"tool","content":"x"}]}'))
    assert.equal("messages.0.content", wrong('{"messages":[{"role":"user","content":null}]}'))
    assert.equal("messages.1.content",
      wrong('{"messages":[{"role":"user","content":"x"},{"role":"user"}]}'))
  end)

  it("does not bring Anthropic the citations of others", function()
    local list = messages('[{"role":"assistant","content":[{"type":"text","text":"t","citations":['
      .. '{"type":"web_search_result_location","url":"https://e","encrypted_index":"'
      .. require("tide.canonical").wrap("none", "") .. '"},{"type":"char_location"},null]}]}]')
    assert.same({ { raw = { type = "char_location" } } }, list[1].content[1].citations)
  end)

  it("never raises on odd values", function()
    local odd = {
      "null", "3", "[]", "{}", '"x"', "[null]", "[[]]", "[3]", '[{"type":null}]', '[{"type":{}}]',
      '[{"type":"text"}]', '[{"type":"image","source":null}]', '[{"type":"document"}]',
      '[{"type":"tool_use"}]', '[{"type":"tool_use","input":[]}]', '[{"type":"tool_result"}]',
      '[{"type":"tool_result","content":{}}]', '[{"type":"thinking"}]',
      '[{"type":"redacted_thinking"}]', '[{"type":"tool_result","content":[null]}]',
    }
    for _, value in ipairs(odd) do
      for _, role in ipairs({ "user", "assistant", "system" }) do
        assert.has_no.errors(function()
          local rq = read('{"messages":[{"role":"' .. role .. '","content":' .. value .. "}]}")
          if rq then
            core.encode(dialect.encode_request(rq, { traits = {}, warn = function() end }))
          end
        end)
      end
      for _, name in ipairs({ "system", "tools", "tool_choice", "thinking", "metadata", "stream",
        "output_config", "stop_sequences", "max_tokens", "temperature", "service_tier" }) do
        assert.has_no.errors(function()
          local rq = read('{"messages":[{"role":"user","content":"x"}],"' .. name .. '":' .. value
            .. "}")
          if rq then
            core.encode(dialect.encode_request(rq, { traits = {}, warn = function() end }))
          end
        end)
      end
    end
  end)

  it("says which number is none", function()
    local rq, problem = read('{"messages":[{"role":"user","content":"x"}],"temperature":"hot"}')
    assert.is_nil(rq)
    assert.same({ message = "'temperature' must be a number", param = "temperature" }, problem)
  end)

  it("comes back as it was when it is asked of Anthropic again", function()
    local body = [[{"model":"m","max_tokens":9,"system":[{"type":"text","text":"s","cache_control":
      {"type":"ephemeral","ttl":"1h"}}],"messages":[{"role":"user","content":[{"type":"text",
      "text":"a"}]},{"role":"assistant","content":[{"type":"thinking","thinking":"h","signature":
      "c2ln"},{"type":"text","text":"t","citations":[{"type":"char_location","cited_text":"t",
      "document_index":0}]},{"type":"tool_use","id":"toolu_1","name":"f","input":{"a":1}}]},
      {"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1","content":"ok"}]}],
      "tools":[{"name":
      "f","input_schema":{"type":"object"},"defer_loading":true}],"thinking":{"type":"enabled",
      "budget_tokens":2000},"output_config":{"task_budget":3}}]]
    local rq = read(body)
    rq.max_tokens, rq.reasoning.budget = 4000, 2000
    local again = core.decode(core.encode(dialect.encode_request(rq, {
      model = "m", traits = {}, client_dialect = "anthropic-messages", warn = function() end,
    })))
    local expected = core.decode(body)
    expected.max_tokens = 4000
    assert.same(expected, again)
  end)
end)
