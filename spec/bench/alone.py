"""tidegate alone: how soon it answers, what it takes at rest."""
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

from actors import TOOLS, Mock
from machine import http_call

PROGRAM = os.path.join(TOOLS, "..", "release", "tidegate")
STARTS = 10
CONFIG = """return {
  listen = "127.0.0.1:%d",
  workers = %d,
  providers = { upstream = { extends = "openai", base_url = "http://127.0.0.1:%d/v1", keys = { "sk-bench" } } },
  models = { ["mock-1"] = { "upstream/mock-1" } },
}
"""


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


class Program:
    """tidegate from its start; `took` is the time to its first answer, in seconds"""

    def __init__(self, mock_port, workers, files=None, options=("--admin", "off", "--no-watch")):
        self.folder = tempfile.mkdtemp(prefix="targets.")
        self.port = free_port()
        self.write("gateway.lua", CONFIG % (self.port, workers, mock_port))
        for path, text in (files or {}).items():
            self.write(path, text)
        began = time.monotonic()
        with open(os.path.join(self.folder, "output"), "wb") as out:
            self.process = subprocess.Popen([PROGRAM, "run", self.folder, *options],
                                            stdout=out, stderr=out, stdin=subprocess.DEVNULL)
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() - began > 20:
                with open(os.path.join(self.folder, "output"), encoding="utf-8") as file:
                    sys.exit("tidegate did not start:\n" + file.read())
            time.sleep(.0005)
        self.took = time.monotonic() - began

    def write(self, path, text):
        path = os.path.join(self.folder, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def answers(self):
        body = json.dumps({"model": "mock-1", "messages": [{"role": "user", "content": "hi"}]})
        try:
            return http_call(self.port, "POST", "/v1/chat/completions", body,
                                   {"Content-Type": "application/json"})[0] == 200
        except OSError:
            return False

    def anonymous_mb(self):
        with open("/proc/%d/smaps_rollup" % self.process.pid, encoding="ascii") as file:
            return int(re.search(r"^Anonymous:\s+(\d+)", file.read(), re.M).group(1)) / 1024

    def stop(self):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def alone(port):
    """(best milliseconds to the first answer, MB at rest with two workers)"""
    rundir = tempfile.mkdtemp(prefix="alone.")
    mock = Mock(port, rundir, None)
    try:
        times = []
        for _ in range(STARTS):
            program = Program(port, 1)
            times.append(program.took * 1000)
            program.stop()
        program = Program(port, 2)
        time.sleep(1)
        memory = program.anonymous_mb()
        program.stop()
        return min(times), memory
    finally:
        mock.group.stop()
        shutil.rmtree(rundir, ignore_errors=True)
