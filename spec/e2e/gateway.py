"""Starts the real program, learns its port from the start line, and takes it down with a leak check."""
import json
import os
import re
import signal
import subprocess
import threading

import leftovers
from wire import LIMIT, Connection, wait_until

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
BINARY = os.path.abspath(os.environ.get("TIDEGATE_BIN", os.path.join(ROOT, "build", "release", "tidegate")))
CANARY = "sk-canary-"  # every provider key of the tests begins so, and must never be seen
DRAINED = "drained: 0 connections, 0 handles, 0 tasks"
LISTENING = re.compile(r"tidegate (\S+) listening on http://(?:127\.0\.0\.1|0\.0\.0\.0):(\d+)")
ADMIN = re.compile(r"admin on http://127\.0\.0\.1:(\d+)")
KEPT = ("ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LSAN_OPTIONS", "PATH", "LANG", "TZ")
SECONDS_TO_DRAIN = 30


def is_sanitized():
    return "/asan/" in BINARY or "/tsan/" in BINARY


def clean_env(more=None):
    """no provider keys and no proxies of the machine"""
    env = {name: os.environ[name] for name in KEPT if name in os.environ}
    env.update(more or {})
    return env


def run(*args, cwd=None, env=None):
    """a command that ends by itself: (status, stdout, stderr)"""
    done = subprocess.run([BINARY, *args], cwd=cwd, env=clean_env(env), capture_output=True, timeout=LIMIT,
                          stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


class Gateway:
    """One running program in a folder of its own."""

    def __init__(self, folder, config=None, env=None, args=(), files=None, listen="127.0.0.1:0",
                 open_files=None):
        self.folder, self.log_path = str(folder), os.path.join(str(folder), "gateway.log")
        for name, text in (files or {}).items():
            path = os.path.join(self.folder, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        if config is not None:
            with open(os.path.join(self.folder, "gateway.lua"), "w", encoding="utf-8") as file:
                file.write(config)
        self.command = [BINARY, "run", self.folder, *(["--listen", listen] if listen else []), *args]
        if open_files:  # the hard limit of descriptors
            self.command = ["sh", "-c", 'ulimit -n "$0" && exec "$@"', str(open_files), *self.command]
        self.env = clean_env(env)
        self.has_admin = "off" not in args and ("--admin" in args or "[\"admin\"]" in (config or ""))
        self.stderr, self.seen, self.stopped = [], [], False
        self.started = threading.Event()
        self.port = self.admin_port = None
        self.connections = []  # made by connect() and send()

    def start(self):
        self.out_path = os.path.join(self.folder, "stdout.txt")
        with open(self.out_path, "wb") as out:
            self.process = subprocess.Popen(self.command, cwd=self.folder, env=self.env, stdin=subprocess.DEVNULL,
                                            stdout=out, stderr=subprocess.PIPE)
        self.reader = threading.Thread(target=self._read_stderr, daemon=True)
        self.reader.start()
        assert self.started.wait(LIMIT), "no start line: %s" % self.errors
        assert self.port, "it ended at its start: %s" % self.errors
        self.files = leftovers.look(self.process.pid)
        return self

    def _read_stderr(self):
        for line in self.process.stderr:
            self.stderr.append(line.decode(errors="replace").rstrip("\n"))
            listening, admin = LISTENING.search(self.stderr[-1]), ADMIN.search(self.stderr[-1])
            if listening:
                self.version, self.port = listening.group(1), int(listening.group(2))
            if admin:
                self.admin_port = int(admin.group(1))
            if self.port and (self.admin_port or not self.has_admin):
                self.started.set()
        self.started.set()

    @property
    def errors(self):
        return "\n".join(self.stderr)

    @property
    def url(self):
        return "http://127.0.0.1:%d/v1" % self.port

    @property
    def output(self):
        with open(self.out_path, "rb") as file:
            return file.read().decode(errors="replace")

    # requests
    def connect(self, port=None, **more):
        self.connections.append(Connection(port or self.port, seen=self.seen, **more))
        return self.connections[-1]

    def send(self, body=None, path="/v1/chat/completions", method="POST", headers=None, port=None):
        """one request on a connection of its own; the answer, head only (for streams)"""
        connection = self.connect(port)
        connection.request(method, path, body, headers)
        return connection.response(method)

    def call(self, *args, **named):
        """one request, the whole answer"""
        answer = self.send(*args, **named).read()
        answer.connection.close()
        return answer

    def chat(self, model, stream=None, text="hi", **more):
        """a small chat: the whole answer, or with stream=True the head of a stream"""
        body = {"model": model, "messages": [{"role": "user", "content": text}], **more}
        if stream is not None:
            body["stream"] = stream
        return self.send(body) if stream else self.call(body)

    def get(self, path, **named):
        return self.call(None, path, "GET", **named)

    def admin(self, path, token="admin-token", method="GET", headers=None):
        headers = {**({"Authorization": "Bearer " + token} if token else {}), **(headers or {})}
        return self.call(None, path, method, headers, port=self.admin_port)

    def metrics(self):
        """{"name{labels}": value} of the metrics page"""
        text = self.admin("/metrics").body.decode()
        return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in text.split("\n")
                if line and not line.startswith("#")}

    # log
    def lines(self):
        """the log's lines, as objects"""
        if not os.path.exists(self.log_path):
            return []
        with open(self.log_path, "rb") as file:
            return [json.loads(line) for line in file.read().split(b"\n")[:-1] if line]

    def log(self, answer=None, request_id=None):
        """the request's line: of that answer, or the last one"""
        request_id = request_id or (answer and answer.headers["x-tidegate-request-id"])

        def find():
            for line in reversed(self.lines()):
                if line.get("request_id") and request_id in (None, line["request_id"]):
                    return line
            return None
        return wait_until("a log line of request %s" % request_id, find)

    # the end
    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, limit=SECONDS_TO_DRAIN):
        status = self.process.wait(limit)
        self.reader.join(LIMIT)
        self.stopped = True
        return status

    def settle(self):
        """every test leaves it alive; when the test's clients have gone, no connection is left that only it holds"""
        if self.process.poll() == 0:  # the test has ended it
            return
        assert self.process.poll() is None, "it ended with status %d: %s" % (self.process.poll(), self.errors[-4000:])
        for one in self.connections:
            one.close()
        wrong = []

        def is_clean():
            wrong.append(leftovers.excess(self.files, leftovers.look(self.process.pid)))
            return not wrong[-1]
        try:
            wait_until("no file left over", is_clean)
        except AssertionError:
            raise AssertionError("left over: %s" % wrong[-1]) from None

    def stop(self):
        """drains; every test ends so: status 0 and nothing left open"""
        if self.stopped or not hasattr(self, "process"):
            return
        self.signal(signal.SIGTERM)
        try:
            status = self.wait()
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError("it does not drain: %s" % self.errors) from None
        assert status == 0, "it ended with status %d: %s" % (status, self.errors[-4000:])
        assert self.stderr and self.stderr[-1] == DRAINED, "the last line is not a clean drain: %s" % self.errors[-4000:]

    def kill(self):
        if hasattr(self, "process") and self.process.poll() is None:
            self.process.kill()
            self.wait()

    def check_canary(self):
        """T-27: no provider key in the log, on stdout or stderr, or in any byte that a client received"""
        for place, text in (("stderr", self.errors.encode()), ("stdout", self.output.encode()),
                            ("an answer", b"".join(self.seen)), ("the log", self._log_bytes())):
            assert CANARY.encode() not in text, "a provider key in %s" % place

    def _log_bytes(self):
        if not os.path.exists(self.log_path):
            return b""
        with open(self.log_path, "rb") as file:
            return file.read()

    def resident_kb(self, field="VmRSS"):
        with open("/proc/%d/status" % self.process.pid, encoding="ascii") as file:
            return int(re.search(field + r":\s+(\d+)", file.read()).group(1))

    def peak_kb(self):
        """the most that was resident since the start"""
        return self.resident_kb("VmHWM")
