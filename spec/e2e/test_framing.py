"""HTTP/1.1 that is unusual but correct is served, and the connection stays in step with it: a second request follows each."""
import json
import threading

import pytest

import upstream as mock
from config import one
from expect import clean_stream, openai_error

BODY = b'{"model":"one/m","messages":[{"role":"user","content":"%s"}]}'
SMALL = BODY % b"x"
CHAT = b"POST /v1/chat/completions HTTP/1.1"
HEALTH = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
LENGTH = b"Content-Length: %d" % len(SMALL)
TE = b"Transfer-Encoding: chunked"


def head(*lines, first=CHAT, host=b"Host: x"):
    return b"\r\n".join([first, *([host] if host else []), *lines]) + b"\r\n\r\n"


def sized(*lines, body=SMALL, **more):
    return head(b"Content-Length: %d" % len(body), *lines, **more) + body


def chunks(*sizes, body=SMALL, end=b"0\r\n\r\n", line=b"%x\r\n"):
    """the body in chunks of these sizes (the last repeats)"""
    pieces, at, turn = [], 0, 0
    while at < len(body):
        piece = body[at:at + sizes[min(turn, len(sizes) - 1)]]
        pieces.append((line % len(piece)) + piece + b"\r\n")
        at, turn = at + len(piece), turn + 1
    return b"".join(pieces) + end


def chunked(*sizes, **more):
    return head(TE) + chunks(*(sizes or (len(SMALL),)), **more)


# All of them say the same: one chat with the body SMALL.
CHATS = {
    "plain": sized(),
    "an empty line before it": b"\r\n" + sized(),
    "several empty lines before it": b"\r\n\r\n\r\n" + sized(),
    "absolute form": sized(first=b"POST http://x/v1/chat/completions HTTP/1.1"),
    "absolute form, port": sized(first=b"POST http://x:80/v1/chat/completions HTTP/1.1", host=b"Host: x:80"),
    "absolute form, https": sized(first=b"POST https://x/v1/chat/completions HTTP/1.1"),
    "absolute form, capitals": sized(first=b"POST HTTP://X/v1/chat/completions HTTP/1.1"),
    "absolute form, IPv6": sized(first=b"POST http://[::1]:80/v1/chat/completions HTTP/1.1", host=b"Host: [::1]:80"),
    # RFC 9112 section 3.2.2: Host is then ignored
    "absolute form, another Host": sized(first=b"POST http://y/v1/chat/completions HTTP/1.1"),
    "a query": sized(first=b"POST /v1/chat/completions?a=b&c=%20/?d HTTP/1.1"),
    "an empty query": sized(first=b"POST /v1/chat/completions? HTTP/1.1"),
    "Host with port": sized(host=b"Host: x.example:8080"),
    "Host with an empty port": sized(host=b"Host: x:"),
    "Host an address": sized(host=b"Host: [2001:db8::1]"),
    "Host empty": sized(host=b"Host:"),
    "Host last": sized(b"Host: x", host=None),
    "names in capitals": sized(b"CONTENT-TYPE: application/json", host=b"HOST: x"),
    "names in small letters": head(b"content-length: %d" % len(SMALL), host=b"host: x") + SMALL,
    "no space before a value": head(b"Content-Length:%d" % len(SMALL), host=b"Host:x") + SMALL,
    "spaces around a value": head(b"Content-Length:   %d   " % len(SMALL), host=b"Host:   x  ") + SMALL,
    "tabs around a value": head(b"Content-Length:\t%d" % len(SMALL), host=b"Host:\tx\t") + SMALL,
    "a length with zeros": head(b"Content-Length: 000%d" % len(SMALL)) + SMALL,
    "an empty field": sized(b"X:", b"Y: ", b"Z:\t"),
    "a field of 8-bit text": sized(b"X: \xc3\xa9\xff"),
    "a field with a tab inside": sized(b"X: a\tb"),
    "the same field twice": sized(b"X: a", b"X: b"),
    "odd names": sized(b"!#$%&'*+-.^_`|~09: x"),
    "nearly framing": sized(b"X-Transfer-Encoding: chunked", b"Transfer_Encoding: chunked", b"Content-Length-X: 5", b"TE: trailers"),
    "Content-Encoding identity": sized(b"Content-Encoding: identity"),
    "Upgrade": sized(b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABkAAQAAP__"),
    "WebSocket": sized(b"Connection: Upgrade", b"Upgrade: websocket"),
    "Expect": sized(b"Expect: 100-continue"),
    "Expect in capitals": sized(b"Expect: 100-CONTINUE"),
    "Expect twice": sized(b"Expect: 100-continue", b"expect: 100-Continue"),
    "Expect before chunks": head(TE, b"Expect: 100-continue") + chunks(7),
    "chunks": chunked(7),
    "chunks of one": chunked(1),
    "one chunk": chunked(),
    "coding in capitals": head(b"TRANSFER-ENCODING: CHUNKED") + chunks(9),
    "coding without space": head(b"Transfer-Encoding:chunked") + chunks(9),
    "coding behind a tab": head(b"Transfer-Encoding:\tchunked") + chunks(9),
    "coding before a tab": head(b"Transfer-Encoding: chunked\t") + chunks(9),
    "coding between both": head(b"Transfer-Encoding: \t chunked \t ") + chunks(9),
    "sizes in capitals": chunked(30, line=b"%X\r\n"),
    "sizes with zeros": chunked(30, line=b"0000000000000000000000%x\r\n"),
    "sizes of both cases": head(TE) + b"%X\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n" % (43, SMALL[:43], len(SMALL) - 43, SMALL[43:]),
    "an end with zeros": chunked(9, end=b"00000\r\n\r\n"),
    "extensions": chunked(9, line=b"%x;name\r\n"),
    "extensions with values": chunked(9, line=b"%x;a=b;c=d;e\r\n"),
    "extensions in quotes": chunked(9, line=b'%x;a="b; \\" c";d="5\t0"\r\n'),
    "extensions and space": chunked(9, line=b"%x ; a = b\t;\tc\r\n"),
    "extensions at the end": chunked(9, end=b"0;a=b\r\n\r\n"),
    "trailers": chunked(9, end=b"0\r\nX: y\r\nZ:\r\nX:  \t y z \r\n\r\n"),
    # None of these has a say: they are not merged into the head
    "trailers that frame": chunked(9, end=b"0\r\nContent-Length: 5\r\nTransfer-Encoding: gzip\r\n\r\n"),
    "trailers that route": chunked(9, end=b"0\r\nHost: y\r\nContent-Encoding: gzip\r\nExpect: x\r\nConnection: close\r\n\r\n"),
    "trailers that permit": chunked(9, end=b"0\r\nAuthorization: Bearer x\r\nContent-Type: text/plain\r\n\r\n"),
}


@pytest.fixture
def ready(gateway, upstream):
    upstream.always(lambda r: mock.chat(r.json["messages"][0]["content"]))
    return gateway(one(upstream))


@pytest.mark.parametrize("case", list(CHATS), ids=lambda c: c.replace(" ", "-").replace(",", ""))
def test_an_odd_but_correct_request_is_served_and_the_next_one_too(ready, upstream, case):
    with ready.connect() as connection:
        connection.send(CHATS[case] + HEALTH + CHATS[case])
        for expected in ("choices", "status", "choices"):
            answer = connection.response().read()
            assert answer.status == 200 and expected in answer.json, answer.body
    assert [r.body for r in upstream.requests] == [SMALL.replace(b"one/m", b"m")] * 2
    assert upstream.last.path == "/v1/chat/completions"
    assert upstream.last.headers["host"] == "127.0.0.1:%d" % upstream.port and "x" not in upstream.last.headers


@pytest.mark.parametrize("case", ["an empty line before it", "absolute form", "Expect before chunks", "extensions in quotes",
                                  "trailers that frame", "coding before a tab"], ids=lambda c: c.replace(" ", "-"))
def test_it_is_served_wherever_it_is_split(ready, upstream, case):
    data = CHATS[case]
    with ready.connect() as connection:
        for at in range(1, len(data)):
            connection.send(data[:at])
            connection.send(data[at:])
            assert connection.response().read().status == 200
    assert {r.body for r in upstream.requests} == {SMALL.replace(b"one/m", b"m")} and len(upstream.requests) == len(data) - 1


STAYS = {
    "1.1": [(), (b"Connection: keep-alive",), (b"Connection: Keep-Alive, TE",), (b"Connection:",), (b"Connection: closed",),
            (b"Connection: x-close, not-close",), (b"Proxy-Connection: close",), (b"Keep-Alive: timeout=1",)],
    "1.0": [(b"Connection: keep-alive",), (b"Connection: Keep-Alive",), (b"Connection: te, KEEP-ALIVE",),
            (b"Connection: keep-alive\t",)],
}
ENDS = {
    "1.1": [(b"Connection: close",), (b"connection: CLOSE",), (b"Connection: keep-alive, close",), (b"Connection: close\t",),
            (b"Connection: close, keep-alive",), (b"Connection:\tclose",), (b"Connection: foo\t,\tClose ,bar",),
            (b"Connection: keep-alive", b"Connection: close"), (b"Connection: close", b"Connection: keep-alive"),
            (b"Connection: ,,close",)],
    "1.0": [(), (b"Connection: close",), (b"Connection: keep-alive, close",), (b"Proxy-Connection: keep-alive",),
            (b"Connection: keep-alive-x",)],
}


def first_line(version):
    return b"POST /v1/chat/completions HTTP/" + version.encode()


@pytest.mark.parametrize("version", list(STAYS))
def test_a_connection_stays_where_version_and_lists_say_so(ready, version):
    for lines in STAYS[version]:
        with ready.connect() as connection:
            for _ in range(2):
                connection.send(sized(*lines, first=first_line(version)))
                answer = connection.response().read()
                assert answer.status == 200 and answer.headers.get("connection", "keep-alive").lower() == "keep-alive", lines
                assert version == "1.1" or "connection" in answer.headers, lines


@pytest.mark.parametrize("version", list(ENDS))
def test_a_connection_ends_where_version_and_lists_say_so(ready, upstream, version):
    for lines in ENDS[version]:
        with ready.connect() as connection:
            connection.send(sized(*lines, first=first_line(version)) + sized())
            answer = connection.response().read()
            assert answer.status == 200 and answer.headers["connection"] == "close", lines
            assert connection.at_end(), lines
    assert len(upstream.requests) == len(ENDS[version])


def test_http_1_0_needs_no_host_and_gets_no_interim_answer(ready):
    with ready.connect() as connection:
        connection.send(sized(b"Expect: 100-continue", b"Connection: keep-alive", first=first_line("1.0"), host=None))
        assert connection.response(keep_interim=True).read().status == 200
        connection.send(b"GET http://x/health HTTP/1.0\r\n\r\n")
        assert connection.response("GET").read().status == 200 and connection.at_end()


def echo(answer):
    return answer.json["choices"][0]["message"]["content"]


@pytest.mark.parametrize("upload", ["sized", "chunked"])
def test_what_is_pipelined_behind_an_upload_is_answered_in_order(ready, upload):
    text = b"upload " * 30000
    large = BODY % text
    first = sized(body=large) if upload == "sized" else chunked(1, 5000, 70000, body=large)
    models = b"GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n"
    burst = first + models + models + sized(body=BODY % b"two") + models + chunked(3, body=BODY % b"three") + HEALTH
    with ready.connect() as connection:
        sender = threading.Thread(target=connection.send, args=(burst * 2,))
        sender.start()
        for _ in range(2):
            assert echo(connection.response().read()) == text.decode()
            assert all(connection.response().read().json["object"] == "list" for _ in range(2))
            assert echo(connection.response().read()) == "two"
            assert connection.response().read().json["object"] == "list"
            assert echo(connection.response().read()) == "three"
            assert connection.response().read().json["status"] == "ok"
        sender.join()


def test_what_is_pipelined_behind_a_stream_waits_for_its_end(ready, upstream):
    go_on = threading.Event()
    upstream.answer(mock.stream(mock.role(), mock.delta("a"), mock.Hold(go_on), mock.delta("b"), mock.finish(), mock.DONE))
    body = json.dumps({"model": "one/m", "stream": True, "messages": []}).encode()
    with ready.connect() as connection:
        connection.send(sized(body=body) + sized() + HEALTH)
        answer = connection.response().read_until(b'"a"')
        assert len(upstream.requests) == 1
        go_on.set()
        clean_stream(answer, "ab")
        assert echo(connection.response().read()) == "x"
        assert connection.response().read().json["status"] == "ok"


def test_a_hundred_pipelined_requests_get_a_hundred_answers_in_order(ready):
    with ready.connect() as connection:
        connection.send(b"".join(sized(body=BODY % (b"%d" % i)) for i in range(100)))
        assert [echo(connection.response().read()) for _ in range(100)] == [str(i) for i in range(100)]


def test_head_answers_pipelined_have_no_body(ready):
    with ready.connect() as connection:
        connection.send(HEALTH.replace(b"GET", b"HEAD") * 3 + HEALTH)
        for _ in range(3):
            answer = connection.response("HEAD")
            assert answer.status == 200 and int(answer.headers["content-length"]) > 0
        assert connection.response().read().json["status"] == "ok"


def test_options_for_the_server_as_a_whole_says_what_it_takes(ready):
    with ready.connect() as connection:
        connection.send(b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n" + HEALTH)
        answer = connection.response()
        assert answer.status == 204 and "POST" in answer.headers["allow"]
        assert connection.response().read().status == 200


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND", "HEAD"])
def test_a_method_that_a_path_does_not_take_is_405_and_its_body_is_read(ready, upstream, method):
    with ready.connect() as connection:
        connection.send(sized(first=CHAT.replace(b"POST", method.encode())) + HEALTH)
        answer = connection.response(method).read()
        assert answer.status == 405 and "POST" in answer.headers["allow"]
        if method != "HEAD":
            openai_error(answer, 405)
        assert connection.response().read().json["status"] == "ok"
    assert upstream.requests == []


def test_the_body_is_awaited_only_behind_100_continue(ready, upstream):
    for lines, body in (((LENGTH, b"Expect: 100-continue"), SMALL), ((TE, b"Expect: 100-Continue"), chunks(5))):
        with ready.connect() as connection:
            connection.send(head(*lines))
            assert connection.response(keep_interim=True).status == 100
            connection.send(body)
            assert connection.response(keep_interim=True).read().status == 200
    assert len(upstream.requests) == 2
