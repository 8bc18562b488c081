"""Long loads, in `make soak`: with the load tools of the benchmark."""
import http.client
import json
import os
import signal
import socket
import subprocess

import pytest

from config import ADMIN, config, provider
from gateway import ROOT, is_sanitized
from wire import wait_until

pytestmark = pytest.mark.soak
TOOLS = os.path.join(ROOT, "build", "bench")


@pytest.fixture(scope="module", autouse=True)
def tools():
    subprocess.run(["make", "-s", "-C", os.path.join(ROOT, "spec", "bench")], check=True)


class Mockup:
    """the C mock upstream, whose behaviour is set by key=value"""

    def __init__(self, port):
        self.port = port
        self.process = subprocess.Popen([os.path.join(TOOLS, "mockup"), "-l", str(port)], stdout=subprocess.DEVNULL)
        wait_until("the mock upstream", lambda: self.process.poll() is None and self.try_call("GET", "/__mock/stats"))

    def try_call(self, method, path):
        try:
            return self.call(method, path)
        except OSError:
            return None

    def call(self, method, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request(method, path)
        data = connection.getresponse().read()
        connection.close()
        return data

    def set(self, **keys):
        self.call("POST", "/__mock/set?default=1" + "".join("&%s=%s" % pair for pair in keys.items()))

    def stats(self):
        return json.loads(self.call("GET", "/__mock/stats").rstrip(b"\0"))["ports"][0]


@pytest.fixture
def mockup():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    one = Mockup(port)
    yield one
    one.process.terminate()
    one.process.wait()


def start(gateway, mockup, **settings):
    return gateway(config({"one": provider("http://127.0.0.1:%d/v1" % mockup.port)}, admin=ADMIN, log={"file": "/dev/null"},
                          models={"mock-1": ["one/mock-1"]}, **settings))


def load(g, *args):
    return subprocess.Popen([os.path.join(TOOLS, "loadgen"), "-p", str(g.port), "-m", "mock-1", *map(str, args)],
                            stdout=subprocess.PIPE)


def report(process):
    return json.loads(process.communicate()[0])


def in_flight(g):
    m = g.metrics()
    return m["tidegate_requests_in_flight"], m["tidegate_upstreams_in_flight"]


@pytest.mark.timeout(300)
def test_T07_two_thousand_streams_of_which_half_vanish(gateway, mockup):
    g = start(gateway, mockup, workers=2)
    mockup.set(chunks=100, gap=100)
    staying = load(g, "-s", "-c", 1000, "-n", 100, "-R", 2, "-w", 0, "-d", 20, "-D", 15)
    leaving = load(g, "-s", "-c", 1000, "-n", 100, "-R", 2, "-w", 0, "-d", 60, "-D", 0)
    wait_until("two thousand open streams", lambda: mockup.stats()["streams_open"] >= 1900)
    leaving.send_signal(signal.SIGKILL)
    leaving.communicate()
    wait_until("half of them gone", lambda: mockup.stats()["streams_open"] <= 1000)
    result = report(staying)
    assert result["total"]["errors"] == 0 and result["ok"] > 1000, result["errors"]
    wait_until("all gone", lambda: in_flight(g) == (0, 0) and mockup.stats()["streams_open"] == 0)


@pytest.mark.timeout(900)
def test_T48_a_hundred_thousand_mixed_requests_leave_memory_flat(gateway, mockup):
    g = start(gateway, mockup, workers=2, retry={"max": 2})
    mockup.set(body=1024, chunks=10, gap=1, p429=.02, p500=.02, prst=.05, prstmid=.02, pcut=.02, perrmid=.02, retry_after=0)
    sizes, done = [], 0
    while done < 100000:
        for args in (["-c", 32, "-b", 1024], ["-c", 8, "-b", 200000], ["-s", "-c", 64, "-n", 10]):
            done += report(load(g, *args, "-w", 0, "-d", 4, "-D", 2))["total"]["completed"]
        sizes.append(g.resident_kb())
        assert len(sizes) < 200, "too slow: %d requests" % done
    wait_until("all ended", lambda: in_flight(g) == (0, 0))
    if not is_sanitized() and len(sizes) >= 4:
        assert max(sizes[len(sizes) // 2:]) <= max(sizes[:len(sizes) // 2]) * 1.1 + 1024, sizes
    assert g.get("/health").status == 200


@pytest.mark.timeout(600)
def test_an_overload_is_refused_or_served_and_passes(gateway, mockup):
    g = start(gateway, mockup, workers=1, limits={"connections": 500})
    mockup.set(body=1024, ttfb=20)
    report(load(g, "-c", 3000, "-r", 5000, "-w", 0, "-d", 5, "-D", 5))
    wait_until("all ended", lambda: in_flight(g) == (0, 0))
    calm = report(load(g, "-c", 16, "-w", 0, "-d", 2))
    assert calm["ok"] > 0 and calm["total"]["errors"] == 0
