"""Adapters that users write: the sketches of the manual as files, and every hook of an adapter. T-41."""
import json
import re

import pytest

import gateway as program

import upstream as mock
from config import config, provider
from speakers import DIALECTS, FILES, ask, failed, speaks, streamed, whole
from expect import attempts, told
from facts import client
from wire import wait_until

pytestmark = pytest.mark.slow

UNARY_AND_STREAM = pytest.mark.parametrize("stream", (False, True), ids=("unary", "stream"))
ASKS = pytest.mark.parametrize("asks", DIALECTS)


@pytest.fixture
def written(gateway, upstream):
    """a gateway with the provider "mine", whose adapter is this text; its model is mine/m"""
    def start(text, base=None, more=None, files=None, **fields):
        table = {"mine": {"keys": ["sk-canary-mine"], "base_url": base or upstream.origin, **fields}}
        if fields.get("base_url", "") is None:
            del table["mine"]["base_url"]
        files = {"adapters/mine.lua": "return tide.adapter {\n%s\n}\n" % text, **(files or {})}
        return gateway(config(table, **(more or {})), files=files)
    return start


def send(g, asks, stream=False, model="mine/m", **more):
    path, body = ask(asks, model, stream, **more)
    return g.call(body, path)


def read(asks, answer, stream):
    assert answer.status == 200, answer.body
    return client.stream(asks, answer.body) if stream else client.answer(asks, answer.body)


# ---- the sketches ------------------------------------------------------------------------------
def test_a_compatible_service_is_a_table(written, upstream):
    g = written('extends = "openai", auth = { type = "bearer", secret = "X" }, params = { drop = { "logit_bias" } },')
    upstream.answer(whole("openai-chat"))
    answer = send(g, "openai-chat", logit_bias={"1": 2})
    assert "logit_bias" not in upstream.requests[0].json
    assert answer.headers["x-tidegate-warnings"] == "mine/m dropped logit_bias"


AZURE = """
  extends = "openai",
  config = { resource = "string!", deployment = "string?", api_version = "string?" },
  base_url = "http://{resource}/openai/deployments/{deployment|model}",
  query = { ["api-version"] = "{api_version|2024-10-21}" },
  auth = { type = "header", name = "api-key", secret = "AZURE_OPENAI_KEY" },
  params = { drop = { "model" } },
  errors = { map = { content_filter = "content_filter", DeploymentNotFound = "no_target" } },
"""


@pytest.mark.parametrize("fields, path", [
    ({}, "/openai/deployments/m%20one/chat/completions?api-version=2024-10-21"),
    ({"deployment": "d1", "api_version": "2025-01-01"}, "/openai/deployments/d1/chat/completions?api-version=2025-01-01"),
])
def test_an_address_is_made_of_the_configuration_and_the_model(written, upstream, fields, path):
    g = written(AZURE, base_url=None, resource=upstream.origin.split("//")[1], **fields)
    upstream.answer(whole("openai-chat"))
    answer = send(g, "openai-chat", model="mine/m one")
    request = upstream.requests[0]
    assert answer.status == 200 and request.target == path
    assert request.headers["api-key"] == "sk-canary-mine" and "model" not in request.json
    assert "x-tidegate-warnings" not in answer.headers


@pytest.mark.parametrize("fields, problem", [
    ({}, r"gateway.lua:\d+: .*needs `resource`"),
    ({"resource": "r", "regoin": "x"}, r"gateway.lua:\d+: .*unknown field 'regoin'"),
    ({"resource": "r", "deploymnt": "x"}, r"unknown field 'deploymnt'.*did you mean 'deployment'"),
    ({"resource": 5}, r"must be a string, not a number"),
])
def test_what_the_configuration_of_an_adapter_lacks_is_said_with_its_line(tmp_path, fields, problem):
    (tmp_path / "adapters").mkdir()
    (tmp_path / "adapters" / "mine.lua").write_text("return tide.adapter {\n%s\n}\n" % AZURE)
    (tmp_path / "gateway.lua").write_text(config({"mine": fields}).replace("@LOG@", "x.log"))
    status, out, err = program.run("check", str(tmp_path))
    assert status == 1
    assert re.search(problem, out + err), out + err


ANTHROPIC = """
  dialect = "anthropic-messages",
  auth = { type = "header", name = "x-api-key", secret = "ANTHROPIC_API_KEY" },
  headers = { ["anthropic-version"] = "2023-06-01" }, forward_headers = { "anthropic-beta" },
  ops = { chat = { path = "/v1/messages" } },
  params = { default = { max_tokens = 4096 }, clamp = { temperature = { 0, 1 } } },
  errors = { path = { "error" }, type = "type", status = { [529] = "overloaded" },
             map = { overloaded_error = "overloaded", rate_limit_error = "rate_limited" } },
"""


@ASKS
def test_anthropic_as_a_file_of_a_user(written, upstream, asks):
    g = written(ANTHROPIC)
    upstream.answer(whole("anthropic-messages"))
    path, body = ask(asks, "mine/m")
    if asks in ("openai-chat", "openai-responses"):
        body["temperature"] = 1.5
    answer = g.call(body, path, headers={"anthropic-beta": "one-1", "x-other": "no"})
    assert read(asks, answer, False).first.text == "hello"
    request = upstream.requests[0]
    assert request.headers["x-api-key"] == "sk-canary-mine" and request.headers["anthropic-version"] == "2023-06-01"
    assert request.headers["anthropic-beta"] == "one-1" and "x-other" not in request.headers
    if "temperature" in body:
        assert request.json["temperature"] == 1 and request.json["max_tokens"]
        assert answer.headers["x-tidegate-warnings"].startswith("mine/m ") and "temperature" in \
            answer.headers["x-tidegate-warnings"]


GEMINI = """
  dialect = "gemini",
  auth = { type = "query", name = "key", secret = "GEMINI_API_KEY" },
  ops = { chat = { path = "/v1beta/models/{model}:generateContent",
                   stream_path = "/v1beta/models/{model}:streamGenerateContent?alt=sse" } },
  errors = { retry_after = { "error.details[].retryDelay" } },
"""


@UNARY_AND_STREAM
@ASKS
def test_gemini_as_a_file_of_a_user_with_its_key_in_the_query(written, upstream, asks, stream):
    g = written(GEMINI)
    upstream.answer(streamed("gemini", "hel", "lo") if stream else whole("gemini"))
    assert read(asks, send(g, asks, stream), stream).first.text == "hello"
    verb = "streamGenerateContent?alt=sse&" if stream else "generateContent?"
    assert upstream.requests[0].target == "/v1beta/models/m:%skey=sk-canary-mine" % verb


def test_a_provider_says_in_its_body_when_to_come_back(written, upstream):
    g = written(GEMINI, more={"retry": {"max": 0}})
    upstream.always(mock.json_reply({"error": {"code": 429, "message": "slow down", "status": "RESOURCE_EXHAUSTED",
                                               "details": [{"retryDelay": "34.2s"}]}}, 429))
    answer = send(g, "openai-chat")
    assert answer.status == 429 and answer.headers["retry-after"] == "35"


WEIRD = """
  auth = { type = "bearer", secret = "X" }, ops = { chat = { path = "/gen" } },
  encode = function(rq, call, http) http.json = { q = rq:last_user_text(), stream = call.stream } end,
  on_event = function(ev, st, emit)
    local d = tide.json.decode(ev.data)
    if not d then return end
    if d.tok then emit("text", { i = 0, delta = d.tok })
    elseif d.end_ then
      emit("usage", { ["in"] = d.pi, out = d.po })
      emit("finish", { reason = "stop" })
    end
  end,
"""
TOKENS = [mock.event({"tok": "hel"}), mock.event(b"what is this"), mock.event({"tok": "lo"}),
          mock.event({"end_": True, "pi": 11, "po": 7})]


@UNARY_AND_STREAM
@ASKS
def test_a_protocol_of_a_users_own_serves_clients_of_every_dialect(written, upstream, asks, stream):
    g = written(WEIRD)
    upstream.answer(mock.stream(*TOKENS))
    answer = send(g, asks, stream, text="what is it?")
    facts = read(asks, answer, stream)
    assert facts.first.text == "hello" and facts.first.finish == "stop"
    assert (facts.usage.input, facts.usage.output) == (11, 7)
    assert upstream.requests[0].path == "/gen" and upstream.requests[0].json == {"q": "what is it?", "stream": stream}
    assert told(g.log(answer))[:2] == (11, 7)


@ASKS
def test_a_stream_of_a_users_own_protocol_that_breaks_off_is_an_error(written, upstream, asks):
    g = written(WEIRD)
    upstream.answer(mock.stream(TOKENS[0]))
    answer = send(g, asks, True)
    facts = read(asks, answer, True)
    assert facts.error and not facts.first.finish and b"hel" in answer.body


def test_on_end_may_take_the_end_of_the_bytes_for_the_end_of_the_answer(written, upstream):
    g = written(WEIRD + 'on_end = function(st, emit) emit("finish", { reason = "length" }) end,')
    upstream.answer(mock.stream(*TOKENS[:3]))
    facts = read("openai-chat", send(g, "openai-chat", True), True)
    assert facts.first.text == "hello" and facts.first.finish == "length"


def test_a_stream_of_a_users_own_protocol_commits_with_its_first_content(gateway, upstreams):
    a, b = upstreams(), upstreams()
    table = {"mine": provider(a.origin, "sk-canary-a", extends="mine"),
             "other": provider(b.origin, "sk-canary-b", extends=speaks("gemini"))}
    g = gateway(config(table, models={"group": {"targets": ["mine/m", "other/m"], "pick": "ordered"}}),
                files={**FILES, "adapters/mine.lua": "return tide.adapter {\n%s\n}" % WEIRD})
    a.answer(mock.stream(mock.event({"nothing": True})))
    b.answer(streamed("gemini", "from b"))
    answer = send(g, "anthropic-messages", True, model="group")
    assert read("anthropic-messages", answer, True).first.text == "from b"
    assert attempts(answer) == [("mine/m#1", "protocol"), ("other/m#1", "200")]


# ---- the hooks, one by one ---------------------------------------------------------------------
@ASKS
def test_prepare_edits_what_one_attempt_sends(written, upstream, asks):
    g = written("""extends = "openai", prepare = function(rq, call)
      rq.messages[#rq.messages].content[1].text = "(" .. call.client_dialect .. ") " .. rq:last_user_text()
      rq.temperature = 0.5
    end,""", base=upstream.url)
    upstream.answer(whole("openai-chat"))
    assert read(asks, send(g, asks), False).first.text == "hello"
    sent = upstream.requests[0].json
    assert sent["messages"] == [{"role": "user", "content": "(%s) hi" % asks}] and sent["temperature"] == 0.5


def test_what_a_prepared_request_does_not_know_goes_on_to_the_same_dialect(written, upstream):
    g = written('extends = "openai", prepare = function(rq) rq.temperature = 0.5 end,', base=upstream.url)
    upstream.answer(whole("openai-chat"))
    answer = send(g, "openai-chat", frobnicate={"deep": [1]})
    assert upstream.requests[0].json["frobnicate"] == {"deep": [1]} and "x-tidegate-warnings" not in answer.headers


def test_each_attempt_prepares_the_clients_request_anew(gateway, upstreams):
    a, b = upstreams(), upstreams()
    hook = 'return tide.adapter { extends = "openai", prepare = function(rq, call)\n' \
        'rq.messages[1].content[1].text = rq:last_user_text() .. call.provider end }'
    table = {n: provider(u.url, "sk-canary-" + n, extends="mine") for n, u in (("a", a), ("b", b))}
    g = gateway(config(table, models={"group": {"targets": ["a/m", "b/m"], "pick": "ordered"}}),
                files={"adapters/mine.lua": hook})
    a.always(failed("openai-chat", 500))
    b.answer(whole("openai-chat"))
    assert send(g, "anthropic-messages", model="group").status == 200
    assert a.requests[0].json["messages"][0]["content"] == "hia"
    assert b.requests[0].json["messages"][0]["content"] == "hib"


def test_encode_has_the_last_word_on_body_path_and_headers(written, upstream):
    g = written("""extends = "openai", auth = { type = "query", name = "key" },
    encode = function(rq, call, http)
      http.json.messages[1].content = "changed"
      http.path = "/other/" .. call.model .. "?a=1"
      http.headers = { ["x-mine"] = call.op }
    end,""", base=upstream.url)
    upstream.answer(whole("openai-chat"))
    assert read("gemini", send(g, "gemini"), False).first.text == "hello"
    request = upstream.requests[0]
    assert request.target == "/v1/other/m?a=1&key=sk-canary-mine" and request.headers["x-mine"] == "chat"
    assert request.json["messages"][0]["content"] == "changed"


@ASKS
def test_decode_makes_an_answer_of_a_body(written, upstream, asks):
    g = written("""encode = function(rq, call, http) http.body = "say: " .. rq:last_user_text() end,
    decode = function(body, call)
      if body == "full" then return { error = { kind = "overloaded", message = "come back" } } end
      return { text = body.words, finish_reason = "length", usage = { input = 11, output = 7 },
        tool_calls = body.calls and { { name = "f", arguments = body.calls } } or nil }
    end, ops = { chat = { path = "/gen" } },""")
    upstream.answer(mock.json_reply({"words": "hello"}))
    answer = send(g, asks)
    facts = read(asks, answer, False)
    assert facts.first.text == "hello" and facts.first.finish == "length" and facts.usage.output == 7
    assert upstream.requests[0].body == b"say: hi"
    upstream.answer(mock.json_reply({"words": "now", "calls": {"x": 1}}))
    facts = read(asks, send(g, asks), False)
    assert facts.first.calls[0].name == "f" and facts.first.calls[0].value == {"x": 1}
    upstream.answer(mock.json_reply({"words": "hello"}))
    assert read(asks, send(g, asks, True), True).first.text == "hello", "a whole answer becomes a stream"


def test_on_status_says_what_an_error_means(gateway, upstreams):
    a, b = upstreams(), upstreams()
    hook = """return tide.adapter { extends = "openai", on_status = function(status, headers, body, call)
      if status == 400 and body.error.message:find("full") then
        return { kind = "overloaded", message = "full, " .. headers["x-why"] }
      end
    end }"""
    table = {"a": provider(a.url, "sk-canary-a", extends="mine"), "b": provider(b.url, "sk-canary-b")}
    g = gateway(config(table, models={"group": {"targets": ["a/m", "b/m"], "pick": "ordered"}}),
                files={"adapters/mine.lua": hook})
    a.answer(failed("openai-chat", 400, "we are full", headers={"x-why": "Monday"}))
    b.answer(whole("openai-chat", "from b"))
    answer = g.chat("group")
    assert read("openai-chat", answer, False).first.text == "from b" and attempts(answer) == [("a/m#1", "400"), ("b/m#1", "200")]
    a.answer(failed("openai-chat", 400, "no such thing"))
    assert g.chat("group").status == 400


BROKEN = {
    "prepare raises": ("prepare = function() error('oh no') end,", "oh no"),
    "prepare waits": ("prepare = function() tide.sleep(1) end,", "cannot wait"),
    "prepare runs away": ("prepare = function() while true do end end,", "cpu|processor|time"),
    "encode returns no body": ("encode = function(rq, call, http) http.json = nil end,", "http.json or http.body"),
    "encode names a bad path": ("encode = function(rq, call, http) http.path = 'x y' end,", "http.path"),
    "on_event raises": ("on_event = function() error('oh no') end,", "oh no"),
    "on_event says nonsense": ("on_event = function(ev, st, emit) emit(nil, 5) end,", None),
    "decode returns nothing": ("decode = function() end,", None),
    "decode raises": ("decode = function() error('oh no') end,", "oh no"),
    "a metatable bites": ("decode = function() return setmetatable({ text = 'x' }, "
                          "{ __index = function() while true do end end }) end,", None),
}


@UNARY_AND_STREAM
@pytest.mark.parametrize("name", list(BROKEN), ids=lambda n: n.replace(" ", "-"))
def test_a_hook_that_fails_costs_its_attempt_and_nothing_else(gateway, upstreams, name, stream):
    hook, said = BROKEN[name]
    a, b = upstreams(), upstreams()
    table = {"a": provider(a.url, "sk-canary-a", extends="mine"), "b": provider(b.url, "sk-canary-b")}
    g = gateway(config(table, models={"group": {"targets": ["a/m", "b/m"], "pick": "ordered"}}),
                files={"adapters/mine.lua": 'return tide.adapter { extends = "openai", %s }' % hook})
    a.always(lambda _: streamed("openai-chat", "a") if stream else whole("openai-chat", "from a"))
    b.always(lambda _: streamed("openai-chat", "from ", "b") if stream else whole("openai-chat", "from b"))
    answer = send(g, "openai-chat", stream, model="group")
    if stream and hook.startswith("decode"):
        assert read("openai-chat", answer, True).first.text == "a", "streams are not its matter"
        return
    if not stream and name == "a metatable bites":
        assert read("openai-chat", answer, False).first.text == "x", "fields are read as they are"
        return
    assert read("openai-chat", answer, stream).first.text == "from b"
    if said:
        place = "adapters/mine.lua.*" if "raises" in name else ""
        wait_until("a line that says " + said, lambda: re.search(place + said, json.dumps(g.lines())))


OWN = """return tide.adapter {
  framing = "ndjson", auth = { type = "none" }, ops = { chat = { path = "/gen" } },
  encode = function(rq, call, http)
    http.json = { stream = call.stream }
  end,
  on_event = function(ev, st, emit)
    local said = tide.json.decode(ev.data)
    if said.text then emit("text", { delta = said.text }) end
    %s
  end,
}
"""
LOST = {
  "the finish is lost": ("", b'{"text":"a"}\n{"done":true}\n', "ended"),
  "content behind the finish": ('emit("finish", { reason = "stop" })', b'{"text":"a"}\n{"text":"b"}\n', "after the finish"),
  "nothing is said": ("", b'{"done":true}\n', "ended"),
}


@UNARY_AND_STREAM
@pytest.mark.parametrize("name", list(LOST), ids=lambda n: n.replace(" ", "-"))
def test_a_protocol_of_its_own_that_makes_no_sense_is_named_and_never_a_success(gateway, upstreams, name, stream):
    body, lines, why = LOST[name]
    a, b = upstreams(), upstreams()
    table = {"a": {"extends": "mine", "base_url": a.origin}, "b": provider(b.url, "sk-canary-b")}
    g = gateway(config(table, models={"group": {"targets": ["a/m", "b/m"], "pick": "ordered"}}),
                files={"adapters/mine.lua": OWN % body})
    a.always(lambda _: mock.Reply(200, {"content-type": "application/x-ndjson"}, [lines]))
    b.always(lambda _: streamed("openai-chat", "from ", "b") if stream else whole("openai-chat", "from b"))
    answer = send(g, "openai-chat", stream, model="group")
    if stream and name != "nothing is said":  # its first content has been told
        assert b"[DONE]" not in answer.body and b"error" in answer.body
    else:
        assert read("openai-chat", answer, stream).first.text == "from b"
    wait_until("a line in the log", lambda: re.search(r"adapters/mine.lua:6: what on_event made.*" + why, json.dumps(g.lines())))


def test_a_request_that_cannot_be_sent_names_its_hook(gateway, upstream):
    g = gateway(config({"a": {"extends": "mine", "base_url": upstream.origin}}),
                files={"adapters/mine.lua": OWN.replace("http.json =", "local _ =") % ""})
    assert send(g, "openai-chat", model="a/m").status == 502 and not upstream.requests
    wait_until("a line in the log", lambda: re.search("adapters/mine.lua:3: encode must set", json.dumps(g.lines())))


# ---- rules by model ----------------------------------------------------------------------------
FAMILIES = """
  dialects = { "openai-chat", "openai-responses" }, params = { drop = { "user" } },
  model_map = { nick = "thinker-9" },
  families = {
    { models = { "thinker-*" }, params = { drop = { "temperature" } },
      via = { dialect = "openai-responses", when = "tools" } },
  },
"""
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}


@ASKS
def test_a_family_sends_requests_with_tools_in_another_dialect(written, upstream, asks):
    g = written(FAMILIES)
    upstream.always(lambda r: whole("openai-responses" if r.path == "/responses" else "openai-chat"))
    assert read(asks, send(g, asks, model="mine/thinker-1"), False).first.text == "hello"
    native = "/responses" if asks == "openai-responses" else "/chat/completions"
    assert upstream.requests[0].path == native
    tools = {"openai-chat": [TOOL], "openai-responses": [{"type": "function", **TOOL["function"]}],
             "anthropic-messages": [{"name": "f", "input_schema": {"type": "object"}}],
             "gemini": [{"functionDeclarations": [{"name": "f", "parameters": {"type": "OBJECT"}}]}]}[asks]
    assert read(asks, send(g, asks, model="mine/thinker-1", tools=tools), False).first.text == "hello"
    assert upstream.requests[1].path == "/responses" and upstream.requests[1].json["tools"]
    assert read(asks, send(g, asks, model="mine/other", tools=tools), False).first.text == "hello"
    assert upstream.requests[2].path == native


def test_more_than_one_answer_is_not_sent_where_only_one_is_given(written, upstream):
    g = written(FAMILIES)
    upstream.always(mock.error(400))
    send(g, "openai-chat", model="mine/thinker-1", tools=[TOOL], n=2)
    assert upstream.requests[0].path == "/chat/completions" and upstream.requests[0].json["n"] == 2


def test_a_family_adds_to_what_the_adapter_drops_for_the_name_that_the_provider_knows(written, upstream):
    g = written(FAMILIES)
    upstream.always(whole("openai-chat"))
    answer = send(g, "openai-chat", model="mine/nick", temperature=0.5, user="u")
    assert upstream.requests[0].json["model"] == "thinker-9"
    assert not {"temperature", "user"} & set(upstream.requests[0].json)
    assert answer.headers["x-tidegate-warnings"] == "mine/nick dropped user, temperature"
    answer = send(g, "openai-chat", model="mine/plain", temperature=0.5)
    assert upstream.requests[1].json["temperature"] == 0.5 and "x-tidegate-warnings" not in answer.headers


@ASKS
def test_a_protocol_without_words_for_a_stream_is_asked_for_whole_answers(written, upstream, asks):
    g = written("""encode = function(rq, call, http) http.json = { stream = call.stream } end,
    decode = function(body) return { text = body.words } end, ops = { chat = { path = "/gen" } },""")
    upstream.answer(mock.json_reply({"words": "hello"}))
    assert read(asks, send(g, asks, True), True).first.text == "hello"
    assert upstream.requests[0].json == {"stream": False}
