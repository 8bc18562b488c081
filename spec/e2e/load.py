"""Load on the program: the benchmark's mock upstream and load generator, and what memory does meanwhile."""
import fcntl
import http.client
import json
import os
import re
import resource
import signal
import socket
import subprocess
import time

from config import ADMIN, config, provider
from gateway import ROOT
from wire import wait_until

TOOLS = os.path.join(ROOT, "build", "bench")
MIB = 1024 * 1024
SPARE_FILES = 100  # of the gateway, beside two for each stream


def build_tools():
    os.makedirs(TOOLS, exist_ok=True)
    with open(os.path.join(TOOLS, "lock"), "w", encoding="ascii") as lock:  # test processes run side by side
        fcntl.flock(lock, fcntl.LOCK_EX)
        subprocess.run(["make", "-s", "-C", os.path.join(ROOT, "spec", "bench")], check=True)


def streams_that_fit(wanted):
    """as many of the wanted streams as the hard limit of open files has room for, two files each"""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return wanted if hard == resource.RLIM_INFINITY else min(wanted, (hard - SPARE_FILES) // 2 // 100 * 100)


class Mockup:
    """the C mock upstream, whose behaviour is set by key=value"""

    def __init__(self):
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            self.port = sock.getsockname()[1]
        self.process = subprocess.Popen([os.path.join(TOOLS, "mockup"), "-l", str(self.port)], stdout=subprocess.DEVNULL)
        wait_until("the mock upstream", lambda: self.process.poll() is None and self._try("GET", "/__mock/stats"))

    def _try(self, method, path):
        try:
            return self._call(method, path)
        except OSError:
            return None

    def _call(self, method, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request(method, path)
        data = connection.getresponse().read()
        connection.close()
        return data

    def set(self, **keys):
        self._call("POST", "/__mock/set?default=1" + "".join("&%s=%s" % pair for pair in keys.items()))

    def stats(self):
        return json.loads(self._call("GET", "/__mock/stats").rstrip(b"\0"))["ports"][0]

    def streams(self):
        return self.stats()["streams_open"]

    def end(self):
        self.process.terminate()
        self.process.wait()


class Load:
    """one running load generator"""

    def __init__(self, g, *args):
        command = [os.path.join(TOOLS, "loadgen"), "-p", str(g.port), "-m", "mock-1", "-w", 0, *args]
        self.process = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE)

    def report(self):
        """waits for its end"""
        return json.loads(self.process.communicate()[0])

    def vanish(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()


def streams(g, count, chunks, **more):
    """`count` streams at once, one for each connection; seconds: begin within `ramp`"""
    ramp = more.get("ramp", 1)
    return Load(g, "-s", "-c", count, "-n", chunks, "-R", ramp, "-d", ramp + .01, "-D", 120, "-T", 120)


def start(gateway, mockup, **settings):
    named = {"workers": 1, "admin": ADMIN, "log": {"file": "/dev/null"}, "models": {"mock-1": ["one/mock-1"]}}
    return gateway(config({"one": provider("http://127.0.0.1:%d/v1" % mockup.port)}, **{**named, **settings}))


def in_flight(g):
    m = g.metrics()
    return m["tidegate_requests_in_flight"], m["tidegate_upstreams_in_flight"]


# ---- memory ------------------------------------------------------------------------------------
def resident(g):
    """bytes"""
    with open("/proc/%d/status" % g.process.pid, encoding="ascii") as file:
        return int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1)) * 1024


def descriptors(g):
    return len(os.listdir("/proc/%d/fd" % g.process.pid))


def rest(g):
    """bytes once all has ended and memory has gone back: nothing in flight, then the same for three looks in a row"""
    wait_until("all ended", lambda: in_flight(g) == (0, 0))
    # What is left over goes back at most four seconds after the last request, a little more each time.
    sizes, least = [resident(g)], time.monotonic() + 6
    while time.monotonic() < least or len(set(sizes[-3:])) > 1:
        time.sleep(.5)
        sizes.append(resident(g))
        assert len(sizes) < 60, sizes
    return sizes[-1]


def is_back(before, after, tables=MIB):
    """within a tenth of rest; `tables`: bytes of tables that grow with the most streams ever and stay"""
    return after <= before * 1.1 + tables


def slope(samples):
    """least squares over (seconds, bytes): MiB a minute"""
    n = len(samples)
    mean_t, mean_v = sum(t for t, _ in samples) / n, sum(v for _, v in samples) / n
    over = sum((t - mean_t) * (v - mean_v) for t, v in samples)
    return over / sum((t - mean_t) ** 2 for t, _ in samples) * 60 / MIB
