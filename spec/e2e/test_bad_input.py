"""Bad input from either side: a clear error in the OpenAI shape, and the process alive."""
import pytest

import upstream as mock
from config import ADMIN, one
from expect import openai_error

CHAT = "/v1/chat/completions"
DEEP = 100000


@pytest.fixture
def ready(gateway, upstream):
    upstream.always(mock.chat())
    return gateway(one(upstream, admin=ADMIN, retry={"max": 0}))


BODIES = {
    "empty": b"",
    "blank": b"   ",
    "not JSON": b"model=one/m",
    "cut short": b'{"model":"one/m","messages":[',
    "more after the end": b'{"model":"one/m","messages":[]} x',
    "100 000 arrays": b'{"model":"one/m","messages":' + b"[" * DEEP + b"]" * DEEP + b"}",
    "100 000 objects": b'{"model":"one/m","x":' + b'{"a":' * DEEP + b"1" + b"}" * DEEP + b"}",
    "100 000 open brackets": b"[" * DEEP,
    "an array": b"[1,2]",
    "a string": b'"one/m"',
    "null": b"null",
    "no model": b'{"messages":[]}',
    "model null": b'{"model":null,"messages":[]}',
    "model a number": b'{"model":7,"messages":[]}',
    "model a list": b'{"model":["one/m"],"messages":[]}',
    "model empty": b'{"model":"","messages":[]}',
    "stream a string": b'{"model":"one/m","messages":[],"stream":"yes"}',
    "stream a number": b'{"model":"one/m","messages":[],"stream":1}',
    "stream_options a list": b'{"model":"one/m","messages":[],"stream":true,"stream_options":[]}',
    "model twice": b'{"model":"one/m","messages":[],"model":"one/n"}',
    "model twice, once escaped": b'{"model":"one/m","messages":[],"mod\\u0065l":"one/n"}',
    "stream twice": b'{"model":"one/m","stream":false,"messages":[],"stream":true}',
    "raw NUL": b'{"model":"one/m","messages":[{"role":"user","content":"a\0b"}]}',
    "raw newline in a string": b'{"model":"one/m","x":"a\nb"}',
    "invalid UTF-8": b'{"model":"one/m","x":"\xff\xfe"}',
    "overlong UTF-8": b'{"model":"one/m","x":"\xc0\xaf"}',
    "UTF-8 surrogate": b'{"model":"one/m","x":"\xed\xa0\x80"}',
    "leading zero": b'{"model":"one/m","x":01}',
    "no digit after the point": b'{"model":"one/m","x":1.}',
    "NaN": b'{"model":"one/m","x":NaN}',
    "trailing comma": b'{"model":"one/m","x":1,}',
    "a comment": b'{"model":"one/m" /* x */}',
    "single quotes": b"{'model':'one/m'}",
    "bad escape": b'{"model":"one/m","x":"\\x41"}',
}


@pytest.mark.parametrize("case", list(BODIES), ids=lambda c: c.replace(" ", "-").replace(",", ""))
def test_a_malformed_body_is_400_and_reaches_no_provider(ready, upstream, case):
    for path in (CHAT, "/v1/embeddings"):
        if "stream" in case and path != CHAT:
            continue
        openai_error(ready.call(BODIES[case], path, headers={"Content-Type": "application/json"}), 400)
    assert upstream.requests == []
    assert ready.chat("one/m").status == 200


def test_the_error_says_where_the_json_breaks(ready):
    error = openai_error(ready.call(b'{"model":"one/m",\n "x": tru }'), 400)
    assert any(c.isdigit() for c in error["message"])
    assert error["type"] == "invalid_request_error"


@pytest.mark.parametrize("model", ["nobody", "nobody/m", "one", "/", "one/", "/m", "a" * 5000, "\u0000", "../../etc"])
def test_an_unknown_model_is_404(ready, upstream, model):
    error = openai_error(ready.chat(model), 404)
    assert error["code"] == "model_not_found" and upstream.requests == []
    assert len(error["message"]) < 1000


def test_an_escaped_model_name_is_understood(ready, upstream):
    assert ready.call(b'{"messages":[],"m\\u006fdel":"on\\u0065/m"}').status == 200
    assert upstream.last.json["model"] == "m"


def test_large_numbers_and_escapes_pass_unchanged(ready, upstream):
    body = b'{"model":"one/m","messages":[],"a":9007199254740993,"b":1e400,"c":-0.0,"d":"x\\u0000y","e":"\\ud83c\\udf0a","f":1.10}'
    assert ready.call(body).status == 200
    assert upstream.last.body == body.replace(b"one/m", b"m")


def test_wrong_types_below_the_top_are_the_providers_business(ready, upstream):
    upstream.always(mock.error(400, "temperature must be a number", kind="invalid_request_error"))
    for body in ({"model": "one/m", "messages": [7]}, {"model": "one/m", "messages": [], "temperature": "hot"}):
        openai_error(ready.call(body), 400, "temperature must be")
        assert upstream.last.json == {**body, "model": "m"}


@pytest.mark.parametrize("messages", [None, 7, "hi", {}], ids=str)
def test_messages_that_are_no_list_are_400(ready, messages):
    openai_error(ready.call({"model": "one/m", "messages": messages}), 400, "messages")


ANSWERS = {
    "nothing": mock.nothing,
    "reset": mock.reset,
    "garbage": mock.garbage,
    "half a head": mock.half_a_head,
    "no status": lambda: mock.raw(b"HTTP/1.1\r\n\r\n"),
    "HTTP/0.9": lambda: mock.raw(b"<html>hello</html>"),
    "status 99": lambda: mock.raw(b"HTTP/1.1 99 X\r\ncontent-length: 0\r\n\r\n"),
    "a long head": lambda: mock.raw(b"HTTP/1.1 200 OK\r\nx: " + b"y" * 300000 + b"\r\n\r\n"),
    "many headers": lambda: mock.raw(b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 5000 + b"\r\n"),
    "an endless head": lambda: mock.raw(b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 100000),
    "differing lengths": lambda: mock.raw(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{} "),
    "length and chunks": lambda: mock.raw(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n{}"),
    "a bad chunk size": lambda: mock.raw(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n"),
    "a huge chunk size": lambda: mock.raw(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n"),
    "only interim answers": lambda: mock.raw(b"HTTP/1.1 100 Continue\r\n\r\n" * 3),
    "101": lambda: mock.raw(b"HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"),
    "204": lambda: mock.Reply(204, {}, [], framing="none", before=[mock.Raw(b"HTTP/1.1 204 No\r\n\r\n")]),
    "a redirect": lambda: mock.Reply(302, {"location": "http://127.0.0.1:1/"}, []),
    "a page": lambda: mock.html(200),
    "not JSON": lambda: mock.json_reply(b"{'a':1}"),
    "deep JSON": lambda: mock.json_reply(b"[" * DEEP + b"]" * DEEP),
    "invalid UTF-8": lambda: mock.json_reply(b'{"choices":[],"x":"\xff"}'),
    "bad gzip": lambda: mock.json_reply(b"this is no gzip", headers={"content-encoding": "gzip"}),
    "error a string": lambda: mock.json_reply({"error": "overloaded"}, 500),
    "error a list": lambda: mock.json_reply([{"error": {"message": "x"}}], 500),
    "error null": lambda: mock.json_reply({"error": None}, 500),
    "an error page": lambda: mock.html(503),
    "empty 500": lambda: mock.Reply(500),
}


@pytest.mark.parametrize("case", list(ANSWERS), ids=lambda c: c.replace(" ", "-"))
@pytest.mark.parametrize("stream", [False, True], ids=["unary", "stream"])
def test_an_upstream_that_answers_nonsense_is_502(ready, upstream, case, stream):
    upstream.always(lambda _: ANSWERS[case]())
    answer = ready.chat("one/m", stream=stream).read()
    assert answer.status in (502, 503), answer.body
    openai_error(answer, answer.status)
    upstream.always(mock.chat())
    # without retries one request may meet the connection that the mock is just closing
    assert 200 in (ready.chat("one/m").status, ready.chat("one/m").status)


@pytest.mark.parametrize("shape", [
    {"error": "the text"}, {"error": {"message": "the text", "code": 3}}, {"detail": "the text"},
    {"message": "the text", "code": 1}, {"error": {"message": {"detail": ["the text"]}}}])
def test_what_a_provider_says_in_its_400_reaches_the_client(ready, upstream, shape):
    upstream.always(mock.json_reply(shape, 400))
    answer = ready.chat("one/m")
    assert answer.status == 400 and isinstance(answer.json, dict) and b"the text" in answer.body


@pytest.mark.parametrize("reply", [mock.html(400), mock.Reply(400), mock.json_reply(["x"], 400), mock.json_reply("x", 400),
                                   mock.json_reply(None, 400), mock.json_reply(b"{", 400)],
                         ids=["page", "empty", "list", "text", "null", "broken"])
def test_a_400_that_is_no_json_object_becomes_one(ready, upstream, reply):
    upstream.always(reply)
    openai_error(ready.chat("one/m"), 400)


def test_one_event_over_the_limit_is_an_error_not_memory(ready, upstream):
    upstream.always(lambda _: mock.stream(b"data: ", mock.Flood(b"x" * 65536, 1000), b"\n\n"))
    answer = ready.chat("one/m", stream=True).read()
    assert answer.status == 502
    openai_error(answer, 502)


def test_random_bytes_from_many_clients_leave_it_alive(ready):
    import random
    rng = random.Random(7)
    for _ in range(100):
        with ready.connect() as connection:
            connection.send(bytes(rng.randrange(256) for _ in range(rng.randrange(1, 400))))
    assert ready.get("/health").status == 200
