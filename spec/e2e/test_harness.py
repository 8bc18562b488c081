"""The tests' own tools, checked without the program."""
import json
import threading

import pytest

import upstream as mock
from config import config, group, lua
from wire import Closed, Connection, sse_data


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
