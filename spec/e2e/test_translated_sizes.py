"""What is large, odd or in the hands of scripts, through translations: limits are told, memory comes back, and a script
that fails costs its attempt and nothing else. T-02, T-09, T-42, T-43, T-51, T-55."""
import base64
import gzip
import json
import os
import re
import subprocess

import pytest

import gateway as program
import upstream as mock
from config import ADMIN, config, provider
from conformance import FRAMINGS
from expect import attempts
from facts import ALL as SEVEN
from facts import client
from gateway import is_sanitized
from speakers import DIALECTS, FILES, ask, group_of, named, pieces, read, send, streamed, whole
from test_translated_streams import (CLIENTS, TEXT, begin, dialect_of, facts_of, is_broken, is_clean, next_to, other,
                                     others, pairs, until_text)
from wire import wait_until

MB = 1 << 20
ASKS = pytest.mark.parametrize("asks", DIALECTS)
ALL = pytest.mark.parametrize("asks", CLIENTS)
SPEAKS = pytest.mark.parametrize("dialect", DIALECTS)


def back_to(g, before_kb, more_kb):
    """small requests let collectors do their work"""
    if not is_sanitized():
        wait_until("the memory is given back: %d KB now, %d before" % (g.resident_kb(), before_kb),
                   lambda: g.get("/health").status == 200 and g.resident_kb() - before_kb < more_kb)


# ---- answers -----------------------------------------------------------------------------------
@pytest.mark.full
@ALL
def test_an_event_of_nearly_a_mebibyte_is_an_event_like_others(gateway, upstreams, asks):
    g, lanes = pairs(gateway, upstreams, asks)
    text = "hel" + "\u00e9x" * (300 << 10) + "lo"
    for dialect, _, a, _, model in lanes:
        a.answer(streamed(dialect, text, "!"))
        is_clean(asks, begin(g, asks, model), text + "!")


@pytest.mark.full
def test_an_event_over_the_limit_moves_on_or_is_an_error(speaking):
    g, a, b = speaking("openai-chat", "gemini")
    huge = mock.delta("x" * (17 * MB))
    a.answer(mock.stream(mock.role(), huge), mock.stream(mock.delta("hel"), huge))
    b.answer(streamed("gemini", "from ", "b"))
    is_clean("anthropic-messages", begin(g, "anthropic-messages"), "from b")
    is_broken("anthropic-messages", begin(g, "anthropic-messages"))


@pytest.mark.full
@ASKS
def test_a_whole_answer_of_15_mb_is_translated_and_its_memory_comes_back(speaking, asks):
    dialect = other(asks)
    g, a = speaking(dialect, more={"limits": {"hold": "32MB"}})
    a.answer(whole(dialect), whole(dialect, "x" * (15 * 10 ** 6)), whole(dialect))
    assert send(g, asks).status == 200
    before = g.resident_kb()
    answer = send(g, asks)
    assert read(asks, answer, False).first.text == "x" * (15 * 10 ** 6)
    back_to(g, before, 48 * 1024)
    assert send(g, asks).status == 200


@pytest.mark.full
@ASKS
def test_an_answer_over_limits_hold_moves_on_and_is_named_when_none_is_left(speaking, asks):
    dialect, second = other(asks), next_to(other(asks))
    g, a, b = speaking(dialect, second, more={"limits": {"hold": "64KB"}, "retry": {"max": 1}})
    a.answer(whole(dialect, "x" * 70000))
    b.answer(whole(second, "small"))
    answer = send(g, asks)
    assert read(asks, answer, False).first.text == "small"
    assert attempts(answer)[0] == ("a/m#1", "too_large")
    a.answer(whole(dialect, "x" * 70000))
    b.answer(whole(second, "x" * 70000))
    answer = send(g, asks)
    assert answer.status >= 400 and "limits.hold" in client.error(asks, answer.status, answer.body)["message"]


@pytest.mark.full
@ALL
def test_a_stream_over_limits_hold_is_an_error_that_says_so(speaking, asks):
    dialect = other(asks)
    g, a = speaking(dialect, more={"limits": {"hold": "256KB"}})
    for pieces_of in (["x" * 1000] * 300, ["x"] * 20000):
        a.answer(mock.stream(b"".join(pieces(dialect, "hel", *pieces_of))))
        answer = begin(g, asks)
        assert "limits.hold" in is_broken(asks, answer)
        assert g.log(answer)["error"]["kind"] == "too_large" and a.last.gone.wait(mock.LIMIT)


def calls_stream(dialect, arguments):
    """one call whose arguments come in these pieces"""
    if dialect == "openai-chat":
        def delta(**more):
            return mock.chunk([{"index": 0, "delta": {"tool_calls": [{"index": 0, **more}]}, "finish_reason": None}])
        return [mock.role(), delta(id="call_1", type="function", function={"name": "f", "arguments": ""}),
                *[delta(function={"arguments": piece}) for piece in arguments], mock.finish("tool_calls"), mock.DONE]
    if dialect == "anthropic-messages":
        keep = pieces(dialect, "x")
        return [keep[0], named("content_block_start", {"type": "content_block_start", "index": 0, "content_block": {
            "type": "tool_use", "id": "call_1", "name": "f", "input": {}}}),
                *[named("content_block_delta", {"type": "content_block_delta", "index": 0, "delta": {
                    "type": "input_json_delta", "partial_json": piece}}) for piece in arguments],
                *[p.replace(b"end_turn", b"tool_use") for p in keep[-3:]]]
    item = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "f", "arguments": "",
            "status": "in_progress"}
    events = [("response.output_item.added", {"output_index": 0, "item": item})]
    events += [("response.function_call_arguments.delta", {"item_id": "fc_1", "output_index": 0, "delta": piece})
               for piece in arguments]
    done = {**item, "arguments": "".join(arguments), "status": "completed"}
    events.append(("response.output_item.done", {"output_index": 0, "item": done}))
    keep = pieces(dialect, "x")
    last = json.loads(keep[-1].split(b"data: ")[1])
    last["response"]["output"] = [done]
    return [keep[0], *[named(n, {"type": n, **v}) for n, v in events], named("response.completed", last)]


@pytest.mark.full
@pytest.mark.parametrize("dialect", [d for d in DIALECTS if d != "gemini"])
def test_5000_pieces_of_a_calls_arguments_are_one_call(speaking, dialect):
    arguments = json.dumps({"text": "".join("\u00e9\"\\n%d " % i for i in range(5000))}, ensure_ascii=False)
    size = len(arguments) // 5000 + 1
    g, a = speaking(dialect)
    for asks in CLIENTS:
        if dialect_of(asks) == dialect:
            continue
        cut = [arguments[i:i + size] for i in range(0, len(arguments), size)]
        a.answer(mock.stream(b"".join(calls_stream(dialect, cut))))
        facts = facts_of(asks, begin(g, asks))
        assert facts.first.finish == "tool_calls" and not facts.error
        assert [(c.name, c.value) for c in facts.first.calls] == [("f", json.loads(arguments))]


@pytest.mark.full
@SPEAKS
def test_compressed_streams_and_other_framings_are_read_as_usual(speaking, dialect):
    g, a = speaking(dialect)
    asks = next(c for c in DIALECTS if c != dialect)
    body = b"".join(pieces(dialect, "hel", "lo"))
    small = gzip.compress(body)
    encoded = {"content-encoding": "gzip"}
    a.answer(mock.stream(small, headers=encoded), mock.stream(small, headers=encoded).split([1]),
             mock.stream(small, headers=encoded, framing="close").split([9]),
             mock.Reply(200, {}, [body], "chunked"),
             mock.Reply(200, {"content-type": "text/plain"}, [body], "close"),
             mock.raw(b"HTTP/1.0 200 OK\r\ncontent-type: text/event-stream\r\n\r\n" + body))
    for _ in range(6):
        answer = begin(g, asks)
        is_clean(asks, answer, "hello")
        assert "content-encoding" not in answer.headers
    a.always(mock.stream(small[:len(small) // 3], mock.Cut(), headers=encoded))
    answer = begin(g, asks).read()
    assert answer.status != 200 or client.stream(asks, answer.body).error


# ---- requests ----------------------------------------------------------------------------------
def with_image(asks, data):
    if asks == "openai-chat":
        image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + data}}
        return {"messages": [{"role": "user", "content": [{"type": "text", "text": "look"}, image]}]}
    if asks == "openai-responses":
        image = {"type": "input_image", "image_url": "data:image/png;base64," + data}
        return {"input": [{"role": "user", "content": [{"type": "input_text", "text": "look"}, image]}]}
    if asks == "anthropic-messages":
        image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}
        return {"messages": [{"role": "user", "content": [{"type": "text", "text": "look"}, image]}]}
    return {"contents": [{"role": "user", "parts": [{"text": "look"},
                                                    {"inlineData": {"mimeType": "image/png", "data": data}}]}]}


@pytest.mark.full
@SPEAKS
def test_T51_a_picture_of_20_mb_reaches_a_provider_of_each_dialect_and_its_memory_comes_back(speaking, dialect):
    g, a = speaking(dialect)
    a.always(whole(dialect))
    asks = DIALECTS[DIALECTS.index(dialect) - 1]
    assert send(g, asks).status == 200
    before = g.resident_kb()
    data = base64.b64encode(b"\x89PNG\r\n\x1a\n" + os.urandom(15 * 10 ** 6)).decode()
    answer = send(g, asks, **with_image(asks, data))
    assert read(asks, answer, False).first.text == "hello"
    assert data.encode() in a.last.body and "x-tidegate-warnings" not in answer.headers
    a.requests.clear()
    back_to(g, before, 64 * 1024)


@pytest.mark.full
def test_T51_a_conversation_of_1000_messages_reaches_each_dialect(speaking):
    for dialect in SEVEN:
        asks = other(dialect)
        g, a = speaking(dialect)
        a.always(whole(dialect))
        said = ["turn %d \u00e9" % i for i in range(1001)]
        roles = ("user", "model" if asks == "gemini" else "assistant")
        if asks == "gemini":
            body = {"contents": [{"role": roles[i % 2], "parts": [{"text": t}]} for i, t in enumerate(said)]}
        else:
            name = "input" if asks == "openai-responses" else "messages"
            is_blocks = asks == "bedrock-converse"
            body = {name: [{"role": roles[i % 2], "content": [{"text": t}] if is_blocks else t} for i, t in enumerate(said)]}
        assert read(asks, send(g, asks, **body), False).first.text == "hello"
        sent = json.dumps(a.last.json, ensure_ascii=False)
        places = [sent.index('"%s"' % t) for t in said]
        assert places == sorted(places)


# ---- policies ----------------------------------------------------------------------------------
@pytest.fixture
def smart(gateway, upstreams):
    """a gateway whose model "smart" has this policy, in front of providers of these dialects; and their mocks"""
    def start(hooks, *dialects, **more):
        mocks = [upstreams() for _ in dialects]
        targets = [name + "/m" for name in "abc"[:len(dialects)]]
        models = {"smart": {"targets": targets, "pick": "ordered", "policy": "p", **more.pop("model", {})}}
        files = {**FILES, "scripts/policies/p.lua": "return tide.policy {\n%s\n}\n" % hooks}
        return (gateway(group_of(dialects, mocks, models=models, **more), files=files), *mocks)
    return start


@pytest.mark.full
@ALL
def test_a_translated_stream_is_held_until_it_is_accepted(smart, asks):
    dialect, second = other(asks), next_to(other(asks))
    g, a, b = smart('accept = function(req, res) tide.sleep(0.3) return res.text == "good" and res.finish_reason == "stop" end,',
                    dialect, second, stream={"keepalive": .05}, model={"retry": {"max": 1}})
    a.answer(streamed(dialect, "hel", "lo"))
    b.answer(streamed(second, "go", "od"))
    answer = begin(g, asks, "smart")
    is_clean(asks, answer, "good")
    assert TEXT not in answer.body
    a.answer(mock.stream(*until_text(dialect)[1], mock.Cut()))  # nobody has seen any of it
    b.answer(streamed(second, "go", "od"))
    is_clean(asks, begin(g, asks, "smart"), "good")
    a.answer(streamed(dialect, "hel", "lo"))
    b.answer(streamed(second, "hel", "lo"))
    answer = begin(g, asks, "smart")
    if asks in FRAMINGS:  # nothing fills the silence, so there is no head yet
        assert "accepted" in client.error(asks, 502, answer.read().body)["message"] and answer.status == 502
    else:
        assert "accepted" in is_broken(asks, answer, b"")


@pytest.mark.full
@ALL
def test_a_plan_may_hold_some_events_of_a_translated_stream(smart, asks):
    dialect, second = other(asks), next_to(other(asks))
    g, a, b = smart('route = function(req) return { hold = 3 } end,', dialect, second)
    before, so_far = until_text(dialect)
    a.answer(mock.stream(*so_far, so_far[-1], mock.Cut()), mock.stream(*so_far, so_far[-1], so_far[-1], mock.Cut()),
             streamed(dialect, "hel", "lo"))
    b.answer(streamed(second, "from ", "b"))
    is_clean(asks, begin(g, asks, "smart"), "from b")  # two were too few
    is_broken(asks, begin(g, asks, "smart"))           # three went out
    is_clean(asks, begin(g, asks, "smart"), "hello")   # the end releases what there is


@pytest.mark.full
@ALL
def test_on_event_drops_and_changes_events_of_a_translated_stream(smart, asks):
    dialect = other(asks)
    g, a = smart('''on_event = function(req, event)
      if event.type ~= "text" then return event end
      if event.delta == "drop" then return nil end
      if event.delta == "odd" then error("no") end
      event.delta = event.delta .. "!"
      return event
    end,''', dialect)
    a.answer(streamed(dialect, "hel", "drop", "lo"), streamed(dialect, "hel", "odd", "lo"))
    is_clean(asks, begin(g, asks, "smart"), "hel!lo!")
    answer = begin(g, asks, "smart")
    is_clean(asks, answer, "hel!oddlo")  # a hook that has failed is not asked again


@pytest.mark.full
@pytest.mark.parametrize("stream", (False, True), ids=("unary", "stream"))
def test_T55_a_shadow_is_sent_to_a_target_of_another_dialect(smart, stream):
    for asks in SEVEN:
        first, second = other(asks), next_to(other(asks))
        g, a, b = smart('route = function() return { targets = { "a/m" }, shadow = { target = "b/mirror" } } end,',
                        first, second, admin=ADMIN)
        a.answer(streamed(first, "hel", "lo") if stream else whole(first))
        b.answer(streamed(second, "x") if stream else whole(second))
        answer = send(g, asks, stream, "smart")
        assert read(asks, answer, stream).first.text == "hello" and attempts(answer) == [("a/m#1", "200")]
        wait_until("the copy", lambda: b.requests)
        assert b"hi" in b.last.body and ("mirror" in b.last.target or b.last.json["model"] == "mirror")
        wait_until("its end", lambda: g.metrics().get('tidegate_shadows_total{outcome="ok"}') == 1)


def shipped_policy(name):
    with open(os.path.join(program.ROOT, "scripts", "policies", name + ".lua"), encoding="utf-8") as file:
        return file.read()


@pytest.mark.full
def test_json_or_else_judges_translated_answers(gateway, upstreams):
    a, b = upstreams(), upstreams()
    text = shipped_policy("json_or_else")
    text = re.sub(r'"[a-z]+/[\w.:-]+"', '"b/m"', re.sub(r'"(groq|openai)/[\w.:-]+"', '"a/m"', text, count=1))
    models = {"smart": {"targets": ["a/m", "b/m"], "pick": "ordered", "policy": "json_or_else"}}
    g = gateway(group_of(["anthropic-messages", "gemini"], [a, b], models=models),
                files={**FILES, "scripts/policies/json_or_else.lua": text})
    wanted = {"response_format": {"type": "json_object"}}
    for stream in (False, True):
        a.always(streamed("anthropic-messages", "no ", "json") if stream else whole("anthropic-messages", "no json"))
        b.always(streamed("gemini", '{"a":', "1}") if stream else whole("gemini", '{"a":1}'))
        answer = send(g, "openai-chat", stream, "smart", **wanted)
        assert read("openai-chat", answer, stream).first.text == '{"a":1}', answer.body


@pytest.mark.full
def test_explain_names_the_lanes_of_a_translated_request(tmp_path, program_exists, upstreams):
    text = group_of(["anthropic-messages", "gemini"], [upstreams(), upstreams()])
    for name, content in {"gateway.lua": text.replace("@LOG@", "x.log"), **FILES}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    body = json.dumps(ask("openai-chat", "group", seed=1)[1]).encode()
    done = subprocess.run([program.BINARY, "explain", str(tmp_path), "-", "--json"], input=body, capture_output=True,
                          timeout=60, env=program.clean_env())
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [one["label"] for one in found["candidates"]] == ["a/m#1", "b/m#1"] and found["first"] == "a/m#1"


# ---- scripts that do harm ----------------------------------------------------------------------
HARM = {
    "raises": "error('the secret insides')",
    "loops": "while true do end",
    "allocates": "local t = {} while true do t[#t + 1] = { 1 } end",
    "recurses": "local function f() return 1 + f() end f()",
    "waits": "tide.sleep(1000)",
}
HOOKS = {
    "prepare": ("rq, call", 'extends = "openai",'),
    "encode": ("rq, call, http", 'extends = "openai",'),
    "decode": ("body, call", 'extends = "openai",'),
    "on_event": ("ev, st, emit, call", 'dialect = "openai-chat",'),
    "on_status": ("status, headers, body, call", 'extends = "openai",'),
}


def adapter(hook, harm):
    arguments, fields = HOOKS[hook]
    return "return tide.adapter {\n%s\n%s = function(%s) %s end,\n}\n" % (fields, hook, arguments, harm)


def evil_dialect(hook, harm):
    """a small protocol of its own, with one function that does harm"""
    return """return tide.dialect {
  name = "NAME",
  watch = { content = { "tok" }, finish = { "stop" }, error = { "error" } },
  paths = { chat = "/evil" },
  encode_request = function() return { q = "x" } end,
  decode_answer = function(body, emit) emit("text", { delta = body.tok }) end,
  decode_event = function(event, emit)
    if event.data.tok then emit("text", { delta = event.data.tok }) end
    if event.data.stop then emit("finish", { reason = "stop" }) end
  end,
  error_body = function(err) return tide.json.encode(err) end,
  error_event = function(err) return tide.json.encode(err) end,
  %s = function() %s end,
}
""".replace("%s = function() %s end", hook + " = function() " + harm + " end")


class Harmed:
    """the models "raises", "loops" ...: first a lane whose adapter does just that, then a good one"""

    def __init__(self, gateway, upstreams, stream, files_of):
        self.stream, self.a, self.b, files, table, models = stream, upstreams(), upstreams(), {**FILES}, {}, {}
        for name, harm in HARM.items():
            files.update(files_of(name, harm))
            table[name] = provider(self.a.url, "sk-canary-a", extends=name)
            models["m_" + name] = {"targets": [name + "/m", "b/m"], "pick": "ordered"}
        table["b"] = provider(self.b.url, "sk-canary-b", extends="speaks_openai_responses")
        scripts = {"slice_memory": "32MB", "cpu": .2, "cpu_total": 5}
        self.g = gateway(config(table, models=models, scripts=scripts), files=files)

    def check(self, outcome="script"):
        """the other lane answers, the log tells, and the next request is served as well"""
        for name in HARM:
            for asks in ("anthropic-messages", "gemini"):
                self.b.answer(streamed("openai-responses", "from ", "b") if self.stream
                              else whole("openai-responses", "from b"))
                answer = send(self.g, asks, self.stream, "m_" + name)
                assert read(asks, answer, self.stream).first.text == "from b", name
                tried = [outcome for _, outcome in attempts(answer)]
                assert tried == ([outcome, "200"] if outcome else ["200"]), (name, tried)
                assert b"secret insides" not in answer.body
        assert any("secret insides" in line["message"] for line in self.g.lines() if line["level"] == "error")


@pytest.mark.parametrize("hook", list(HOOKS))
def test_T42_T43_a_hook_of_an_adapter_that_does_harm_costs_its_attempt(gateway, upstreams, hook):
    stream = hook == "on_event"
    harmed = Harmed(gateway, upstreams, stream, lambda name, harm: {"adapters/%s.lua" % name: adapter(hook, harm)})
    harmed.a.always(mock.error(500) if hook == "on_status" else streamed("openai-chat", "x") if stream else mock.chat("x"))
    harmed.check({"prepare": None, "encode": None, "on_status": "500"}.get(hook, "script"))  # None: nothing was sent


@pytest.mark.parametrize("hook", ["decode_event", "encode_request", "decode_answer", "end_events"])
def test_T42_T43_a_function_of_a_dialect_that_does_harm_costs_its_attempt(gateway, upstreams, hook):
    def files_of(name, harm):
        return {"adapters/dialects/%s.lua" % name: evil_dialect(hook, harm).replace("NAME", name),
                "adapters/%s.lua" % name: 'return tide.adapter { dialect = "%s" }' % name}
    stream = hook in ("decode_event", "end_events")
    harmed = Harmed(gateway, upstreams, stream, files_of)
    harmed.a.always(mock.stream(mock.event({"tok": "x", "stop": True} if hook == "decode_event" else {"stop": True})) if stream
                    else mock.json_reply({"tok": "x"}))
    harmed.check(None if hook == "encode_request" else "script")
