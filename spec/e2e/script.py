"""A server whose every connection is a function of the test: for faults that no HTTP server has.

    def play(peer):
        head = peer.read_head()
        peer.send(b"HTTP/1.1 200 O").reset()
    server = Script(play)

Each connection has a thread; port 0; loopback only. What the function leaves open is closed after it.
"""
import socket
import struct
import threading

from upstream import LIMIT

CLOSE_WITH_RST = struct.pack("ii", 1, 0)


class Gone(Exception):
    """the other side has closed"""


class Peer:
    """One accepted connection. `number` counts from 1."""

    def __init__(self, sock, number):
        self.sock, self.number, self.data = sock, number, b""
        sock.settimeout(LIMIT)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def more(self):
        got = self.sock.recv(1 << 18)
        if not got:
            raise Gone
        self.data += got

    def read_head(self):
        """the next head, its empty line taken off; what follows it stays to be read"""
        while b"\r\n\r\n" not in self.data:
            self.more()
        head, self.data = self.data.split(b"\r\n\r\n", 1)
        return head

    def read(self, size):
        while len(self.data) < size:
            self.more()
        got, self.data = self.data[:size], self.data[size:]
        return got

    def read_request(self):
        """(head, body) of a request with Content-Length"""
        head = self.read_head()
        lengths = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        return head, self.read(int(lengths[0]) if lengths else 0)

    def send(self, *pieces):
        for piece in pieces:
            self.sock.sendall(piece)
        return self

    def cut(self):
        """FIN, and nothing is read any more"""
        self.sock.close()

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, CLOSE_WITH_RST)
        self.sock.close()

    def wait_gone(self):
        """until the other side has closed; what it says meanwhile is dropped"""
        try:
            while self.sock.recv(1 << 18):
                pass
        except ConnectionResetError:
            pass


class Script:
    def __init__(self, play):
        self.play, self.problems, self.threads, self.peers = play, [], [], []
        self.lock = threading.Condition()
        self.ended = 0
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port = self.listener.getsockname()[1]
        self.origin = "http://127.0.0.1:%d" % self.port
        self.url = self.origin + "/v1"
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    @property
    def accepted(self):
        return len(self.peers)

    def wait_accepted(self, count):
        with self.lock:
            assert self.lock.wait_for(lambda: len(self.peers) >= count, LIMIT), "nobody connected"

    def wait_ended(self, count):
        """until so many connections have been played to their end"""
        with self.lock:
            assert self.lock.wait_for(lambda: self.ended >= count, LIMIT), "%d of %d ended" % (self.ended, count)

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            with self.lock:
                peer = Peer(sock, len(self.peers) + 1)
                self.peers.append(peer)
                self.lock.notify_all()
            thread = threading.Thread(target=self._run, args=(peer,), daemon=True)
            self.threads.append(thread)
            thread.start()

    def _run(self, peer):
        try:
            self.play(peer)
        except (Gone, OSError):
            pass
        except Exception as problem:  # told in the main thread, by close()
            self.problems.append(problem)
        finally:
            peer.sock.close()
            with self.lock:
                self.ended += 1
                self.lock.notify_all()

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(LIMIT)
        for peer in self.peers:
            try:
                peer.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        for thread in self.threads:
            thread.join(LIMIT)
        assert not self.problems, self.problems[0]


def answer(body, head=b"content-type: application/json\r\n", status=b"200 OK"):
    """the bytes of a whole answer with Content-Length"""
    return b"HTTP/1.1 %s\r\n%scontent-length: %d\r\n\r\n" % (status, head, len(body)) + body


def chunked(*pieces, head=b"content-type: text/event-stream\r\n"):
    """the bytes of a whole chunked answer, a chunk for each piece"""
    return (b"HTTP/1.1 200 OK\r\n" + head + b"transfer-encoding: chunked\r\n\r\n"
            + b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n")
