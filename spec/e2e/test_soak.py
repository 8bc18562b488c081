"""Long loads, in `make soak`: with the load tools of the benchmark. Many streams at once: test_soak_streams.py."""
import signal
import threading
import time

import pytest

import load
from gateway import DRAINED, is_sanitized
from wire import Closed, wait_until

pytestmark = pytest.mark.soak
REQUESTS, SECONDS = 1000000, 240  # at least both: a slope needs minutes
IDLE_MS = 500
FAULTS = {"p429": .01, "p500": .01, "prst": .02, "prstmid": .01, "pcut": .01, "perrmid": .01, "retry_after": 0}


@pytest.fixture(scope="module", autouse=True)
def tools():
    load.build_tools()


@pytest.fixture
def mockup():
    one = load.Mockup()
    yield one
    one.end()


class Mixed:
    """small requests, large bodies, streams, and clients that leave, all at once and again and again"""

    KINDS = (["-c", 48, "-b", 1024], ["-c", 4, "-b", 200000], ["-s", "-c", 64, "-n", 10])

    def __init__(self, g):
        self.g, self.completed, self.samples = g, 0, []

    def run(self, seconds):
        running = [load.Load(self.g, *kind, "-d", seconds, "-D", 5) for kind in self.KINDS]
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            leaving = load.Load(self.g, "-s", "-c", 16, "-d", 60)
            wait_until("streams to leave", lambda: leaving.process.poll() is None)
            time.sleep(1)
            leaving.vanish()
            self.samples.append((time.monotonic(), load.resident(self.g)))
        self.completed += sum(one.report()["total"]["completed"] for one in running)


@pytest.mark.timeout(900)
def test_T48_a_million_mixed_requests_leave_memory_flat(gateway, mockup):
    g = load.start(gateway, mockup, workers=2, retry={"max": 2})
    mockup.set(body=1024, chunks=10, gap=1, idle=IDLE_MS, **FAULTS)
    mixed, began = Mixed(g), time.monotonic()
    mixed.run(30)
    before, files = load.rest(g), load.descriptors(g)
    mixed.samples = []
    mixed.run(SECONDS)
    while mixed.completed < REQUESTS:
        mixed.run(30)
        assert time.monotonic() - began < 800, "too slow: %d requests" % mixed.completed
    after = load.rest(g)
    rate = load.slope(mixed.samples[len(mixed.samples) // 2:])
    print("%d requests in %.0f s: %+.3f MiB a minute in the second half; at rest %.1f MiB, afterwards %.1f MiB" %
          (mixed.completed, time.monotonic() - began, rate, before / load.MIB, after / load.MIB))
    assert g.get("/health").status == 200
    wait_until("descriptors are as before", lambda: load.descriptors(g) <= files)
    if not is_sanitized():
        assert rate <= .1, mixed.samples
        assert load.is_back(before, after, tables=0), (before, after)


@pytest.mark.timeout(120)
def test_T49_large_bodies_on_64_connections_take_no_more_than_four_times_their_size_soak(gateway, mockup):
    g = load.start(gateway, mockup)
    body, connections = 120 * 1024, 64
    mockup.set(body=1024, ttfb=20, idle=IDLE_MS)
    load.Load(g, "-c", 8, "-b", body, "-d", 2).report()
    before, most = load.rest(g), 0
    large = load.Load(g, "-c", connections, "-b", body, "-d", 20)
    while large.process.poll() is None:
        most = max(most, load.resident(g))
        time.sleep(.05)
    result, after = large.report(), load.rest(g)
    print("%d requests: %.1f MiB more at most (%.1f times the bodies); at rest %.1f MiB, afterwards %.1f MiB" %
          (result["ok"], (most - before) / load.MIB, (most - before) / (connections * body), before / load.MIB,
           after / load.MIB))
    assert result["ok"] > 1000 and result["total"]["errors"] == 0, result["errors"]
    if not is_sanitized():
        assert most - before <= 4 * connections * body
        assert load.is_back(before, after), (before, after)


@pytest.mark.timeout(600)
def test_an_overload_is_refused_or_served_and_passes(gateway, mockup):
    g = load.start(gateway, mockup, limits={"connections": 500})
    mockup.set(body=1024, ttfb=20)
    load.Load(g, "-c", 3000, "-r", 5000, "-d", 5, "-D", 5).report()
    wait_until("all ended", lambda: load.in_flight(g) == (0, 0))
    calm = load.Load(g, "-c", 16, "-d", 2).report()
    assert calm["ok"] > 0 and calm["total"]["errors"] == 0


# ---- draining ----------------------------------------------------------------------------------
class Client(threading.Thread):
    """asks again and again on kept connections, until nobody listens"""

    def __init__(self, g, stream):
        super().__init__(daemon=True)
        self.g, self.stream, self.answered, self.cut = g, stream, 0, []

    def run(self):
        while self.use_one_connection():
            pass

    def use_one_connection(self):
        """False when the program no longer listens, or an answer was not what it should be"""
        try:
            connection = self.g.connect()
        except OSError:
            return False
        with connection:
            while self.ask(connection):
                pass
        return not self.cut

    def ask(self, connection):
        """True when the connection is good for another request"""
        try:
            connection.request(body={"model": "mock-1", "stream": self.stream, "messages": []})
            answer = connection.response()
        except (OSError, Closed):
            # Not a byte of an answer: the request met a connection that was being closed, and was not accepted.
            if connection.data:
                self.cut.append(connection.data)
            return False
        try:
            answer.read()
        except (OSError, Closed):
            self.cut.append(answer.body)
            return False
        if answer.status != 200 or not answer.body.endswith(b"data: [DONE]\n\n" if self.stream else b"}"):
            self.cut.append(answer.body)
        self.answered += 1
        return not self.cut and answer.headers.get("connection", "").lower() != "close"


@pytest.mark.timeout(120)
def test_sigterm_amid_load_loses_no_accepted_request(gateway, mockup):
    g = load.start(gateway, mockup, workers=2)
    mockup.set(body=1024, ttfb=5, jitter=20, chunks=20, gap=10)
    clients = [Client(g, stream=i % 2 == 0) for i in range(64)]
    for one in clients:
        one.start()
    wait_until("load", lambda: all(one.answered >= 3 for one in clients))
    wait_until("streams under way", mockup.streams)
    g.signal(signal.SIGTERM)
    assert g.wait() == 0 and g.stderr[-1] == DRAINED, g.errors
    for one in clients:
        one.join(30)
    assert [one.cut for one in clients if one.cut] == []
    assert mockup.stats()["requests"] == sum(one.answered for one in clients)  # what was asked was also answered
    assert mockup.stats()["aborted"] == 0
