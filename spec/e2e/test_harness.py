"""The tests' own tools, checked without the program."""
import json
import os
import socket
import threading

import pytest

import leftovers
import load
import upstream as mock
from config import config, group, lua
from wire import Closed, Connection, sse_data

pytestmark = pytest.mark.slow


def ask(upstream, body=b"{}", **named):
    connection = Connection(upstream.port)
    connection.request(body=body, **named)
    return connection


def test_an_answer_arrives_as_scripted_and_the_request_is_kept(upstream):
    upstream.answer(mock.chat("hello"))
    answer = ask(upstream, b'{"model":"x"}').response().read()
    assert answer.status == 200 and answer.json["choices"][0]["message"]["content"] == "hello"
    assert upstream.last.json == {"model": "x"} and upstream.last.raw.endswith(b'\r\n\r\n{"model":"x"}')


def test_a_connection_is_kept_and_numbered(upstream):
    upstream.always(mock.chat())
    connection = ask(upstream)
    connection.response().read()
    connection.request(body=b"{}").response().read()
    assert [(r.connection, r.index) for r in upstream.requests] == [(1, 0), (1, 1)]


def test_a_stream_is_chunked_as_its_pieces(upstream):
    reply = mock.tokens("a", "b")
    upstream.answer(reply)
    answer = ask(upstream).response().read()
    assert answer.chunks == reply.pieces and answer.text == "ab" and answer.events[-1] == "[DONE]"


def test_a_reply_can_be_split_byte_by_byte(upstream):
    upstream.answer(mock.tokens("a").split([1]))
    answer = ask(upstream).response().read()
    assert max(map(len, answer.chunks)) == 1 and answer.text == "a"


@pytest.mark.parametrize("fault", [mock.Cut(), mock.Reset()], ids=["cut", "reset"])
def test_a_stream_can_break_off(upstream, fault):
    upstream.answer(mock.stream(mock.delta("a"), fault))
    answer = ask(upstream).response()
    with pytest.raises(Closed):
        answer.read()
    assert answer.text == "a"


@pytest.mark.parametrize("reply", [mock.nothing(), mock.reset(), mock.half_a_head()], ids=["close", "reset", "half"])
def test_an_answer_can_fail_to_come(upstream, reply):
    upstream.answer(reply)
    with pytest.raises(Closed):
        ask(upstream).response()


def test_a_false_content_length_is_seen_as_short(upstream):
    upstream.answer(mock.chat(length=5000))
    with pytest.raises(Closed):
        ask(upstream).response().read()


def test_holding_goes_on_when_told(upstream):
    go = threading.Event()
    upstream.answer(mock.stream(mock.delta("a"), mock.Hold(go), mock.delta("b"), mock.DONE))
    answer = ask(upstream).response().read_until(b'"a"')
    go.set()
    assert answer.read().text == "ab"


def test_a_client_that_leaves_is_noticed_while_stalling(upstream):
    upstream.answer(mock.stream(mock.delta("a"), mock.Stall()))
    connection = ask(upstream)
    connection.response().read_until(b'"a"')
    connection.close()
    assert upstream.last.gone.wait(mock.LIMIT)


def test_a_chunked_request_is_put_together(upstream):
    upstream.answer(mock.chat())
    connection = Connection(upstream.port)
    connection.send(b"POST /x HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\n{}\n\r\n0\r\n\r\n")
    assert connection.response().status == 200 and upstream.last.body == b"{}\n"


def test_sse_data_joins_lines_and_leaves_comments_out():
    assert sse_data(b": hi\n\ndata: a\ndata:b\n\r\ndata: c\r\n\r\n") == ["a\nb", "c"]


def test_lua_literals():
    assert lua({"a": [1, True, "x"], "b": "=secret 'K'"}) == "{\n  [\"a\"] = { 1, true, \"x\" },\n  [\"b\"] = secret 'K',\n}"
    assert "sk-canary-b" in group("u1", "u2") and json.dumps("ordered") in group("u1")
    assert config().startswith("return {")


# ---- what is left over -------------------------------------------------------------------------
def test_a_connection_that_only_one_side_holds_is_left_over():
    before = leftovers.look(os.getpid())
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.create_connection(server.getsockname())
        kept = server.accept()[0]
        now = leftovers.look(os.getpid())
        assert now["open"] == before["open"] + 2 and now["stale"] == before["stale"]
        client.close()
        assert kept.recv(1) == b""
        now = leftovers.look(os.getpid())
        assert now["stale"] == before["stale"] + 1 and "closed" in leftovers.excess(before, now)
        kept.close()
    assert leftovers.look(os.getpid())["stale"] == before["stale"]


def test_files_that_add_up_and_lost_listeners_are_left_over():
    before = leftovers.Counter(listening=2, other=10)
    assert leftovers.excess(before, before) == ""
    assert leftovers.excess(before, leftovers.Counter(listening=2, other=10, open=50)) == ""
    assert "files" in leftovers.excess(before, leftovers.Counter(listening=2, other=11 + leftovers.OPENED_ONCE))
    assert "listeners" in leftovers.excess(before, leftovers.Counter(listening=1, other=10))


def test_memory_is_back_within_a_tenth_and_a_slope_is_per_minute():
    assert load.is_back(10 * load.MIB, 11 * load.MIB, tables=0) and not load.is_back(10 * load.MIB, 11.1 * load.MIB, tables=0)
    assert load.is_back(10 * load.MIB, 11.9 * load.MIB) and not load.is_back(10 * load.MIB, 12.1 * load.MIB)
    assert load.slope([(t, 5 * load.MIB + t * load.MIB / 60) for t in range(100)]) == pytest.approx(1)
    assert load.slope([(t, 5 * load.MIB) for t in range(100)]) == 0
