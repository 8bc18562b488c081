"""How an answer of an upstream may be framed and compressed, how it may not, and answers without an end."""
import gzip
import threading
import zlib

import pytest

import upstream as mock
from config import group, one
from expect import attempts, broken_stream, clean_stream, openai_error
from gateway import is_sanitized
from script import answer, chunked
from wire import Closed

HELLO = mock.chat("hello").pieces[0]
JSON = b"content-type: application/json\r\n"
SSE = b"content-type: text/event-stream\r\n"
EVENTS = [mock.role(), mock.delta("he"), mock.delta("llo"), mock.finish(), mock.DONE]
OK = b"HTTP/1.1 200 OK\r\n"


def text_of(whole):
    assert whole.status == 200, whole.body
    return whole.json["choices"][0]["message"]["content"]


def endless(begin, piece):
    """plays: one request, a beginning, and then the same piece until the other side closes"""
    def play(peer):
        peer.read_request()
        peer.send(begin)
        while True:
            peer.send(piece)
    return play


# ---- framings that count -----------------------------------------------------------------------
def interim(*statuses):
    return b"".join(b"HTTP/1.1 %d Wait\r\nlink: </x>\r\n\r\n" % status for status in statuses)


def lengths(head, body):
    return head + b"content-length: %d\r\n\r\n" % len(body) + body


def odd_chunks(body, head):
    """extensions, upper-case and zero-padded sizes, trailers"""
    half = len(body) // 2
    return (OK + head + b"Transfer-Encoding: Chunked\r\n\r\n"
            + b"%04X;name=\"a;b\"\r\n" % half + body[:half] + b"\r\n"
            + b"%x;x\r\n" % (len(body) - half) + body[half:] + b"\r\n"
            + b"0;last\r\nx-checksum: 1\r\nset-cookie: a=b\r\n\r\n")


# name: (bytes of a body and its type, whether the connection may be used again)
FRAMINGS = {
    "length": (lambda b, t: lengths(OK + t, b), True),
    "chunks": (lambda b, t: chunked(b, head=t), True),
    "a byte a chunk": (lambda b, t: chunked(*[bytes([c]) for c in b], head=t), True),
    "extensions and trailers": (odd_chunks, True),
    "until close": (lambda b, t: OK + t + b"\r\n" + b, False),
    "connection: close with length": (lambda b, t: lengths(OK + t + b"connection: close\r\n", b), False),
    "HTTP/1.0 with length": (lambda b, t: lengths(b"HTTP/1.0 200 OK\r\n" + t, b), False),
    "HTTP/1.0 kept": (lambda b, t: lengths(b"HTTP/1.0 200 OK\r\nconnection: keep-alive\r\n" + t, b), True),
    "HTTP/1.0 until close": (lambda b, t: b"HTTP/1.0 200 OK\r\n" + t + b"\r\n" + b, False),
    "100, 102, 103 first": (lambda b, t: interim(100, 102, 103) + lengths(OK + t, b), True),
    "sixteen interim answers": (lambda b, t: interim(*[103] * 16) + lengths(OK + t, b), True),
    "no reason": (lambda b, t: lengths(b"HTTP/1.1 200\r\n" + t, b), True),
    "odd case and blanks": (lambda b, t: lengths(OK + t.replace(b"content-type: ", b"CONTENT-Type:\t "), b), True),
}


def framed(name, stream):
    make, kept = FRAMINGS[name]
    bytes_ = make(b"".join(EVENTS), SSE) if stream else make(HELLO, JSON)

    def play(peer):
        while True:
            peer.read_request()
            peer.send(bytes_)
            if not kept:
                return
    return play, kept


@pytest.mark.parametrize("stream", [False, True], ids=["unary", "stream"])
@pytest.mark.parametrize("name", list(FRAMINGS), ids=lambda n: n.replace(" ", "-"))
def test_an_answer_is_read_in_every_framing(gateway, script, name, stream):
    play, kept = framed(name, stream)
    server = script(play)
    g = gateway(one(server))
    for _ in range(3):
        if stream:
            clean_stream(g.chat("one/m", stream=True), "hello").connection.close()
        else:
            assert text_of(g.chat("one/m")) == "hello"
    assert server.accepted == 3 if not kept else server.accepted <= (3 if stream else 1)


def test_trailers_do_not_become_headers(gateway, script):
    got = gateway(one(script(framed("extensions and trailers", False)[0]))).chat("one/m")
    assert text_of(got) == "hello" and not {"x-checksum", "set-cookie", "trailer"} & set(got.headers)


def test_tokens_of_a_stream_until_close_are_not_held_back(gateway, script):
    more = threading.Event()

    def play(peer):
        peer.read_request()
        peer.send(OK + SSE + b"\r\n" + b"".join(EVENTS[:2]))
        assert more.wait(mock.LIMIT)
        peer.send(b"".join(EVENTS[2:]))
    got = gateway(one(script(play))).chat("one/m", stream=True).read_until(b'"he"')
    more.set()
    clean_stream(got, "hello")


# ---- framings that do not ----------------------------------------------------------------------
def with_head(lines, body=HELLO):
    return OK + JSON + lines + b"\r\n" + body


LEN = b"%d" % len(HELLO)
CL = b"content-length: " + LEN + b"\r\n"
TE = b"transfer-encoding: chunked\r\n"
CHUNK = b"%x\r\n" % len(HELLO) + HELLO + b"\r\n"
REFUSED = {
    "lower-case version": OK.lower() + JSON + CL + b"\r\n" + HELLO,
    "HTTP/2.0": b"HTTP/2.0 200 OK\r\n" + CL + b"\r\n" + HELLO,
    "HTTP/1.2": b"HTTP/1.2 200 OK\r\n" + CL + b"\r\n" + HELLO,
    "HTTP/11": b"HTTP/11 200 OK\r\n" + CL + b"\r\n" + HELLO,
    "ICY": b"ICY 200 OK\r\n" + CL + b"\r\n" + HELLO,
    "status 0": b"HTTP/1.1 0 OK\r\n" + CL + b"\r\n" + HELLO,
    "status 000": b"HTTP/1.1 000 OK\r\n" + CL + b"\r\n" + HELLO,
    "status 99": b"HTTP/1.1 99 OK\r\n" + CL + b"\r\n" + HELLO,
    "status 099": b"HTTP/1.1 099 OK\r\n" + CL + b"\r\n" + HELLO,
    "status 600": b"HTTP/1.1 600 OK\r\n" + CL + b"\r\n" + HELLO,
    "status 999": b"HTTP/1.1 999 OK\r\n" + CL + b"\r\n" + HELLO,
    "status 2000": b"HTTP/1.1 2000 OK\r\n" + CL + b"\r\n" + HELLO,
    "status 2xx": b"HTTP/1.1 2xx OK\r\n" + CL + b"\r\n" + HELLO,
    "status -200": b"HTTP/1.1 -200 OK\r\n" + CL + b"\r\n" + HELLO,
    "101": b"HTTP/1.1 101 Switch\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n",
    "100, then 101": interim(100) + b"HTTP/1.1 101 Switch\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n",
    "seventeen interim answers": interim(*[103] * 17) + answer(HELLO),
    "length and chunks": with_head(CL + TE, CHUNK + b"0\r\n\r\n"),
    "chunks and length": with_head(TE + CL, CHUNK + b"0\r\n\r\n"),
    "two lengths": with_head(CL + b"content-length: 1\r\n"),
    "the same length twice": with_head(CL * 2),
    "a list of lengths": with_head(b"content-length: " + LEN + b", " + LEN + b"\r\n"),
    "a length with a sign": with_head(b"content-length: +" + LEN + b"\r\n"),
    "a negative length": with_head(b"content-length: -1\r\n"),
    "a hexadecimal length": with_head(b"content-length: 0x10\r\n"),
    "a length beyond 64 bits": with_head(b"content-length: 18446744073709551617\r\n"),
    "an empty length": with_head(b"content-length: \r\n"),
    "a length and a word": with_head(b"content-length: " + LEN + b" bytes\r\n"),
    "gzip as a transfer coding": with_head(b"transfer-encoding: gzip\r\n"),
    "gzip, chunked": with_head(b"transfer-encoding: gzip, chunked\r\n", CHUNK + b"0\r\n\r\n"),
    "chunked, identity": with_head(b"transfer-encoding: chunked, identity\r\n", CHUNK + b"0\r\n\r\n"),
    "chunked twice": with_head(TE * 2, CHUNK + b"0\r\n\r\n"),
    "xchunked": with_head(b"transfer-encoding: xchunked\r\n", CHUNK + b"0\r\n\r\n"),
    "chunk size no number": with_head(TE, b"xyz\r\n" + HELLO),
    "chunk size 0x": with_head(TE, b"0x5\r\nhello\r\n0\r\n\r\n"),
    "chunk size negative": with_head(TE, b"-5\r\nhello\r\n0\r\n\r\n"),
    "chunk size empty": with_head(TE, b"\r\nhello\r\n0\r\n\r\n"),
    "chunk size too large": with_head(TE, b"fffffffffffffffff\r\nhello\r\n0\r\n\r\n"),
    "chunk longer than its size": with_head(TE, b"%x\r\n" % (len(HELLO) - 1) + HELLO + b"\r\n0\r\n\r\n"),
    "chunk shorter than its size": with_head(TE, b"%x\r\n" % (len(HELLO) + 1) + HELLO + b"\r\n0\r\n\r\n"),
    "chunk without CR": with_head(TE, CHUNK.replace(b"\r\n", b"\n") + b"0\n\n"),
    "bare LF in the head": (OK + JSON + CL + b"\r\n").replace(b"\r\n", b"\n") + HELLO,
    "one bare LF": OK + JSON.replace(b"\r\n", b"\n") + CL + b"\r\n" + HELLO,
    "bare CR in a value": with_head(b"x: a\rb\r\n" + CL),
    "NUL in a value": with_head(b"x: a\0b\r\n" + CL),
    "NUL in a name": with_head(b"x\0y: a\r\n" + CL),
    "space before the colon": with_head(b"content-length : " + LEN + b"\r\n"),
    "no colon": with_head(b"content-length\r\n" + CL),
    "no name": with_head(b": x\r\n" + CL),
    "a folded line": with_head(b"x: a\r\n b\r\n" + CL),
    "a first line that is folded": OK + b" x: y\r\n" + CL + b"\r\n" + HELLO,
    "an empty line first and no more": b"\r\n\r\n\r\n",
    "two hundred and one fields": with_head(b"x: y\r\n" * 199 + CL),
    "a request": b"POST / HTTP/1.1\r\nhost: x\r\n\r\n",
    "204": b"HTTP/1.1 204 No\r\n" + CL + b"\r\n" + HELLO,
    "304": b"HTTP/1.1 304 No\r\n" + CL + b"\r\n" + HELLO,
}


@pytest.mark.parametrize("stream", [False, True], ids=["unary", "stream"])
def test_an_answer_framed_wrongly_is_none_and_the_next_lane_serves(gateway, script, upstream, stream):
    current = []

    def play(peer):
        peer.read_request()
        peer.send(current[0] if not stream else current[0].replace(JSON, SSE))
        peer.sock.shutdown(1)
        peer.wait_gone()
    server = script(play)
    upstream.always(lambda _: mock.tokens("from ", "b") if stream else mock.chat("from b"))
    g = gateway(group(server, upstream))
    for turn, (name, bytes_) in enumerate(REFUSED.items()):
        current[:] = [bytes_]
        got = g.chat("group", stream=stream)
        if stream:
            clean_stream(got, "from b").connection.close()
        else:
            assert text_of(got) == "from b", name
        assert attempts(got)[0][1] in ("protocol", "304"), (name, attempts(got))
        server.wait_ended(turn + 1)  # the connection is closed, never pooled
        assert server.accepted == turn + 1, name


# ---- without an end ----------------------------------------------------------------------------
ENDLESS_HEAD = {
    "head": (OK, b"x-header: " + b"y" * 1000 + b"\r\n"),
    "header lines": (OK, b"x: y\r\n" * 100),
    "header line": (OK + b"x: ", b"y" * 4096),
    "header name": (OK, b"y" * 4096),
    "reason": (b"HTTP/1.1 200 ", b"OK " * 1000),
    "interim answers": (b"", interim(103)),
    "bytes that are nothing": (b"", b"\0" * 4096),
    "empty lines": (b"", b"\r\n" * 512),
    "chunk extension": (OK + JSON + TE + b"\r\n1;x=", b"y" * 4096),
    "chunk size": (OK + JSON + TE + b"\r\n", b"0" * 4096),
    "trailers": (OK + JSON + TE + b"\r\n" + CHUNK + b"0\r\n", b"x: y\r\n" * 100),
    "trailer": (OK + JSON + TE + b"\r\n" + CHUNK + b"0\r\nx: ", b"y" * 4096),
}


@pytest.mark.parametrize("stream", [False, True], ids=["unary", "stream"])
@pytest.mark.parametrize("what", list(ENDLESS_HEAD), ids=lambda w: w.replace(" ", "-"))
def test_framing_without_an_end_is_cut_off(gateway, script, what, stream):
    server = script(endless(*ENDLESS_HEAD[what]))
    g = gateway(one(server, retry={"max": 0}))
    before = g.resident_kb()
    openai_error(g.chat("one/m", stream=stream).read(), 502)
    server.wait_ended(1)
    assert is_sanitized() or g.resident_kb() - before < 8192


def test_a_unary_answer_without_end_is_relayed_in_little_memory_until_the_client_leaves(gateway, script):
    server = script(endless(OK + JSON + TE + b"\r\n", b"%x\r\n" % (1 << 16) + b" " * (1 << 16) + b"\r\n"))
    g = gateway(one(server, limits={"hold": 1 << 20}))
    before = g.resident_kb()
    client = g.connect()
    client.request(body={"model": "one/m", "messages": []})
    got, received = client.response(), 0
    while received < 64 << 20:
        received += len(got.read_some())
        got.body, got.chunks, client.reads = b"", [], []
    g.seen.clear()
    assert is_sanitized() or g.resident_kb() - before < 8192
    client.close()
    server.wait_ended(1)


def test_a_stream_without_end_is_relayed_in_little_memory_until_the_client_leaves(gateway, script):
    piece = mock.delta("x" * 8000)
    server = script(endless(OK + SSE + TE + b"\r\n", b"%x\r\n" % len(piece) + piece + b"\r\n"))
    g = gateway(one(server))
    before = g.resident_kb()
    client = g.connect()
    client.request(body={"model": "one/m", "stream": True, "messages": []})
    got, received = client.response(), 0
    while received < 64 << 20:
        received += len(got.read_some())
        got.body, got.chunks, client.reads = b"", [], []
    g.seen.clear()
    assert is_sanitized() or g.resident_kb() - before < 8192
    client.close()
    server.wait_ended(1)


@pytest.mark.parametrize("end", ["fin", "rst"])
@pytest.mark.parametrize("framing", ["length", "chunks"])
def test_a_unary_answer_too_large_to_hold_that_is_cut_does_not_look_whole(gateway, script, framing, end):
    def play(peer):
        peer.read_request()
        peer.send(OK + JSON + (TE if framing == "chunks" else b"content-length: 9000000\r\n") + b"\r\n")
        for _ in range(64):
            peer.send(b"%x\r\n" % (1 << 16) + b" " * (1 << 16) + b"\r\n" if framing == "chunks" else b" " * (1 << 16))
        (peer.cut if end == "fin" else peer.reset)()
    g = gateway(one(script(play), limits={"hold": 1 << 20}))
    with pytest.raises(Closed):
        g.chat("one/m")
    assert g.log()["error"]


@pytest.mark.parametrize("stream", [False, True], ids=["unary", "stream"])
def test_an_error_answer_without_end_is_cut_off(gateway, script, upstream, stream):
    """its first part is all that anybody wants to know"""
    server = script(endless(b"HTTP/1.1 500 No\r\n" + JSON + TE + b"\r\n", b"%x\r\n" % 4096 + b"x" * 4096 + b"\r\n"))
    upstream.always(lambda _: mock.tokens("from b") if stream else mock.chat("from b"))
    got = gateway(group(server, upstream)).chat("group", stream=stream).read()
    assert got.status == 200 and attempts(got) == [("a/m#1", "500"), ("b/m#1", "200")]
    server.wait_ended(1)


# ---- compressed --------------------------------------------------------------------------------
def deflated(data, window):
    packer = zlib.compressobj(wbits=window)
    return packer.compress(data) + packer.flush()


CODINGS = {
    "gzip": ("gzip", gzip.compress),
    "x-gzip": ("x-gzip", gzip.compress),
    "GZip": ("GZip", gzip.compress),
    "gzip in two members": ("gzip", lambda b: gzip.compress(b[:9]) + gzip.compress(b[9:])),
    "deflate": ("deflate", lambda b: deflated(b, 15)),
    "raw deflate": ("deflate", lambda b: deflated(b, -15)),
    "identity": ("identity", bytes),
}


@pytest.mark.parametrize("split", [None, 1], ids=["whole", "byte-by-byte"])
@pytest.mark.parametrize("name", list(CODINGS), ids=lambda n: n.replace(" ", "-"))
def test_a_compressed_answer_is_decoded(gateway, upstream, name, split):
    coding, pack = CODINGS[name]

    def reply(request):
        is_stream = request.json.get("stream")
        made = mock.stream(pack(b"".join(EVENTS))) if is_stream else mock.json_reply(pack(HELLO))
        made.headers["content-encoding"] = coding
        return made.split([split]) if split else made
    upstream.always(reply)
    g = gateway(one(upstream))
    whole = g.chat("one/m")
    assert whole.body == HELLO and "content-encoding" not in whole.headers
    streamed = clean_stream(g.chat("one/m", stream=True), "hello")
    assert streamed.body == b"".join(EVENTS) and "content-encoding" not in streamed.headers


@pytest.mark.parametrize("coding", ["br", "zstd", "compress", "gzip, br", "gzip, gzip", "aws-chunked", "gzipp", "x"])
@pytest.mark.parametrize("stream", [False, True], ids=["unary", "stream"])
def test_a_coding_that_nobody_asked_for_is_no_answer(gateway, upstreams, coding, stream):
    a, b = upstreams(), upstreams().always(lambda _: mock.tokens("from b") if stream else mock.chat("from b"))
    a.always(lambda _: mock.json_reply(HELLO, headers={"content-encoding": coding}))
    got = gateway(group(a, b)).chat("group", stream=stream).read()
    assert got.status == 200 and attempts(got) == [("a/m#1", "protocol"), ("b/m#1", "200")]


def test_a_compressed_error_is_readable(gateway, upstream):
    upstream.always(lambda _: mock.gzipped(mock.error(400, "wrong in detail")))
    openai_error(gateway(one(upstream)).chat("one/m"), 400, "wrong in detail")


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_events_of_a_compressed_stream_are_not_held_back(gateway, upstream, coding):
    packer = zlib.compressobj(wbits=31 if coding == "gzip" else 15)

    def flushed(piece):
        return packer.compress(piece) + packer.flush(zlib.Z_SYNC_FLUSH)
    go = [threading.Event() for _ in range(3)]
    pieces = [piece for i, data in enumerate(("one ", "two ", "three"))
              for piece in (flushed(mock.delta(data)), mock.Hold(go[i]))]
    tail = packer.compress(mock.finish() + mock.DONE) + packer.flush()
    upstream.answer(mock.stream(*pieces, tail, headers={"content-encoding": coding}))
    got = gateway(one(upstream)).chat("one/m", stream=True)
    for i, data in enumerate((b"one ", b"two ", b"three")):
        got.read_until(data)
        go[i].set()
    clean_stream(got, "one two three")


@pytest.mark.parametrize("stream", [False, True], ids=["unary", "stream"])
def test_a_compressed_answer_cut_at_any_byte_is_none(gateway, script, upstream, stream):
    """the framing is whole each time: only the decoder can tell"""
    packed = gzip.compress(b"".join(EVENTS[:2]) if stream else HELLO)
    at = [0]

    def play(peer):
        peer.read_request()
        peer.send(answer(packed[:at[0]], head=(SSE if stream else JSON) + b"content-encoding: gzip\r\n"))
    upstream.always(lambda _: mock.tokens("from b") if stream else mock.chat("from b"))
    g = gateway(group(script(play), upstream))
    for at[0] in range(len(packed)):
        got = g.chat("group", stream=stream).read()
        assert got.status == 200
        if stream:
            assert got.text == "from b" or broken_stream(got, "he")
        else:
            assert text_of(got) == "from b", at


def test_a_compressed_stream_that_is_cut_ends_with_an_error_event(gateway, upstream):
    packer = zlib.compressobj(wbits=31)
    begun = packer.compress(mock.delta("so far")) + packer.flush(zlib.Z_SYNC_FLUSH)
    g = gateway(one(upstream))
    for end in ([mock.Cut()], [mock.Reset()], [], [b"garbage that is no deflate"]):
        upstream.answer(mock.stream(begun, *end, headers={"content-encoding": "gzip"}))
        broken_stream(g.chat("one/m", stream=True), "so far")


@pytest.mark.parametrize("stream", [False, True], ids=["unary", "stream"])
def test_a_bomb_is_cut_off_at_the_hold_limit(gateway, upstreams, stream):
    packer = zlib.compressobj(9, wbits=31)
    bomb = packer.compress(b'{"x":"')
    bomb += b"".join(packer.compress(b" " * (1 << 20)) for _ in range(256)) + packer.flush()
    assert len(bomb) < 1 << 20
    a, b = upstreams(), upstreams().always(lambda _: mock.tokens("from b") if stream else mock.chat("from b"))
    a.always(lambda _: mock.json_reply(bomb, headers={"content-encoding": "gzip"}))
    g = gateway(group(a, b))
    before = g.resident_kb()
    got = g.chat("group", stream=stream).read()
    assert got.status == 200 and attempts(got) == [("a/m#1", "protocol"), ("b/m#1", "200")]
    assert is_sanitized() or g.resident_kb() - before < 40 * 1024  # limits.hold is 16 MB
