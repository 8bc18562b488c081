"""Streams of JSON lines and of AWS event frames: passed through byte for byte, translated from and to, and never ended
falsely."""
import json
import threading
import time

import pytest

import framings as f
import upstream as mock
from config import config
from expect import attempts, broken_stream, clean_stream, told
from gateway import is_sanitized
from wire import wait_until

FRAMING = pytest.mark.parametrize("framing", f.BOTH)
OTHER = {f.NDJSON: f.AWS, f.AWS: f.NDJSON}


def start(gateway, *lanes, files=None, **settings):
    """a gateway whose model "smart" has these (adapter, mock) in order"""
    names = "abcdef"[:len(lanes)]
    providers = {name: {"extends": extends, "base_url": up.url if extends == "openai" else up.origin,
                        "keys": ["sk-canary-" + name]} for name, (extends, up) in zip(names, lanes)}
    models = {"smart": {"targets": [name + "/m" for name in names], "pick": "ordered"}}
    return gateway(config(providers, models=models, **settings), files={**f.files(), **(files or {})})


def send(g, framing, stream=True):
    """one request of a client of that framing; its head"""
    body = {"ask": "hi"}
    if framing == f.NDJSON:
        body.update(model="smart", stream=stream)
    return g.send(body, (f.PATHS if stream else f.WHOLE_PATHS)[framing])


def take(g, framing, stream=True):
    answer = send(g, framing, stream).read()
    answer.connection.close()
    assert answer.status == 200, answer.body
    return answer


def is_clean(framing, answer, text):
    answer.read()
    assert answer.status == 200 and answer.headers["content-type"] == f.TYPES[framing]
    assert f.text_of(framing, answer.body) == text
    ends = [value for _, value in f.events(framing, answer.body) if "why" in value]
    assert ends == [{"why": "stop"}] and b"wrong" not in answer.body


def is_broken(framing, answer, text):
    """what there was, then one error event at the end, and no end that looks like one"""
    answer.read()
    assert answer.status == 200 and f.text_of(framing, answer.body) == text
    events = f.events(framing, answer.body)
    assert not any("why" in value for _, value in events), answer.body
    assert "wrong" in events[-1][1] or events[-1][0].startswith("!"), answer.body
    return events[-1][1]


WHOLE = {
    f.NDJSON: [
        f.tokens(f.NDJSON, "hel", "lo").pieces,
        [b'{"said" : "hel"}\r\n', b"\r\n \n", b'{"said":"lo"}\n', b'\n{"why":"stop"}\r\n', b'{"counts":{"read":11,"written":7}}'],
    ],
    f.AWS: [
        f.tokens(f.AWS, "hel", "lo").pieces,
        [f.frame([f.header(":message-type", "event"), f.header(":event-type", "initial-response")]),
         f.frame([b"\1a\0", b"\1b\1", b"\1c\2\1", b"\1d\3\1\2", b"\1e\4\1\2\3\4", b"\1f\5" + bytes(8), f.header("g", b"\0\xff", 6),
                  b"\1h\x08" + bytes(8), b"\1i\x09" + bytes(16), f.header(":event-type", "delta")], b'{"said": "hel"}'),
         f.said(f.AWS, "lo"), f.stop(f.AWS), f.counts(f.AWS)],
    ],
}


@FRAMING
def test_a_client_of_the_same_dialect_gets_every_byte_as_it_came(gateway, upstream, framing):
    g = start(gateway, (f.adapter(framing), upstream))
    for pieces in WHOLE[framing]:
        for sizes in (None, [1], [13, 1, 5]):
            upstream.answer(f.stream(framing, *pieces) if sizes is None else f.stream(framing, *pieces).split(sizes))
            answer = take(g, framing)
            expected = b"".join(pieces)
            assert answer.body == expected + (b"\n" if framing == f.NDJSON and expected[-1:] != b"\n" else b"")
            assert answer.headers["content-type"] == f.TYPES[framing]
            assert told(g.log(answer)) == (11, 7, None)
    assert {r.path for r in upstream.requests} == {"/stream"}


@FRAMING
def test_other_clients_get_it_translated(gateway, upstream, framing):
    g = start(gateway, (f.adapter(framing), upstream))
    for sizes in ([1], [4096]):
        upstream.answer(f.tokens(framing, "hel", "lo").split(sizes))
        clean_stream(g.chat("smart", stream=True), "hello")


@FRAMING
def test_its_clients_get_what_others_say(gateway, upstream, framing):
    g = start(gateway, ("openai", upstream))
    upstream.answer(mock.tokens("hel", "lo"))
    is_clean(framing, take(g, framing), "hello")


@FRAMING
def test_one_framing_becomes_the_other(gateway, upstream, framing):
    asks = OTHER[framing]
    g = start(gateway, (f.adapter(framing), upstream))
    upstream.answer(f.tokens(framing, "hel", "lo"))
    answer = take(g, asks)
    is_clean(asks, answer, "hello")
    assert f.events(asks, answer.body)[-1][1] == {"counts": {"read": 11, "written": 7}}


# ---- what is no stream -------------------------------------------------------------------------
@FRAMING
def test_a_whole_answer_where_a_stream_was_asked_for_is_made_one(gateway, upstreams, framing):
    a, b = upstreams(), upstreams()
    g = start(gateway, (f.adapter(framing), a), ("openai", b))
    a.answer(mock.json_reply({"said": "whole"}))
    clean_stream(g.chat("smart", stream=True), "whole")
    a.answer(mock.json_reply({"said": "whole"}))
    is_clean(OTHER[framing], take(g, OTHER[framing]), "whole")
    a.answer(mock.json_reply({"said": "whole"}))  # nobody would translate it for a client of its own dialect
    b.answer(mock.tokens("from ", "b"))
    answer = take(g, framing)
    is_clean(framing, answer, "from b")
    assert [outcome for _, outcome in attempts(answer)] == ["protocol", "200"]


@FRAMING
def test_the_type_of_a_stream_need_not_be_as_it_should(gateway, upstream, framing):
    g = start(gateway, (f.adapter(framing), upstream))
    for name in ("application/octet-stream", "application/jsonl", "application/ndjson; charset=utf-8", None):
        reply = f.tokens(framing, "hel", "lo")
        reply.headers = {"content-type": name} if name else {}
        upstream.answer(reply)
        answer = take(g, framing)
        assert answer.headers["content-type"] == (name or f.TYPES[framing])
        assert f.text_of(framing, answer.body) == "hello"
        upstream.answer(reply)
        is_clean(OTHER[framing], take(g, OTHER[framing]), "hello")


@FRAMING
def test_its_clients_get_whole_answers_and_errors_of_their_own(gateway, upstream, framing):
    g = start(gateway, ("openai", upstream))
    upstream.answer(mock.chat("hello"), mock.error(400, "no such thing"))
    answer = take(g, framing, stream=False)
    assert answer.json == {"said": "hello"} and answer.headers["content-type"].startswith("application/json")
    answer = send(g, framing).read()
    assert answer.status == 400 and answer.json["wrong"]["kind"] == "bad_request"


# ---- streams that fail -------------------------------------------------------------------------
def half(framing):
    return f.said(framing, "lo")[:-3]


def broken(framing):
    """a line that is no JSON, a frame with a wrong checksum"""
    return b'{"said":"lo",}\n' if framing == f.NDJSON else f.said(framing, "lo")[:-1] + b"\0"


FAILS = {
    "closed": lambda framing: [mock.Cut()],
    "reset": lambda framing: [mock.Reset()],
    "an end that is none": lambda framing: [],
    "half an event": lambda framing: [half(framing)],
    "half an event and closed": lambda framing: [half(framing), mock.Cut()],
    "a broken event": lambda framing: [broken(framing), mock.Stall()],
    "server-sent events": lambda framing: [mock.delta("x"), mock.Stall()],
    "an error event": lambda framing: [f.event(framing, {"wrong": {"message": "it broke"}}), mock.Stall()],
}


@FRAMING
def test_T02_what_fails_before_the_first_content_is_tried_elsewhere(gateway, upstreams, framing):
    a, b = upstreams(), upstreams()
    g = start(gateway, (f.adapter(framing), a), ("openai", b))
    for name, pieces in FAILS.items():
        a.answer(f.stream(framing, f.event(framing, {"said": ""}), *pieces(framing)))
        b.answer(mock.tokens("from ", "b"))
        answer = take(g, framing)
        is_clean(framing, answer, "from b")
        assert len(attempts(answer)) == 2, name


@FRAMING
def test_T01_what_fails_behind_it_is_an_error_and_no_end(gateway, upstream, framing):
    g = start(gateway, (f.adapter(framing), upstream))
    for name, pieces in FAILS.items():
        for asks in (framing, OTHER[framing], "openai"):
            upstream.answer(f.stream(framing, f.said(framing, "hel"), *pieces(framing)))
            if asks == "openai":
                broken_stream(g.chat("smart", stream=True), "hel")
                continue
            answer = take(g, asks)
            error = is_broken(asks, answer, "hel")["wrong"]
            assert error["message"] and g.log(answer)["error"], name


@FRAMING
def test_what_other_providers_break_off_is_an_error_of_its_clients(gateway, upstream, framing):
    g = start(gateway, ("openai", upstream))
    upstream.answer(mock.stream(mock.delta("hel"), mock.Cut()), mock.stream(mock.delta("hel"), mock.ERROR_EVENT))
    for kind, message in ((None, None), ("upstream_5xx", "it broke half-way")):
        answer = take(g, framing)
        error = is_broken(framing, answer, "hel")["wrong"]
        assert kind is None or (error["kind"], error["message"]) == (kind, message)
        if framing == f.AWS:
            headers, _ = f.frames(answer.body)[-1]
            assert headers == {":exception-type": error["kind"] + "Exception", ":content-type": "application/json",
                               ":message-type": "exception"}


@FRAMING
def test_a_stream_that_was_cut_behind_its_finish_is_whole(gateway, upstream, framing):
    g = start(gateway, (f.adapter(framing), upstream))
    for last in ([], [mock.Reset()], [f.counts(framing)[:-2], mock.Cut()]):
        pieces = [f.said(framing, "hello"), f.stop(framing)]
        upstream.answer(f.stream(framing, *pieces, *last), f.stream(framing, *pieces, *last))
        assert take(g, framing).body == b"".join(pieces)
        clean_stream(g.chat("smart", stream=True), "hello")


# ---- exceptions --------------------------------------------------------------------------------
SLOW = {"message": "too many of sk-canary-a"}


def test_an_exception_before_the_first_content_is_tried_elsewhere_by_its_kind(gateway, upstreams):
    a, b = upstreams(), upstreams()
    g = start(gateway, (f.adapter(f.AWS), a), ("openai", b))
    for failure in (f.exception("throttlingException", SLOW),
                    f.frame([f.header(":message-type", "error"), f.header(":error-code", "throttlingException"),
                             f.header(":error-message", "slow down")])):
        for asks in (f.AWS, f.NDJSON):
            a.answer(f.stream(f.AWS, failure))
            b.answer(mock.tokens("from ", "b"))
            answer = take(g, asks)
            is_clean(asks, answer, "from b")
    a.always(f.stream(f.AWS, f.exception("throttlingException", SLOW)))
    b.always(mock.error(500))
    answer = send(g, f.AWS).read()
    assert answer.status >= 429 and b"sk-canary" not in answer.body


def test_an_exception_behind_it_reaches_clients_of_its_dialect_as_it_came(gateway, upstream):
    g = start(gateway, (f.adapter(f.AWS), upstream))
    pieces = [f.said(f.AWS, "hel"), f.exception("modelStreamErrorException", {"message": "it broke", "originalStatusCode": 500})]
    upstream.answer(f.stream(f.AWS, *pieces, mock.Stall()))
    answer = take(g, f.AWS)
    assert answer.body == b"".join(pieces)
    assert g.log(answer)["error"]["kind"] == "upstream_5xx"


def test_an_exception_with_a_key_in_it_is_told_without(gateway, upstream):
    g = start(gateway, (f.adapter(f.AWS), upstream))
    upstream.answer(f.stream(f.AWS, f.said(f.AWS, "hel"), f.exception("throttlingException", SLOW), mock.Stall()))
    answer = take(g, f.AWS)
    assert is_broken(f.AWS, answer, "hel")["wrong"]["message"] == "too many of ***"


def test_other_clients_get_an_exception_as_their_error(gateway, upstream):
    g = start(gateway, (f.adapter(f.AWS), upstream))
    failing = f.stream(f.AWS, f.said(f.AWS, "hel"), f.exception("throttlingException", {"message": "slow down"}), mock.Stall())
    upstream.always(failing)
    assert broken_stream(g.chat("smart", stream=True), "hel")["message"] == "slow down"
    assert is_broken(f.NDJSON, take(g, f.NDJSON), "hel")["wrong"]["message"] == "slow down"


# ---- silence, and slow readers -----------------------------------------------------------------
@pytest.mark.slow
@FRAMING
def test_T06_a_silent_provider_is_silence_to_the_client(gateway, upstreams, framing):
    a, b = upstreams(), upstreams()
    g = start(gateway, (f.adapter(framing), a), ("openai", b), stream={"keepalive": 0.05})
    for last in ([f.said(framing, "hel"), mock.Pause(0.3), f.said(framing, "lo"), f.stop(framing), f.counts(framing)],
                 [mock.Cut()]):
        go = threading.Event()
        a.answer(f.stream(framing, f.event(framing, {"said": ""}), mock.Hold(go), *last))
        b.answer(mock.stream(mock.Pause(0.3), mock.delta("hel"), mock.Pause(0.3), mock.delta("lo"), mock.finish(), mock.DONE))
        connection = g.connect()
        body = {"ask": "hi", **({"model": "smart", "stream": True} if framing == f.NDJSON else {})}
        connection.request("POST", f.PATHS[framing], body)
        time.sleep(0.3)  # many keep-alives long
        go.set()
        answer = connection.response()
        is_clean(framing, answer, "hello")
        assert b"\n\n" not in answer.body and b"keep-alive" not in answer.body
        connection.close()


@pytest.mark.slow
@FRAMING
def test_T05_a_client_that_does_not_read_stops_the_provider(gateway, upstream, framing):
    g = start(gateway, (f.adapter(framing), upstream))
    for asks in (framing, OTHER[framing]):
        flood = mock.Flood(f.said(framing, "x" * 60000), 2000)  # 120 MB
        upstream.answer(f.stream(framing, flood, f.stop(framing), f.counts(framing)))
        answer = send(g, asks)
        wait_until("the provider has stopped", lambda: is_still(flood))
        assert flood.written < 1000
        while len(answer.body) < 1 << 20:
            assert answer.read_some()
        answer.connection.close()


def is_still(flood):
    """it has written something, and no more of it for a while"""
    written = flood.written
    time.sleep(0.3)
    return written and flood.written == written


# ---- sizes -------------------------------------------------------------------------------------
@pytest.mark.slow
@FRAMING
def test_T09_an_event_over_the_limit_fails_like_any_other(gateway, upstreams, framing):
    a, b = upstreams(), upstreams()
    g = start(gateway, (f.adapter(framing), a), ("openai", b))
    a.answer(f.stream(framing, f.said(framing, "x" * (17 << 20)), mock.Stall()))
    b.answer(mock.tokens("from ", "b"))
    is_clean(framing, take(g, framing), "from b")
    if framing == f.AWS:  # a length alone takes no memory
        before = g.resident_kb()
        a.answer(f.stream(framing, f.said(framing, "x" * (15 << 20))[:12], mock.Cut()))
        b.answer(mock.tokens("from ", "b"))
        is_clean(framing, take(g, framing), "from b")
        assert is_sanitized() or g.resident_kb() - before < 8 << 10
    text = "\u00e9" * (4 << 20)
    a.answer(f.tokens(framing, text))
    assert f.text_of(framing, take(g, framing).body) == text


# ---- policies ----------------------------------------------------------------------------------
ACCEPT = """return tide.policy {
  accept = function(req, res) return res.text == "good" and res.usage.output == 7 end,
}
"""
ON_EVENT = """return tide.policy {
  on_event = function(req, event)
    if event.type == "text" and event.delta == "drop" then return nil end
    if event.type == "text" then event.delta = event.delta:upper() end
    return event
  end,
}
"""


def policed(gateway, lanes, policy):
    names = "ab"[:len(lanes)]
    providers = {name: {"extends": extends, "base_url": up.url if extends == "openai" else up.origin,
                        "keys": ["sk-canary-" + name]} for name, (extends, up) in zip(names, lanes)}
    models = {"smart": {"targets": [name + "/m" for name in names], "pick": "ordered", "policy": "p"}}
    return gateway(config(providers, models=models), files={**f.files(), "scripts/policies/p.lua": policy})


@FRAMING
def test_a_stream_can_be_held_until_it_is_accepted(gateway, upstreams, framing):
    a, b = upstreams(), upstreams()
    g = policed(gateway, [(f.adapter(framing), a), (f.adapter(framing), b)], ACCEPT)
    for asks in (framing, OTHER[framing]):
        a.answer(f.tokens(framing, "hel", "lo"))
        b.answer(f.tokens(framing, "go", "od"))
        answer = take(g, asks)
        is_clean(asks, answer, "good")
        assert attempts(answer)[0] == ("a/m#1", "rejected")
    assert take_body(g, a, framing) == b"".join(f.tokens(framing, "go", "od").pieces)


def take_body(g, up, framing):
    up.answer(f.tokens(framing, "go", "od"))
    return take(g, framing).body


@FRAMING
def test_on_event_sees_and_changes_what_its_clients_get(gateway, upstream, framing):
    g = policed(gateway, [(f.adapter(framing), upstream)], ON_EVENT)
    for asks in (framing, OTHER[framing]):
        upstream.answer(f.tokens(framing, "hel", "drop", "lo"))
        is_clean(asks, take(g, asks), "HELLO")


# ---- adapters ----------------------------------------------------------------------------------
OWN = """
return tide.adapter {
  auth = { type = "bearer", secret = "X" }, framing = "%s", ops = { chat = { path = "/odd" } },
  encode = function(rq, call, http) http.json = { q = rq:last_user_text(), stream = call.stream } end,
  on_event = function(event, state, emit)
    local said = tide.json.decode(event.data)
    if not said then return end
    if said.said then emit("text", { delta = said.said .. (event.name and "@" .. event.name or "") }) end
    if said.why then emit("finish", { reason = said.why }) end
  end,
}
"""


@FRAMING
def test_an_adapter_with_hooks_alone_says_how_it_frames(gateway, upstream, framing):
    g = start(gateway, ("own", upstream), files={"adapters/own.lua": OWN % framing})
    text = "hel@deltalo@delta" if framing == f.AWS else "hello"
    upstream.always(f.tokens(framing, "hel", "lo"))
    clean_stream(g.chat("smart", stream=True), text)
    is_clean(OTHER[framing], take(g, OTHER[framing]), text)
    if framing == f.AWS:
        upstream.always(f.stream(framing, f.said(framing, "hel"), f.exception("x", SLOW), mock.Stall()))
        assert broken_stream(g.chat("smart", stream=True), "hel@delta")["message"] == "too many of ***"


@FRAMING
def test_an_adapter_may_frame_its_dialect_in_another_way(gateway, upstream, framing):
    lines = 'return tide.adapter { extends = "openai", framing = "%s", auth = { type = "bearer", secret = "X" } }' % framing
    g = start(gateway, ("odd", upstream), files={"adapters/odd.lua": lines})
    chunks = [json.loads(piece[len("data: "):]) for piece in mock.tokens("hel", "lo").pieces[:-1]]
    upstream.answer(f.stream(framing, *[f.event(framing, chunk) for chunk in chunks]))
    clean_stream(g.chat("smart", stream=True), "hello")
    upstream.answer(f.stream(framing, *[f.event(framing, chunk) for chunk in chunks]))
    is_clean(framing, take(g, framing), "hello")
