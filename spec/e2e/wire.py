"""An HTTP/1.1 client that sees bytes: what came in which read, what the chunks were, when it ended."""
import json
import socket
import struct
import time

LIMIT = 30


class Closed(Exception):
    """the connection ended before the message did"""


class Response:
    def __init__(self, connection, head, method):
        self.connection = connection
        first, *lines = head.decode("latin-1").split("\r\n")
        self.version, status, *_ = first.split(" ", 2)
        self.status = int(status)
        self.header_list = [tuple(part.strip() for part in line.split(":", 1)) for line in lines]
        self.headers = {name.lower(): value for name, value in self.header_list}
        self.bodyless = method == "HEAD" or self.status in (204, 304) or self.status < 200
        self.chunked = "chunked" in self.headers.get("transfer-encoding", "")
        self.left = int(self.headers["content-length"]) if "content-length" in self.headers else None
        self.ended = self.bodyless or (self.left == 0 and not self.chunked)
        self.body = b""       # so far; everything after read()
        self.chunks = []      # as framed on the wire
        self.events_seen = 0

    def read_some(self):
        """the next bytes of the body, b"" at its end; raises Closed when it is cut"""
        if self.ended:
            return b""
        if self.chunked:
            data = self._read_chunk()
        elif self.left is not None:
            data = self.connection.take(self.left)
            if not data:
                raise Closed("%d bytes short" % self.left)
            self.left -= len(data)
            self.ended = self.left == 0
        else:
            data = self.connection.take(1 << 20)
            self.ended = not data
        self.body += data
        return data

    def _read_chunk(self):
        size = int(self.connection.line().split(b";")[0], 16)
        data = self.connection.exactly(size + 2)
        if size == 0:
            self.ended = True
            return b""
        self.chunks.append(data[:-2])
        return data[:-2]

    def read(self):
        while self.read_some():
            pass
        return self

    def read_until(self, text):
        while text not in self.body:
            if not self.read_some():
                raise AssertionError("%r never came, only %r" % (text, self.body[-500:]))
        return self

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def error(self):
        return self.json["error"]

    @property
    def events(self):
        """data of the SSE events in `body`, comments left out"""
        return sse_data(self.body)

    @property
    def text(self):
        """the content of a streamed chat"""
        return "".join(choice.get("delta", {}).get("content") or "" for data in self.events if data != "[DONE]"
                       for choice in json.loads(data).get("choices", ()))


def sse_data(body):
    """SSE by the book, one block at a time: an extractor of the tests' own"""
    text = body.decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")
    found = []
    for block in text.split("\n\n"):
        lines = [line[5:].removeprefix(" ") for line in block.split("\n") if line.startswith("data:")]
        if lines:
            found.append("\n".join(lines))
    return found


class Connection:
    def __init__(self, port, receive_buffer=None, seen=None):
        self.sock = socket.socket()
        if receive_buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.settimeout(LIMIT)
        self.sock.connect(("127.0.0.1", port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.data = b""
        self.reads = []  # each recv by itself
        self.seen = seen  # where all bytes are kept for the canary check

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # bytes
    def send(self, data):
        self.sock.sendall(data)
        return self

    def fill(self):
        try:
            got = self.sock.recv(1 << 18)
        except ConnectionResetError:
            got = b""
        if got:
            self.reads.append(got)
            if self.seen is not None:
                self.seen.append(got)
        self.data += got
        return bool(got)

    def take(self, most):
        if not self.data:
            self.fill()
        data, self.data = self.data[:most], self.data[most:]
        return data

    def exactly(self, size):
        while len(self.data) < size:
            if not self.fill():
                raise Closed("cut inside a chunk: %r" % self.data[-200:])
        data, self.data = self.data[:size], self.data[size:]
        return data

    def line(self):
        while b"\r\n" not in self.data:
            if not self.fill():
                raise Closed("cut between chunks")
        line, self.data = self.data.split(b"\r\n", 1)
        return line

    # messages
    def request(self, method="POST", path="/v1/chat/completions", body=None, headers=None, host="gateway"):
        """sends a whole request; `body` may be bytes or something for json.dumps"""
        lines = ["%s %s HTTP/1.1" % (method, path)] + (["Host: " + host] if host else [])
        headers = dict(headers or {})
        if body is not None:
            if not isinstance(body, bytes):
                body = json.dumps(body).encode()
                headers.setdefault("Content-Type", "application/json")
            headers.setdefault("Content-Length", str(len(body)))
        lines += ["%s: %s" % item for item in headers.items() if item[1] is not None]
        self.send(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + (body or b""))
        return self

    def response(self, method="POST", keep_interim=False):
        """the head of the next answer; its body is read by Response"""
        while True:
            while b"\r\n\r\n" not in self.data:
                if not self.fill():
                    raise Closed("no answer, only %r" % self.data[:200])
            head, self.data = self.data.split(b"\r\n\r\n", 1)
            answer = Response(self, head, method)
            if answer.status >= 200 or keep_interim:
                return answer

    def at_end(self):
        """True when the other side has closed and nothing is left"""
        return not self.data and not self.fill()

    def close(self):
        self.sock.close()

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


def wait_until(what, is_so, limit=LIMIT):
    """polls something that has no event of its own (a metric, a file); fails after a generous limit"""
    end = time.monotonic() + limit
    while True:
        value = is_so()
        if value:
            return value
        assert time.monotonic() < end, "never came: %s" % what
        time.sleep(.01)
