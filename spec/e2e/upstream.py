"""A mock provider whose every byte and fault is written down by the test.

    upstream = Upstream()
    upstream.answer(chat("hello"))                              # the next request
    upstream.answer(stream(delta("hel"), delta("lo"), finish(), DONE))
    upstream.always(error(429, headers={"retry-after": "1"}))   # when nothing else is queued
    upstream.requests[0].json["model"]

An answer is a Reply: a status, headers, and pieces that are sent one by one. A piece is bytes (one
write, one chunk) or one of the faults below. Each connection has a thread; port 0; loopback only.
"""
import gzip
import json
import select
import socket
import struct
import threading
import time
from dataclasses import dataclass, field

LIMIT = 30  # seconds that any wait may take before a test fails


# ---- pieces that are not bytes -----------------------------------------------------------------
class Stall:
    """says nothing more until the other side closes"""


class Cut:
    """closes without the end that the framing promised"""


class Reset:
    """closes with RST"""


@dataclass
class Hold:
    """goes on when the event is set (or the other side closes)"""
    event: threading.Event


@dataclass
class Pause:
    seconds: float


@dataclass
class Raw:
    """bytes without framing"""
    data: bytes


@dataclass
class Flood:
    """writes `piece` up to `times` times; how often is counted in `written`"""
    piece: bytes
    times: int
    written: int = 0


@dataclass
class Reply:
    status: int = 200
    headers: dict = field(default_factory=dict)
    pieces: list = field(default_factory=list)
    framing: str = "length"  # length, chunked, close, none (pieces are the whole answer)
    length: int = None       # a false Content-Length
    keep: bool = True        # the connection stays open for more
    reason: str = "X"
    before: list = field(default_factory=list)  # pieces before the head

    def split(self, sizes):
        """the same body in pieces of these sizes (the last repeats)"""
        body = b"".join(p for p in self.pieces if isinstance(p, bytes))
        pieces, at, turn = [], 0, 0
        while at < len(body):
            size = max(1, sizes[min(turn, len(sizes) - 1)])
            pieces.append(body[at:at + size])
            at, turn = at + size, turn + 1
        self.pieces = pieces
        return self


# ---- answers -----------------------------------------------------------------------------------
USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18,
         "prompt_tokens_details": {"cached_tokens": 3}}


def dumps(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def json_reply(value, status=200, headers=None, **more):
    data = value if isinstance(value, bytes) else dumps(value)
    return Reply(status, {"content-type": "application/json", **(headers or {})}, [data], **more)


def chat(text="hello", usage=USAGE, **more):
    body = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1700000000, "model": "upstream-model",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}]}
    if usage:
        body["usage"] = usage
    return json_reply(body, **more)


def embeddings(vectors=((0.5, -0.25),), **more):
    return json_reply({"object": "list", "model": "upstream-model", "usage": {"prompt_tokens": 4, "total_tokens": 4},
                       "data": [{"object": "embedding", "index": i, "embedding": list(v)}
                                for i, v in enumerate(vectors)]}, **more)


def error(status, message="the provider says no", headers=None, kind="provider_error", code=None, **more):
    return json_reply({"error": {"message": message, "type": kind, "param": None, "code": code}}, status, headers,
                      **more)


def event(value, end=b"\n\n"):
    return b"data: " + (value if isinstance(value, bytes) else dumps(value)) + end


def chunk(choices, usage=None, **more):
    body = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1700000000, "model": "upstream-model",
            "choices": choices, **more}
    if usage is not None:
        body["usage"] = usage
    return event(body)


def delta(text, index=0):
    return chunk([{"index": index, "delta": {"content": text}, "finish_reason": None}])


def role(index=0):
    return chunk([{"index": index, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}])


def finish(reason="stop", index=0, usage=None):
    return chunk([{"index": index, "delta": {}, "finish_reason": reason}], usage)


def usage_chunk(usage=None):
    return chunk([], usage or USAGE)


DONE = event(b"[DONE]")
ERROR_EVENT = event({"error": {"message": "it broke half-way", "type": "server_error", "code": 500}})


def stream(*pieces, status=200, headers=None, framing="chunked", **more):
    return Reply(status, {"content-type": "text/event-stream; charset=utf-8", **(headers or {})}, list(pieces),
                 framing, **more)


def tokens(*texts, usage=None):
    """a whole, good stream: role, the texts, finish, [DONE]"""
    return stream(role(), *[delta(t) for t in texts], finish(), *([usage_chunk(usage)] if usage else []), DONE)


def nothing():
    """accepts, reads, closes"""
    return Reply(framing="none", pieces=[Cut()])


def reset():
    return Reply(framing="none", pieces=[Reset()])


def stall():
    """accepts, reads, and says nothing"""
    return Reply(framing="none", pieces=[Stall()])


def raw(*pieces):
    """these bytes are the whole answer, then the connection closes"""
    return Reply(framing="none", pieces=[*[p if not isinstance(p, bytes) else Raw(p) for p in pieces], Cut()])


def garbage():
    return raw(b"\x16\x03\x01 this is no HTTP at all \x00\xff\r\n\r\n")


def half_a_head():
    return raw(b"HTTP/1.1 200 OK\r\ncontent-type: application/js")


def html(status=502):
    return Reply(status, {"content-type": "text/html"}, [b"<html><body><h1>Bad gateway</h1></body></html>"])


def gzipped(reply):
    body = gzip.compress(b"".join(reply.pieces))
    reply.headers["content-encoding"] = "gzip"
    reply.pieces = [body]
    return reply


# ---- the server --------------------------------------------------------------------------------
class Request:
    def __init__(self, connection, index, head, body, raw_bytes):
        first, *lines = head.decode("latin-1").split("\r\n")
        self.method, self.target, _ = first.split(" ", 2)
        self.header_list = [(n.strip(), v.strip()) for n, v in (line.split(":", 1) for line in lines if line)]
        self.headers = {n.lower(): v for n, v in self.header_list}
        self.connection, self.index = connection, index  # which connection, and its how manieth request
        self.body, self.raw = body, raw_bytes
        self.at = time.monotonic()
        self.gone = threading.Event()       # the other side has closed this connection
        self.gone_at = None

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def path(self):
        return self.target.split("?", 1)[0]


def readiness(sock, writing, seconds):
    """(readable, writable); unlike select() it takes descriptors of any number"""
    poller = select.poll()
    poller.register(sock, select.POLLIN | (select.POLLOUT if writing else 0))
    events = dict(poller.poll(seconds * 1000)).get(sock.fileno(), 0)
    return bool(events & ~select.POLLOUT), bool(events & select.POLLOUT)


class _Gone(Exception):
    pass


class _Connection:
    def __init__(self, upstream, sock, number):
        self.upstream, self.sock, self.number = upstream, sock, number
        self.held = b""
        self.request = None

    def run(self):
        try:
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            index = 0
            while True:
                request = self.read(index)
                if request is None:
                    break
                index += 1
                self.request = request
                reply = self.upstream._next(request)
                if not self.play(reply):
                    break
        except (_Gone, OSError):
            pass
        finally:
            self.left()
            self.sock.close()
            self.upstream._closed(self)

    def left(self):
        if self.request and not self.request.gone.is_set():
            self.request.gone_at = time.monotonic()
            self.request.gone.set()

    def read(self, index):
        data = self.held
        while b"\r\n\r\n" not in data:
            more = self.receive()
            if not more:
                return None
            data += more
        head, data = data.split(b"\r\n\r\n", 1)
        lower = head.lower()
        if b"transfer-encoding: chunked" in lower:
            body, data, wire = self.read_chunked(data)
        else:
            length = 0
            for line in lower.split(b"\r\n"):
                if line.startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            parts = bytearray(data)
            while len(parts) < length:
                more = self.receive()
                if not more:
                    return None
                parts += more
            body, data = bytes(parts[:length]), bytes(parts[length:])
            wire = body
        self.held = data
        return Request(self.number, index, head, body, head + b"\r\n\r\n" + wire)

    def read_chunked(self, data):
        body, wire = b"", b""

        def line():
            nonlocal data, wire
            while b"\r\n" not in data:
                data += self.receive() or self.abort()
            text, data = data.split(b"\r\n", 1)
            wire += text + b"\r\n"
            return text
        while True:
            size = int(line().split(b";")[0], 16)
            while len(data) < size + 2:
                data += self.receive() or self.abort()
            body, wire, data = body + data[:size], wire + data[:size + 2], data[size + 2:]
            if size == 0:
                return body, data, wire

    def abort(self):
        raise _Gone

    def receive(self):
        self.wait(lambda: False, forever=True)
        return self.sock.recv(1 << 18)

    def wait(self, is_over, forever=False):
        """until is_over(), or the socket is readable: then the other side has closed (or sent more)"""
        while not is_over():
            if self.upstream.stopping:
                raise _Gone
            ready, _ = readiness(self.sock, False, .1 if forever else .01)
            if ready:
                if forever:
                    return
                if not self.sock.recv(1, socket.MSG_PEEK):
                    raise _Gone
                time.sleep(.01)

    def send(self, data):
        view = memoryview(data)
        while view:
            if self.upstream.stopping:
                raise _Gone
            readable, writable = readiness(self.sock, True, .1)
            if readable and not self.sock.recv(1, socket.MSG_PEEK):
                raise _Gone
            if writable:
                self.sock.setblocking(False)
                try:
                    view = view[self.sock.send(view):]
                except BlockingIOError:
                    pass
                finally:
                    self.sock.setblocking(True)

    def play(self, reply):
        """sends the answer; False when the connection is over"""
        for piece in reply.before:
            self.piece(reply, piece)
        if reply.framing != "none":
            self.send(self.head(reply))
        for piece in reply.pieces:
            if isinstance(piece, (Cut, Reset)):
                self.close(piece)
                return False
            self.piece(reply, piece)
        if reply.framing == "chunked":
            self.send(b"0\r\n\r\n")
        return reply.framing in ("chunked", "length") and reply.keep and reply.length is None

    def close(self, piece):
        if isinstance(piece, Reset):
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def head(self, reply):
        lines = ["HTTP/1.1 %d %s" % (reply.status, reply.reason)]
        lines += ["%s: %s" % (n, v) for n, v in reply.headers.items() if n.lower() not in
                  ("transfer-encoding", "content-length", "connection")]
        if reply.framing == "chunked":
            lines.append("transfer-encoding: chunked")
        elif reply.framing == "length":
            size = sum(len(p) for p in reply.pieces if isinstance(p, bytes))
            lines.append("content-length: %d" % (size if reply.length is None else reply.length))
        elif reply.framing == "close":
            lines.append("connection: close")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def piece(self, reply, piece):
        if isinstance(piece, bytes):
            self.send(self.framed(reply, piece))
        elif isinstance(piece, Raw):
            self.send(piece.data)
        elif isinstance(piece, Stall):
            self.wait(lambda: False)
        elif isinstance(piece, Hold):
            self.wait(piece.event.is_set)
        elif isinstance(piece, Pause):
            until = time.monotonic() + piece.seconds
            self.wait(lambda: time.monotonic() >= until)
        elif isinstance(piece, Flood):
            framed = self.framed(reply, piece.piece)
            for _ in range(piece.times):
                self.send(framed)
                piece.written += 1

    @staticmethod
    def framed(reply, data):
        return b"%x\r\n%s\r\n" % (len(data), data) if reply.framing == "chunked" else data


class Upstream:
    def __init__(self):
        self.lock = threading.Condition()
        self.queue, self.default, self.chooser = [], None, None
        self.requests = []
        self.accepted = self.closed = 0
        self.stopping = False
        self.threads = []
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port = self.listener.getsockname()[1]
        self.origin = "http://127.0.0.1:%d" % self.port
        self.url = self.origin + "/v1"
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    # what to say
    def answer(self, *replies):
        with self.lock:
            self.queue += replies
        return self

    def always(self, reply):
        """`reply`: a Reply, or a function of the request that returns one"""
        self.default = reply
        return self

    # what was heard
    def wait_requests(self, count):
        with self.lock:
            assert self.lock.wait_for(lambda: len(self.requests) >= count, LIMIT), \
                "%d requests, %d expected" % (len(self.requests), count)
        return self.requests[count - 1]

    def wait_closed(self, count):
        with self.lock:
            assert self.lock.wait_for(lambda: self.closed >= count, LIMIT), "the gateway keeps its connections"

    @property
    def last(self):
        return self.requests[-1]

    def close(self):
        self.stopping = True
        self.listener.close()
        self.thread.join(LIMIT)
        for thread in self.threads:
            thread.join(LIMIT)

    def _next(self, request):
        with self.lock:
            self.requests.append(request)
            self.lock.notify_all()
            reply = self.queue.pop(0) if self.queue else self.default
        if callable(reply):
            reply = reply(request)
        return reply if reply is not None else error(500, "the test has queued no answer")

    def _accept(self):
        while not self.stopping:
            try:
                ready, _ = readiness(self.listener, False, .1)
                if not ready:
                    continue
                sock, _ = self.listener.accept()
            except (OSError, ValueError):
                return
            with self.lock:
                self.accepted += 1
                connection = _Connection(self, sock, self.accepted)
            thread = threading.Thread(target=connection.run, daemon=True)
            self.threads.append(thread)
            thread.start()

    def _closed(self, connection):
        with self.lock:
            self.closed += 1
            self.lock.notify_all()


def refused_url():
    """an address where nobody listens: bound, never listening"""
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    url = "http://127.0.0.1:%d/v1" % sock.getsockname()[1]
    return url, sock
