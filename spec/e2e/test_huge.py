"""Heads, bodies and answers that are far too large, or just very large: what is refused early, and what memory they take."""
import hashlib
import socket
import threading

import pytest

import upstream as mock
from config import one
from expect import openai_error
from gateway import is_sanitized
from wire import LIMIT, Connection, wait_until

MB = 1 << 20
BLOCK = 65536
HUGE = 200 * MB


def grown_kb(g, before):
    """by how much it ever was larger than then; under a sanitizer memory says nothing"""
    return 0 if is_sanitized() else g.peak_kb() - before


def blocks(size):
    """text of that size, no two blocks of it equal"""
    for i in range(size // BLOCK):
        yield b"%016x" % i * (BLOCK // 16)


# ---- heads -------------------------------------------------------------------------------------
HEADS = {
    "a field of 1 MiB": b"X: " + b"y" * MB + b"\r\n",
    "a name of 1 MiB": b"X" * MB + b": y\r\n",
    "a field of 1 MiB without end": b"X: " + b"y" * MB,
    "10 000 fields": b"".join(b"X-%d: y\r\n" % i for i in range(10000)),
    "10 000 empty fields": b"a:\r\n" * 10000,
    "100 000 fields without end": b"X: yyyyyyyyyyyyyyyy\r\n" * 100000,
}


@pytest.mark.parametrize("case", list(HEADS), ids=lambda c: c.replace(" ", "-"))
def test_a_huge_head_is_431_and_nothing_of_it_is_kept(gateway, upstream, case):
    upstream.always(mock.chat())
    g = gateway(one(upstream))
    before, connections = g.resident_kb(), []
    for _ in range(40):
        connections.append(g.connect())
        threading.Thread(target=send_all, args=(connections[-1], b"GET /health HTTP/1.1\r\nHost: x\r\n" + HEADS[case]),
                         daemon=True).start()
    for connection in connections:
        answer = connection.response().read()
        openai_error(answer, 431)
        assert answer.headers["connection"] == "close" and connection.at_end()
    assert grown_kb(g, before) < 12 * 1024  # one of them is 1 MiB, all would be 40
    assert g.chat("one/m").status == 200


def send_all(connection, data):
    try:
        connection.send(data)
    except OSError:
        pass  # refused while sending: as it should


def test_a_target_of_1_mib_is_414(gateway, upstream):
    g = gateway(one(upstream))
    for target in (b"/" + b"x" * MB, b"/?" + b"x" * MB, b"http://" + b"x" * MB):
        with g.connect() as connection:
            send_all(connection, b"GET " + target + b" HTTP/1.1\r\nHost: x\r\n\r\n")
            openai_error(connection.response().read(), 414)
            assert connection.at_end()


def test_heads_as_large_as_the_settings_allow_are_served_and_then_forgotten(gateway, upstream):
    g = gateway(one(upstream, limits={"head": "1MB", "headers": 10000}))
    before = g.resident_kb()
    many = b"GET /health HTTP/1.1\r\nHost: x\r\n" + b"X: %s\r\n" % (b"y" * 90) * 9990 + b"\r\n"
    long = b"GET /health HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 1000000 + b"\r\n\r\n"
    connections = [g.connect() for _ in range(30)]
    for connection in connections:
        for head in (many, long):
            connection.send(head)
            assert connection.response("GET").read().status == 200
    assert grown_kb(g, before) < 12 * 1024  # 30 connections that stay, with 1 MiB each it would be 30
    for connection in connections:
        connection.close()


# ---- request bodies ----------------------------------------------------------------------------
class Digest:
    """a provider that keeps no body, only its SHA-256"""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = "http://127.0.0.1:%d/v1" % self.listener.getsockname()[1]
        self.seen, self.thread = [], threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        try:
            while True:
                sock, _ = self.listener.accept()
                with sock:
                    self.serve(sock)
        except OSError:
            pass

    def serve(self, sock):
        data = b""
        while b"\r\n\r\n" not in data:
            data += sock.recv(BLOCK)
        head, data = data.split(b"\r\n\r\n", 1)
        left = int(dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])[b"content-length"])
        sha = hashlib.sha256()
        while data:
            sha.update(data)
            left -= len(data)
            data = sock.recv(min(left, MB)) if left else b""
        self.seen.append((left, sha.hexdigest()))
        answer = b"".join(mock.chat("got it").pieces)
        sock.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: %d\r\n\r\n"
                     % len(answer) + answer)

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(LIMIT)


@pytest.fixture
def digest():
    one_digest = Digest()
    yield one_digest
    one_digest.close()


@pytest.mark.parametrize("framing", ["sized", "chunked"])
def test_T51_a_huge_body_passes_byte_for_byte_and_is_held_once(gateway, digest, framing):
    g = gateway(one(digest.url, limits={"body": "256MB"}))
    before = g.resident_kb()
    start, end = b'{"model":"one/m","messages":[{"role":"user","content":"', b'"}]}'
    length = len(start) + HUGE + len(end)
    sha = hashlib.sha256(start.replace(b"one/m", b"m"))
    with g.connect() as connection:
        connection.request(headers={"Content-Length": length} if framing == "sized" else {"Transfer-Encoding": "chunked"})
        for piece in (start, *blocks(HUGE), end):
            connection.send(piece if framing == "sized" else b"%x\r\n%s\r\n" % (len(piece), piece))
            if piece is not start:
                sha.update(piece)
        if framing == "chunked":
            connection.send(b"0\r\n\r\n")
        assert connection.response().read().json["choices"][0]["message"]["content"] == "got it"
    assert digest.seen == [(0, sha.hexdigest())]
    assert grown_kb(g, before) < length / 1024 + 8 * 1024
    if not is_sanitized():
        wait_until("the memory is given back", lambda: g.resident_kb() - before < 8 * 1024)


@pytest.mark.parametrize("size", [65 * MB, 200 * MB, 1 << 40, (1 << 63) - 1, (1 << 64) - 1], ids=str)
def test_a_length_over_the_limit_is_413_before_the_body_comes(gateway, upstream, size):
    g = gateway(one(upstream))
    before = g.resident_kb()
    with g.connect() as connection:
        connection.request(headers={"Content-Length": size})
        answer = connection.response().read()
        openai_error(answer, 413)
        assert answer.headers["connection"] == "close" and connection.at_end()
    assert grown_kb(g, before) < 4096 and upstream.requests == []


@pytest.mark.parametrize("head", [b"%x\r\n" % (65 * MB), b"ffffffffffffffff\r\n", b"%x\r\n" % (64 * MB + 1)], ids=str)
def test_a_chunk_over_the_limit_is_413_before_its_data_come(gateway, upstream, head):
    g = gateway(one(upstream))
    with g.connect() as connection:
        connection.request(headers={"Transfer-Encoding": "chunked"}).send(head)
        openai_error(connection.response().read(), 413)
        assert connection.at_end()
    assert upstream.requests == []


def test_a_client_that_sends_its_whole_body_without_looking_still_reads_the_413(gateway, upstream):
    g = gateway(one(upstream, limits={"body": "1MB"}))
    with g.connect() as connection:
        connection.request(headers={"Content-Length": 24 * MB})
        for block in blocks(24 * MB):
            connection.send(block)
        openai_error(connection.response().read(), 413)
        assert connection.at_end()


# ---- answers -----------------------------------------------------------------------------------
def flood(size, start, piece, end):
    """the pieces of an answer of about that size, its length, and the SHA-256 of what the client must get"""
    times, sha = size // len(piece), hashlib.sha256(start)
    for _ in range(times):
        sha.update(piece)
    sha.update(end)
    return [start, mock.Flood(piece, times), end], len(start) + times * len(piece) + len(end), sha.hexdigest()


def digest_of(connection, body):
    """reads a huge answer without keeping it"""
    connection.request(body=body)
    answer, sha = connection.response(), hashlib.sha256()
    assert answer.status == 200
    while answer.read_some():
        sha.update(answer.body)
        answer.body = b""
        answer.chunks.clear()
        connection.reads.clear()
    sha.update(answer.body)
    return sha.hexdigest()


def test_a_huge_unary_answer_passes_byte_for_byte_and_little_of_it_is_held(gateway, upstream):
    pieces, length, sha = flood(HUGE, b'{"choices":[],"x":"', b"x" * BLOCK, b'"}')
    upstream.answer(mock.Reply(200, {"content-type": "application/json"}, pieces, length=length))
    g = gateway(one(upstream, limits={"hold": "1MB"}))
    before = g.resident_kb()
    with Connection(g.port) as connection:
        assert digest_of(connection, {"model": "one/m", "messages": []}) == sha
    assert grown_kb(g, before) < 10 * 1024


def test_a_huge_stream_passes_byte_for_byte_and_little_of_it_is_held(gateway, upstream):
    pieces, _, sha = flood(HUGE, mock.role(), mock.delta("x" * BLOCK), mock.finish() + mock.usage_chunk() + mock.DONE)
    upstream.answer(mock.stream(*pieces))
    g = gateway(one(upstream))
    before = g.resident_kb()
    with Connection(g.port) as connection:
        body = {"model": "one/m", "stream": True, "stream_options": {"include_usage": True}, "messages": []}
        assert digest_of(connection, body) == sha
    assert grown_kb(g, before) < 10 * 1024
    assert g.log()["tokens"]["in"] == 11
