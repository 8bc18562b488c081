"""Streams of JSON lines and of AWS event frames: passed through byte for byte, translated from and to, and never ended
falsely."""
import json
import threading

import pytest

import framings as f
import upstream as mock
from config import config
from expect import attempts, broken_stream, clean_stream, told
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
    name, value = events[-1]
    assert framing == f.NDJSON or name.startswith("!")
    return value


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
