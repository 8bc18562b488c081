"""Clients of each dialect with providers of each dialect: each pair once, failover between dialects, warnings, errors
in the words of the caller, and what cannot be translated. What answers hold in full is the matter of the conformance
suite. T-21, T-33, T-37."""
import json
import threading

import pytest

import upstream as mock
from config import config, group, one
from conformance import FRAMINGS
from speakers import ALL, DIALECTS, FILES, PATHS, ask, failed, of, pieces, read, send, streamed, whole
from expect import attempts, told
from facts import client
from wire import wait_until

pytestmark = pytest.mark.slow

UNARY_AND_STREAM = pytest.mark.parametrize("stream", (False, True), ids=("unary", "stream"))
ASKS = pytest.mark.parametrize("asks", DIALECTS)
SPEAKS = pytest.mark.parametrize("dialect", DIALECTS)


# ---- each pair ---------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def all_speaking(lasting):
    """a gateway with a provider of each dialect, p0 ..., and their mocks"""
    mocks = {d: lasting.upstream() for d in ALL}
    table = {"p%d" % i: of(d, mocks[d]) for i, d in enumerate(ALL)}
    return lasting(config(table), files=FILES), mocks


@UNARY_AND_STREAM
@pytest.mark.parametrize("dialect", ALL)
@pytest.mark.parametrize("asks", ALL)
def test_T33_every_dialect_reaches_a_provider_of_every_dialect(all_speaking, asks, dialect, stream):
    g, a = all_speaking[0], all_speaking[1][dialect]
    a.requests.clear()
    target = "p%d/m" % ALL.index(dialect)
    a.answer(streamed(dialect, "hel", "lo") if stream else whole(dialect, "hello"))
    answer = send(g, asks, stream, target)
    facts = read(asks, answer, stream)
    assert facts.first.text == "hello" and facts.first.finish == "stop"
    cached = None if dialect == "ollama" else 3
    assert (facts.usage.input, facts.usage.output) == (11, 7)
    assert (facts.usage.cached or None) == (None if asks == "ollama" else cached)
    assert answer.headers["content-type"].startswith(FRAMINGS.get(asks, "text/event-stream") if stream else "application/json")
    assert answer.headers["x-tidegate-target"] == target and "x-tidegate-warnings" not in answer.headers
    request = a.requests[0]
    verbs = {"gemini": "/v1beta/models/m:" + ("streamGenerateContent" if stream else "generateContent"),
             "bedrock-converse": "/model/m/converse" + "-stream" * stream}
    assert request.path.endswith(PATHS.get(dialect) or verbs[dialect])
    assert request.json.get("stream", False) == (stream and dialect not in verbs)
    assert request.json.get("model", "m") == "m"
    assert told(g.log(answer)) == (11, 7, cached)


@pytest.mark.full
@SPEAKS
@ASKS
def test_a_whole_answer_where_a_stream_was_asked_for_becomes_one(speaking, asks, dialect):
    g, a = speaking(dialect)
    a.answer(whole(dialect, "hello"))
    answer = send(g, asks, stream=True)
    if asks == dialect:
        assert answer.status == 502
        return
    assert read(asks, answer, True).first.text == "hello"


@SPEAKS
def test_a_gemini_client_that_asks_for_no_events_gets_one_array(speaking, dialect):
    g, a = speaking(dialect)
    a.answer(streamed(dialect, "hel", "lo"))
    answer = send(g, "gemini", True, array=True)
    assert answer.headers["content-type"].startswith("application/json")
    assert read("gemini", answer, True, array=True).first.text == "hello"
    if dialect == "gemini":
        assert "alt=sse" in a.requests[0].target


@SPEAKS
def test_an_array_that_breaks_off_ends_with_the_error(speaking, dialect):
    g, a = speaking(dialect)
    keep = pieces(dialect, "hel", "lo")
    at = next(i for i, piece in enumerate(keep) if b'hel' in piece)
    a.answer(mock.stream(*keep[:at + 1], mock.Cut()))
    answer = send(g, "gemini", True, array=True)
    items = json.loads(answer.body)
    assert "hel" in json.dumps(items[0]) + json.dumps(items[-2]) and items[-1]["error"]["message"]


# ---- T-06: silence -----------------------------------------------------------------------------
def opened(speaking, asks, dialect, array=False):
    """an answer whose provider is silent at first and after a piece, and how to let it go on"""
    gates = [threading.Event(), threading.Event()]
    g, a = speaking(dialect, more={"stream": {"keepalive": 0.05}})
    keep = pieces(dialect, "hel", "lo")
    at = next(i for i, piece in enumerate(keep) if b"hel" in piece) + 1
    a.answer(mock.stream(mock.Hold(gates[0]), *keep[:at], mock.Hold(gates[1]), *keep[at:]))
    path, body = ask(asks, "group", True, array=array)
    return g.send(body, path), gates


def read_until(answer, condition):
    while not condition(answer.body):
        assert answer.read_some()


@SPEAKS
@pytest.mark.parametrize("asks", [d for d in DIALECTS if d != "openai-chat"])
def test_T06_silence_is_comments_in_every_stream_of_events(speaking, asks, dialect):
    answer, gates = opened(speaking, asks, dialect)
    read_until(answer, lambda body: body.count(b": keep-alive\n\n") >= 2)
    gates[0].set()
    read_until(answer, lambda body: b"hel" in body and body.split(b"hel")[-1].count(b": keep-alive\n\n") >= 2)
    gates[1].set()
    answer.read()
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert read(asks, answer, True).first.text == "hello"


@SPEAKS
def test_T06_silence_is_newlines_in_an_array(speaking, dialect):
    answer, gates = opened(speaking, "gemini", dialect, array=True)
    read_until(answer, lambda body: body.count(b"\n") >= 2)
    gates[0].set()
    read_until(answer, lambda body: b"hel" in body and body.split(b"hel")[-1].endswith(b"\n\n"))
    gates[1].set()
    answer.read()
    assert answer.headers["content-type"].startswith("application/json")
    assert read("gemini", answer, True, array=True).first.text == "hello"


# ---- scripts on the way ------------------------------------------------------------------------
SPAWNS = """return tide.policy {
  on_event = function(req, event)
    if event.delta == "hel" then
      tide.spawn(function() tide.log.info("spawned") end)
    end
    return event
  end,
}
"""


@pytest.mark.parametrize("asks", ("openai-chat", "anthropic-messages"))
def test_what_on_event_starts_runs_while_the_stream_is_silent(speaking, asks):
    go = threading.Event()
    g, a = speaking("openai-chat", model={"policy": "p"}, files={"scripts/policies/p.lua": SPAWNS})
    a.answer(mock.stream(mock.role(), mock.delta("hel"), mock.Hold(go), mock.delta("lo"), mock.finish(), mock.DONE))
    path, body = ask(asks, "group", True)
    answer = g.send(body, path)
    wait_until("the task has run", lambda: any(line.get("message") == "spawned" for line in g.lines()))
    go.set()
    answer.read()
    assert read(asks, answer, True).first.text == "hello"


# ---- failover ----------------------------------------------------------------------------------
FULL = {"temperature": 0.5, "top_p": 0.9, "max_tokens": 77, "stop": ["END"], "tools": [
    {"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}}}]}


@SPEAKS
def test_T21_a_lane_of_another_dialect_gets_all_of_the_request(speaking, dialect):
    g, a, b = speaking("openai-chat" if dialect != "openai-chat" else "gemini", dialect)
    a.always(failed("openai-chat", 500))
    b.answer(whole(dialect, "from b"))
    answer = send(g, "openai-chat", **FULL)
    assert read("openai-chat", answer, False).first.text == "from b"
    assert attempts(answer) == [("a/m#1", "500"), ("b/m#1", "200")]
    sent = b.requests[0].json
    settings = sent.get("generationConfig", sent)
    assert settings["temperature"] == 0.5 and (settings.get("top_p") or settings.get("topP")) == 0.9
    assert 77 in (settings.get(n) for n in ("max_tokens", "max_output_tokens", "max_completion_tokens",
                                            "maxOutputTokens"))
    assert b'"f"' in b.requests[0].body
    if dialect != "openai-responses":  # which has no stop sequences
        assert ["END"] in (settings.get(n) for n in ("stop", "stop_sequences", "stopSequences"))
    else:
        assert "stop" in answer.headers["x-tidegate-warnings"]


FAULTS = {
    "an error event": lambda keep: mock.stream(*keep[:1], mock.ERROR_EVENT),
    "cut before content": lambda keep: mock.stream(keep[0], mock.Cut()),
    "an empty stream": lambda keep: mock.stream(),
    "an error status": lambda keep: mock.error(503),
    "a page": lambda keep: mock.html(200),
}


@pytest.mark.parametrize("fault", list(FAULTS), ids=lambda n: n.replace(" ", "-"))
@ASKS
def test_T21_a_stream_that_fails_before_content_moves_on_to_another_dialect(speaking, asks, fault):
    other = "openai-chat" if asks == "anthropic-messages" else "anthropic-messages"
    g, a, b = speaking(other, asks)
    a.always(FAULTS[fault](pieces(other, "never")))
    b.answer(streamed(asks, "from ", "b"))
    answer = send(g, asks, stream=True)
    assert read(asks, answer, True).first.text == "from b"
    assert [lane for lane, _ in attempts(answer)] == ["a/m#1", "b/m#1"]


@ASKS
def test_a_stream_that_breaks_ends_with_an_error_of_the_callers_dialect(speaking, asks):
    other = "openai-chat" if asks == "anthropic-messages" else "anthropic-messages"
    g, a = speaking(other)
    keep = pieces(other, "hel", "lo")
    at = next(i for i, piece in enumerate(keep) if b'hel' in piece)
    a.answer(mock.stream(*keep[:at + 1], mock.Cut()))
    answer = send(g, asks, stream=True)
    facts = read(asks, answer, True)
    assert b"hel" in answer.body and facts.error and not facts.first.finish


# ---- warnings and what cannot be -----------------------------------------------------------------
def test_what_a_translation_cannot_carry_is_named(speaking):
    g, a = speaking("anthropic-messages")
    a.answer(whole("anthropic-messages"))
    answer = send(g, "openai-chat", seed=1, logit_bias={"5": 1}, frobnicate=True)
    warnings = answer.headers["x-tidegate-warnings"]
    assert warnings.startswith("a/m dropped ")
    assert set(warnings[len("a/m dropped "):].split(", ")) == {"seed", "logit_bias", "frobnicate"}


def test_members_that_nobody_knows_pass_through_to_the_same_dialect(speaking):
    g, a = speaking("openai-chat")
    a.answer(whole("openai-chat"))
    answer = send(g, "openai-chat", frobnicate=True)
    assert a.requests[0].json["frobnicate"] is True and "x-tidegate-warnings" not in answer.headers


@UNARY_AND_STREAM
def test_more_than_one_answer_is_asked_only_of_a_provider_that_gives_it(speaking, stream):
    g, a, b = speaking("anthropic-messages", "openai-chat" if stream else "gemini")
    b.always(mock.error(400))
    send(g, "openai-chat", stream, n=2)
    sent = b.requests[0].json
    assert not a.requests and (sent["n"] if stream else sent["generationConfig"]["candidateCount"]) == 2


@pytest.mark.parametrize("dialect, stream", [("anthropic-messages", False), ("openai-responses", False), ("gemini", True)])
def test_more_than_one_answer_is_refused_where_nobody_gives_it(speaking, dialect, stream):
    g, a = speaking(dialect)
    answer = send(g, "openai-chat", stream, n=2)
    assert client.error("openai-chat", 400, answer.body) and answer.status == 400
    assert answer.json["error"]["param"] == "n" and not a.requests


@pytest.mark.parametrize("path, dialect", [
    *[("/v1/completions", d) for d in DIALECTS if d != "openai-chat"],
    *[("/v1/embeddings", d) for d in ("openai-responses", "anthropic-messages")]])
def test_what_a_providers_dialect_does_not_have_is_refused_by_name(speaking, dialect, path):
    g, a = speaking(dialect)
    answer = g.call({"model": "group", "prompt": "hi", "input": "hi"}, path)
    assert answer.status == 400 and answer.json["error"]["code"] == "unsupported_operation" and not a.requests


# ---- errors ------------------------------------------------------------------------------------
@pytest.mark.full
@pytest.mark.parametrize("status", (400, 401, 413, 429, 500, 503))
@SPEAKS
@ASKS
def test_T37_a_refusal_is_told_in_the_dialect_of_the_caller(speaking, asks, dialect, status):
    g, a = speaking(dialect, more={"retry": {"max": 0}})
    a.always(failed(dialect, status, "the provider says no", headers={"retry-after": "7"}))
    answer = send(g, asks)
    expected = {401: 502, 500: 502, 503: 502}.get(status, status)
    assert answer.status == expected
    error = client.error(asks, answer.status, answer.body)
    assert "the provider says no" in error["message"]
    if status == 429:
        assert answer.headers["retry-after"]


@ASKS
def test_T37_an_error_inside_a_success_is_one(speaking, asks):
    other = "openai-chat" if asks == "anthropic-messages" else "anthropic-messages"
    g, a = speaking(other, more={"retry": {"max": 0}})
    a.answer(failed(other, 200, "no room", kind="overloaded_error"))
    answer = send(g, asks)
    assert answer.status in (502, 503)
    assert "no room" in client.error(asks, answer.status, answer.body)["message"]


# ---- scripts -----------------------------------------------------------------------------------
POLICY = """return tide.policy {
  route = function() return { model = "group", params = { temperature = 0.25 } } end,
  on_event = function(req, event)
    if event.type == "text" then event.delta = event.delta:upper() end
    return event
  end,
}"""


@ASKS
def test_a_policy_sets_fields_and_changes_events_of_a_translated_stream(speaking, asks):
    other = "openai-chat" if asks == "anthropic-messages" else "anthropic-messages"
    more = {"policy": "loud"}
    g, a = speaking(other, more=more, files={"scripts/policies/loud.lua": POLICY})
    a.answer(streamed(other, "hel", "lo"))
    assert read(asks, send(g, asks, stream=True), True).first.text == "HELLO"
    if asks != "gemini":  # whose temperature stands elsewhere
        assert a.requests[0].json["temperature"] == 0.25


@ASKS
def test_a_policy_accepts_or_rejects_a_translated_answer(speaking, asks):
    policy = """return tide.policy {
      route = function() return { model = "group" } end,
      accept = function(req, res) return res.text == "good" end,
    }"""
    g, a, b = speaking("anthropic-messages", "openai-chat", more={"policy": "picky"},
                       files={"scripts/policies/picky.lua": policy})
    a.answer(whole("anthropic-messages", "bad"))
    b.answer(whole("openai-chat", "good"))
    answer = send(g, asks)
    assert read(asks, answer, False).first.text == "good"
    assert attempts(answer) == [("a/m#1", "rejected"), ("b/m#1", "200")]


def test_what_is_passed_through_is_not_translated(gateway, upstream):
    body = json.dumps({"odd": [1, 2.50], "choices": []}).encode()
    upstream.answer(mock.json_reply(body))
    answer = gateway(one(upstream)).chat("one/m")
    assert answer.body == body and group
